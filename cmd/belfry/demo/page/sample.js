// Says what would be at the address that an item of the demo leads to.
const [kind, thing] = (new URLSearchParams(location.search).get('of') ?? '').split('/');
const kinds = {
  approvals: 'the document to approve', board: 'the post', calendar: 'the meeting',
  rooms: 'the room’s reservation', notices: 'the notice', orders: 'the order',
};
if (Object.hasOwn(kinds, kind)) document.getElementById('what').textContent = `${kinds[kind]} #${thing}`;
