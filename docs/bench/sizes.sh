# Bytes of JavaScript that a page loads: minified, and compressed by gzip -9, as Belfry serves
# them, and by brotli 11, as many a proxy does. Run in the root of this repository, with npm:
# sh docs/bench/sizes.sh > docs/bench/sizes.txt
set -e
root=$PWD
line="--bundle --minify --format=esm --target=es2022 --legal-comments=none --log-level=error"
react="--external:react --external:react-dom --external:react-dom/client --external:react/jsx-runtime"
# The size of several files is the sum of each.
size() {
  name=$1
  shift
  minified=0 gzip=0 brotli=0
  for file in "$@"; do
    minified=$((minified + $(wc -c < "$file")))
    gzip=$((gzip + $(gzip -9 -c "$file" | wc -c)))
    brotli=$((brotli + $(node -p 'zlib.brotliCompressSync(fs.readFileSync(process.argv[1])).length' "$file")))
  done
  printf '%-48s %8d %8d %8d\n' "$name" $minified $gzip $brotli
}

dist=clients/js/dist
client=$dist/belfry.js
bell=$dist/belfry-bell.js
acting=$(echo $dist/belfry-acting.*.js)
inbox="$bell $(echo $dist/belfry-view.*.js)"
acts="$inbox $(echo $dist/belfry-controls.*.js) $acting"
printf '%-48s %8s %8s %8s\n' "esbuild $(go tool esbuild --version)" minified gzip brotli
size "Belfry: client, live, before a list is acted on" $client
size "Belfry: and what acts, idle after it" $client $acting
size "Belfry: bell and client, before the badge" $bell
size "Belfry: bell, inbox, client, before the list" $inbox
size "Belfry: and what acts on it, idle after it" $acts
size "Belfry: the same in Korean" $acts $dist/belfry-ko.*.js
size "Belfry: all that is loaded if all is used" $acts $dist/belfry-asides.*.js $dist/belfry-ko.*.js $dist/belfry-outside.*.js $dist/belfry-settings.*.js $dist/belfry-device.*.js
size "Belfry: all of that in one file" $dist/belfry-all.js
folder=$(mktemp -d)
(cd "$folder" && npm init -y > /dev/null && npm install --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
  @novu/js@3.19.2 @novu/react@3.19.2 @knocklabs/client@0.22.2 @knocklabs/react@0.12.1 @magicbell/react-headless@5.5.1 \
  @trycourier/courier-ui-inbox@2.4.7 @suprsend/web-sdk@4.1.2 @suprsend/react@0.3.5 react@19 react-dom@19)
for of in "@novu/js|client" "@knocklabs/client|client" "@magicbell/react-headless|client" "@suprsend/web-sdk|client" \
  "@trycourier/courier-ui-inbox|inbox" "@novu/react|inbox" "@suprsend/react|inbox" "@knocklabs/react|inbox"; do
  package=${of%|*}
  echo "export * from '$package'" > "$folder/entry.js"
  go tool esbuild "$folder/entry.js" $line $react --outfile="$folder/out.js"
  size "$package: ${of#*|}" "$folder/out.js"
done

printf '\nBelfry by module, minified\n'
for entry in index acting elements inbox/view inbox/controls inbox/asides; do
  borrows=
  case $entry in inbox/*) borrows=--conditions=belfry-later ;; esac
  go tool esbuild "clients/js/src/$entry.js" $line $borrows --external:./acting.js --external:./asides.js --external:./controls.js --external:./device.js --external:./ko.js --external:./outside.js --external:./settings.js --external:./inbox/view.js \
    --metafile="$folder/meta.json" --outfile="$folder/out.js"
  node -e '
    const { outputs } = require(process.argv[1]);
    const [{ inputs }] = Object.values(outputs);
    const of = Object.entries(inputs).map(([path, { bytesInOutput }]) => [path.replace("clients/js/src/", ""), bytesInOutput]);
    console.log(process.argv[2] + ": " + of.filter(([, n]) => n).sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} ${n}`).join(", "));
  ' "$folder/meta.json" "$entry.js"
done
rm -r "$folder"
