// The styles of the elements, as constructed sheets: a policy without
// 'unsafe-inline' lets these through. Colours follow the page's color-scheme.
export const host = `
:host{
--a:var(--belfry-accent,light-dark(#4150d8,#a9b4ff));
--b:var(--belfry-background,light-dark(#fff,#1b1d24));
--c:var(--belfry-text,light-dark(#1b1f2a,#eceef4));
--q:var(--belfry-quiet,light-dark(#5b6373,#a4acbd));
--l:var(--belfry-line,light-dark(#e4e7ee,#31353f));
--h:var(--belfry-hover,light-dark(#f4f5fa,#252832));
--u:var(--belfry-urgent,light-dark(#c4221f,#ff8f88));
--on:var(--belfry-on-accent,light-dark(#fff,#14162a));
font-size:.9375rem;font-weight:400;line-height:1.45;letter-spacing:normal;text-align:start;white-space:normal;
font-family:var(--belfry-font,inherit);
color:var(--c)}
:host([hidden]),[hidden]{display:none!important}
:host([theme=dark]){color-scheme:dark}:host([theme=light]){color-scheme:light}
*{box-sizing:border-box}
button{font:inherit;color:inherit;background:none;border:0;padding:0;margin:0;cursor:pointer;border-radius:.5rem;min-width:2.75rem;min-height:2.75rem}
:focus-visible{outline:2px solid var(--a);outline-offset:2px}
svg{width:1.25em;height:1.25em;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round;display:block}
:lang(ko){word-break:keep-all}
.v{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
`;

export const bellStyles = `
:host{display:inline-block;position:relative;vertical-align:middle}
#b{position:relative;display:grid;place-items:center}
#b:hover{background:var(--h)}
#b svg,::slotted([slot=icon]){font-size:1.2rem}
#n{position:absolute;inset-block-start:.2rem;inset-inline-start:50%;min-width:1.15rem;height:1.15rem;padding:0 .3rem;border-radius:1em;font-size:.6875rem;font-weight:700;line-height:1.15rem;text-align:center;font-variant-numeric:tabular-nums;background:var(--a);color:var(--on);box-shadow:0 0 0 2px var(--b);pointer-events:none}
#n.urgent{background:var(--u)}
#p{position:fixed;inset:auto;margin:0;padding:0;border:1px solid var(--l);border-radius:var(--belfry-radius,1rem);background:var(--b);width:min(27rem,100vw - 1rem);height:min(var(--belfry-height,40rem),100dvh - 5rem);overflow:hidden;box-shadow:0 1px 3px #0001,0 18px 50px #0003}
belfry-inbox{height:100%}
#x{display:none;place-items:center;color:var(--q)}
@media(max-width:32rem){#x{display:grid}#p{inset:0!important;width:100%;height:100%;max-width:none;max-height:none;border:0;border-radius:0}}
@media(prefers-reduced-motion:no-preference){#p:popover-open{animation:o .14s ease-out}@keyframes o{from{opacity:0;transform:translateY(-.4rem)}}}
@media(forced-colors:active){#n,#p{border:1px solid}}`;
