// Compiles the component App.vue, as a Vue project's bundler would.
import { readFileSync, writeFileSync } from 'node:fs';
import { compileScript, parse } from 'vue/compiler-sfc';

const { descriptor, errors } = parse(readFileSync('App.vue', 'utf8'));
if (errors.length) throw errors[0];
const { content } = compileScript(descriptor, {
  id: 'app',
  inlineTemplate: true,
  templateOptions: { compilerOptions: { isCustomElement: (tag) => tag.startsWith('belfry-') } },
});
writeFileSync('vue.js', `import { createApp } from 'vue';\n${content.replace('export default', 'const App =')}\ncreateApp(App).mount('#app');\n`);
