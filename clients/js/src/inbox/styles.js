// The styles of an inbox: see ../styles.js.
export const viewStyles = `
:host{container:inbox/inline-size}
#root{display:flex;flex-direction:column;height:100%;position:relative;overflow-wrap:anywhere}
#top{display:flex;align-items:center;gap:.25rem;padding-block:.5rem 0;padding-inline:1rem .5rem}
h2{font-size:1.0625rem;font-weight:650;margin:0;flex:1}
.i{display:grid;place-items:center;color:var(--q);font-size:1rem}
.i:hover{background:var(--h);color:var(--c)}
[aria-disabled=true]{opacity:.4;cursor:default}
#tabs{display:flex;gap:.25rem;overflow-x:auto;scrollbar-width:none;padding:0 .75rem;border-block-end:1px solid var(--l)}
#tabs button{display:flex;align-items:center;justify-content:center;gap:.4rem;flex:none;padding:0 .5rem;color:var(--q);border-radius:.5rem .5rem 0 0;outline-offset:-3px;border-block-end:2px solid transparent;margin-block-end:-1px;white-space:nowrap}
#tabs button:hover{color:var(--c)}
#tabs [aria-selected=true]{color:var(--c);font-weight:600;border-color:var(--a)}
.n{font-size:.75rem;font-weight:600;background:var(--h);color:var(--q);border-radius:1em;padding:.05rem .45rem;font-variant-numeric:tabular-nums}
[aria-selected=true] .n{background:var(--a);color:var(--on)}
#filters{display:flex;flex-wrap:wrap;gap:.5rem;padding:.25rem 1rem}
#filters button{display:flex;align-items:center;font-size:.8125rem;color:var(--q)}
#filters span{border:1px solid var(--l);border-radius:2em;padding:.2rem .75rem}
#filters button:hover span{border-color:var(--q)}
[aria-pressed=true] span{border-color:var(--a)!important;color:var(--a);box-shadow:inset 0 0 0 1px var(--a)}
#banner{display:flex;align-items:center;gap:.75rem;padding:.25rem 1rem;background:var(--h);color:var(--q);font-size:.8125rem}
#banner p{margin:0;flex:1}
.t{color:var(--a);font-weight:600;padding:0 .5rem}
.t:hover{text-decoration:underline}
#scroll{flex:1;overflow-y:auto;min-height:0;overscroll-behavior:contain;outline-offset:-2px}
h3{position:sticky;top:0;z-index:1;margin:0;padding:.55rem 1rem .3rem;font-size:.75rem;font-weight:600;letter-spacing:.02em;color:var(--q);background:var(--b)}
ul{list-style:none;margin:0;padding:0}
li{position:relative;display:flex;align-items:center;content-visibility:auto;contain-intrinsic-size:auto 5rem}
li:hover,li:focus-within{background:var(--h)}
.m{flex:1;min-width:0;display:flex;gap:.75rem;padding-block:.7rem;padding-inline:1rem 2rem;color:inherit;text-decoration:none;cursor:pointer;outline-offset:-3px;border-radius:.5rem}
.av{width:2.5rem;height:2.5rem;border-radius:50%;display:grid;place-items:center;font-size:.8125rem;font-weight:650;overflow:hidden;flex:none;background:light-dark(oklch(93% .045 var(--hue,270)),oklch(35% .06 var(--hue,270)));color:light-dark(oklch(42% .11 var(--hue,270)),oklch(90% .06 var(--hue,270)));forced-color-adjust:none}
.av img{width:100%;height:100%;object-fit:cover}
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
.ac{position:absolute;inset-block-start:.25rem;inset-inline-end:.25rem;display:flex;background:var(--b);border:1px solid var(--l);border-radius:.6rem;opacity:0;pointer-events:none;z-index:1}
.mo{display:none}
li:focus-within .ac:focus-within,li.open .ac{opacity:1;pointer-events:auto}
@media(hover:hover){li:hover .ac{opacity:1;pointer-events:auto}}
@media(hover:none){.mo{display:grid;align-self:start;margin-inline-end:.25rem}.m{padding-inline-end:.25rem}.dot{inset-inline-end:auto;inset-inline-start:2.9rem;inset-block-start:.6rem;box-shadow:0 0 0 2px var(--b)}.ac{inset-inline-end:3rem}}
.st{display:grid;justify-items:center;gap:.15rem;text-align:center;padding:3rem 2rem;color:var(--q)}
.st svg{font-size:2.25rem;stroke-width:1.25;opacity:.7;margin-block-end:.5rem}
.st b{color:var(--c);font-weight:600}
.st p{margin:0}
.sk{display:grid;gap:1.25rem;padding:1rem}
.sk i{height:2.5rem;border-radius:.6rem;background:var(--h);animation:p 1.4s infinite alternate}
@keyframes p{to{opacity:.4}}
#end{display:grid;place-items:center;min-height:2.75rem;color:var(--q);font-size:.8125rem}
#toast{position:absolute;inset-inline:.75rem;inset-block-end:.75rem;display:flex;align-items:center;gap:.5rem;padding-inline:1rem .5rem;min-height:2.75rem;border-radius:.7rem;background:var(--c);color:var(--b);box-shadow:0 6px 24px #0004;z-index:2}
#toast span{flex:1;padding-block:.5rem}
#toast .t{color:inherit;text-decoration:underline;text-underline-offset:.2em}
#toast :focus-visible{outline-color:var(--b)}
@media(prefers-reduced-motion:no-preference){li.in{animation:n .35s ease-out}@keyframes n{from{opacity:0;transform:translateY(-.4rem)}}}
@media(prefers-reduced-motion:reduce){.sk i{animation:none}}
@media(forced-colors:active){.dot.dot{background:Highlight}#tabs button{border-color:Canvas}#tabs [aria-selected=true]{border-color:Highlight}[aria-pressed=true] span{forced-color-adjust:none;background:Highlight;color:HighlightText}#toast,.ac,.n{border:1px solid}.av{border:1px solid CanvasText}}
`;
