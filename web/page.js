// The inbox page: the elements, and whom they are for.
import './belfry-bell.js';

const tokenKey = 'belfry.token'; // in sessionStorage, which ends with the tab
const $ = (id) => document.getElementById(id);
const elements = [$('bell'), $('inbox')];

// Whom a token names (RFC 7519 section 4.1.2). Whether it is true the server says.
function subject(token) {
  try {
    const part = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const { sub } = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
    return typeof sub === 'string' ? sub : '';
  } catch {
    return '';
  }
}

function open(user, token) {
  $('login').hidden = !!user;
  $('leave').hidden = !token;
  $('whose').hidden = !user;
  $('whose').firstChild.textContent = user;
  for (const e of elements) {
    e.hidden = !user;
    e.setAttribute('user', user);
    if (token) e.setAttribute('token', token);
    else e.removeAttribute('token');
  }
  if (user) document.title = `${user} · Belfry`;
}

function ask(problem = '') {
  $('problem').textContent = problem;
  $('problem').hidden = !problem;
  open('', '');
  $('token').focus();
}

$('login').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = $('token').value.trim();
  const address = new URL(location.href);
  const user = $('user').value || (token ? subject(token) : '');
  if (!user) return ask(token ? 'This token names no user.' : 'A token, please.');
  if (token) sessionStorage.setItem(tokenKey, token);
  if ($('user').value) address.searchParams.set('user', user);
  history.replaceState(null, '', address);
  open(user, token);
});

$('leave').addEventListener('click', () => {
  sessionStorage.removeItem(tokenKey);
  $('token').value = '';
  ask();
});

// A refused token is asked for again.
addEventListener('belfry-signin', () => ask('The server did not accept this token.'));

await customElements.whenDefined('belfry-inbox');
const token = sessionStorage.getItem(tokenKey) ?? '';
const user = new URLSearchParams(location.search).get('user') || subject(token);
if (user) open(user, token);
else ask();
