// The styles of an inbox: see ../styles.js.
export const viewStyles = `
:host{container:inbox/inline-size}
#root{display:flex;flex-direction:column;height:100%;position:relative;overflow-wrap:anywhere}
#top{display:flex;align-items:center;gap:.25rem;min-height:3.25rem;padding-block:.5rem 0;padding-inline:1rem .5rem}
h2{font-size:1.0625rem;font-weight:650;flex:1}
#tabs{min-height:2.813rem;border-block-end:1px solid var(--l)}
#filters{min-height:3.25rem;display:flex;flex-wrap:wrap;gap:.5rem;padding:.25rem 1rem}
#banner{display:flex;align-items:center;gap:.75rem;padding:.25rem 1rem;background:var(--h);color:var(--q);font-size:.8125rem}
#banner p{flex:1}
.t{color:var(--a);font-weight:600;padding:0 .5rem}
#scroll{flex:1;overflow-y:auto;min-height:0;overscroll-behavior:contain;outline-offset:-2px}
h3{position:sticky;top:0;z-index:1;padding:.55rem 1rem .3rem;font-size:.75rem;font-weight:600;letter-spacing:.02em;color:var(--q);background:var(--b)}
h2,h3,p,ul{margin:0}
ul{list-style:none;padding:0}
li{position:relative;display:flex;align-items:center;content-visibility:auto;contain-intrinsic-size:auto 5rem}
.m{flex:1;min-width:0;display:flex;gap:.75rem;padding-block:.7rem;padding-inline:1rem 2rem;color:inherit;text-decoration:none;cursor:pointer;outline-offset:-3px;border-radius:.5rem}
.av{width:2.5rem;height:2.5rem;border-radius:50%;display:grid;place-items:center;overflow:hidden;flex:none;background:light-dark(oklch(93% .045 var(--hue,270)),oklch(35% .06 var(--hue,270)));forced-color-adjust:none}
.tx{flex:1;min-width:0}
.ti,.bo{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3;overflow:hidden}
.bo{-webkit-line-clamp:2;color:var(--q);white-space:pre-line}
.un .ti{font-weight:600}
.me{display:flex;flex-wrap:wrap;gap:.1rem .5rem;font-size:.8125rem;color:var(--q);margin-block-start:.1rem}
.me>:not(:last-child)::after{content:"·";margin-inline-start:.5rem;color:var(--q);font-weight:400}
.pr{color:var(--u);font-weight:600}
.high .pr{color:var(--belfry-high,light-dark(#8a5200,#f3bf62))}
.dot{position:absolute;inset-block-start:1.1rem;inset-inline-end:.85rem;width:.6rem;height:.6rem;border-radius:50%;background:var(--a);forced-color-adjust:none}
.urgent .dot{background:var(--u)}
@media(hover:none){li{padding-inline-end:3rem}.m{padding-inline-end:.25rem}.dot{inset-inline-end:auto;inset-inline-start:2.9rem;inset-block-start:.6rem;box-shadow:0 0 0 2px var(--b)}}
.st{display:grid;justify-items:center;gap:.15rem;text-align:center;padding:3rem 2rem;color:var(--q)}
.st svg{font-size:2.25rem;stroke-width:1.25;opacity:.7;margin-block-end:.5rem}
.st b{color:var(--c);font-weight:600}
.sk{display:grid;gap:1.25rem;padding:1rem}
.sk i{height:2.5rem;border-radius:.6rem;background:var(--h)}`;
