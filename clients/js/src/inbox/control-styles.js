// The styles of what a list is acted on with: see ../styles.js.
export const controlStyles = `
.t:hover{text-decoration:underline}
li:hover,li:focus-within{background:var(--h)}
.av{font-size:.8125rem;font-weight:650;color:light-dark(oklch(42% .11 var(--hue,270)),oklch(90% .06 var(--hue,270)))}
.av img{width:100%;height:100%;object-fit:cover}
#tabs{display:flex;gap:.25rem;overflow-x:auto;scrollbar-width:none;padding:0 .75rem}
#tabs button{display:flex;align-items:center;justify-content:center;gap:.4rem;flex:none;padding:0 .5rem;color:var(--q);border-radius:.5rem .5rem 0 0;outline-offset:-3px;border-block-end:2px solid transparent;margin-block-end:-1px;white-space:nowrap}
#tabs button:hover{color:var(--c)}
#tabs [aria-selected=true]{color:var(--c);font-weight:600;border-color:var(--a)}
.n{font-size:.75rem;font-weight:600;background:var(--h);color:var(--q);border-radius:1em;padding:.05rem .45rem;font-variant-numeric:tabular-nums}
[aria-selected=true] .n{background:var(--a);color:var(--on)}
#filters button{display:flex;align-items:center;font-size:.8125rem;color:var(--q)}
#filters span{border:1px solid var(--l);border-radius:2em;padding:.2rem .75rem}
#filters button:hover span{border-color:var(--q)}
[aria-pressed=true] span{border-color:var(--a)!important;color:var(--a);box-shadow:inset 0 0 0 1px var(--a)}
.i{display:grid;place-items:center;color:var(--q);font-size:1rem}
.i:hover{background:var(--h);color:var(--c)}
[aria-disabled=true]{opacity:.4;cursor:default}
.ac{position:absolute;inset-block-start:.25rem;inset-inline-end:.25rem;display:flex;background:var(--b);border:1px solid var(--l);border-radius:.6rem;opacity:0;pointer-events:none;z-index:1}
.mo{display:none;position:absolute;inset-block-start:0;inset-inline-end:.25rem}
li:focus-within .ac:focus-within,li.open .ac{opacity:1;pointer-events:auto}
@media(hover:hover){li:hover .ac{opacity:1;pointer-events:auto}}
@media(hover:none){.mo{display:grid}.ac{inset-inline-end:3rem}}
#end{display:grid;place-items:center;min-height:2.75rem;color:var(--q);font-size:.8125rem}
#toast{position:absolute;inset-inline:.75rem;inset-block-end:.75rem;display:flex;align-items:center;gap:.5rem;padding-inline:1rem .5rem;min-height:2.75rem;border-radius:.7rem;background:var(--c);color:var(--b);box-shadow:0 6px 24px #0004;z-index:2}
#toast span{flex:1;padding-block:.5rem}
#toast .t{color:inherit;text-decoration:underline;text-underline-offset:.2em}
#toast :focus-visible{outline-color:var(--b)}
@media(prefers-reduced-motion:no-preference){.sk i{animation:p 1.4s infinite alternate}@keyframes p{to{opacity:.4}}li.in{animation:n .35s ease-out}@keyframes n{from{opacity:0;transform:translateY(-.4rem)}}}
@media(forced-colors:active){.dot.dot{background:Highlight}.av{border:1px solid CanvasText}#tabs button{border-color:Canvas}#tabs [aria-selected=true]{border-color:Highlight}[aria-pressed=true] span{forced-color-adjust:none;background:Highlight;color:HighlightText}#toast,.ac,.n{border:1px solid}}
`;
