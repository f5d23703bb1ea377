import { Belfry, ProblemError, type Item, type State } from '@belfry/client';
import { useBelfry, useBelfryState, useCounts, useList } from '@belfry/client/react';
const belfry = new Belfry({ user: 'u', url: 'https://belfry.example', getToken: async () => 'token' });
const stop: () => void = belfry.subscribe(() => { const s: State = belfry.state; if (s.status === 'live') console.log(s.counts?.categories.a?.unread); });
const list = belfry.list({ status: 'unread', order: 'importance' });
const titles: (string | undefined)[] = list.items.map((i: Item) => i.title);
belfry.markAll('read', { category: 'a' }).catch((e: unknown) => { if (e instanceof ProblemError) console.log(e.status); });
// @ts-expect-error there is no such status
belfry.list({ status: 'deleted' });
// @ts-expect-error a user is required
new Belfry({ url: '' });
export function Inbox() {
  const client = useBelfry({ user: 'u' });
  const counts = useCounts(client);
  const { status } = useBelfryState(client);
  const { items, done, more } = useList(client, { status: 'all' });
  return <div>{status} {counts?.unread}<ul>{items.map((i) => <li key={i.seq} onClick={() => client?.read({ seqs: [i.seq] })}>{i.title}</li>)}</ul>{!done && <button onClick={() => void more()}>more</button>}</div>;
}
stop(); titles.length;
