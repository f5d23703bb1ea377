// The styles of what stands beside the list: see ../styles.js.
export const asideStyles = `
#mutes{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .5rem;padding:0 1rem;font-size:.8125rem;color:var(--q)}
#mutes button span{border:1px solid var(--l);border-radius:2em;padding:.2rem .75rem}
#mutes button:hover span{border-color:var(--q)}
#menu{position:fixed;inset:auto;margin:0;min-width:15rem;padding:.35rem;border:1px solid var(--l);border-radius:.75rem;background:var(--b);color:var(--c);box-shadow:0 12px 40px #0003}
#menu h3{position:static;padding:.4rem .65rem}
#menu button,#menu form{display:flex;align-items:center;gap:1rem;width:100%;padding:0 .65rem;text-align:start}
#menu :is(button:hover,button:focus-visible){background:var(--h);outline-offset:-2px}
#menu small{margin-inline-start:auto;font-size:.8125rem;color:var(--q)}
#menu form{gap:.5rem}
#menu input{flex:1;min-width:0;min-height:2.75rem;font:inherit;font-size:.8125rem;color:inherit;background:none;border:1px solid var(--l);border-radius:.5rem;padding:0 .5rem}
#menu form button{width:auto;color:var(--a);font-weight:600}
hr{border:0;border-block-start:1px solid var(--l);margin:.35rem 0}
#help{inset:0;margin:auto;width:min(20rem,90vw);border:1px solid var(--l);border-radius:.9rem;padding:1rem 1.25rem;background:var(--b);color:var(--c);box-shadow:0 12px 40px #0003}
#help h2{margin-block-end:.5rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.4rem 1rem;margin:0}
dt{display:flex;gap:.25rem}dd{margin:0;color:var(--q)}
kbd{font:600 .75rem/1.5 ui-monospace,monospace;border:1px solid var(--l);border-block-end-width:2px;border-radius:.3rem;padding:0 .35rem;min-width:1.6rem;text-align:center}
`;
