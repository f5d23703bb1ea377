// The bindings, in a project of their own that has the package installed: each
// mounts a component on a server that is simulated, and shows what it holds.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createElement as h } from 'react';
import { renderToString } from 'react-dom/server';
import { createRenderer, h as v, nextTick } from 'vue';
import { useBelfry, useCounts, useList } from '@belfry/client/react';
import * as vue from '@belfry/client/vue';

const badge = { user: 'u', version: 1, cursor: '7.1', x: 0, unread: 1, unseen: 1, urgent: 0, categories: {} };
const item = { seq: 1, version: 1, read: false, seen: false, archived: false, count: 1, priority: 'normal', title: 'hello' };

globalThis.fetch = async (url, init) => {
  if (url.endsWith('/stream')) {
    return new Response(new ReadableStream({
      start(c) {
        c.enqueue(new TextEncoder().encode('id: 7.1\nevent: ping\ndata: {"version":1}\n\n'));
        init.signal.addEventListener('abort', () => c.error(init.signal.reason));
      },
    }));
  }
  return Response.json(url.includes('/unread') ? badge : { ...badge, features: [], items: [item] });
};

test('React renders on a server, without a connection', () => {
  function Inbox() {
    const belfry = useBelfry({ user: 'u' });
    const counts = useCounts(belfry);
    const { items, loading } = useList(belfry);
    return h('p', null, `${counts?.unread} ${items.length} ${loading}`);
  }
  assert.equal(renderToString(h(Inbox)), '<p>undefined 0 true</p>');
});

test('Vue shows the list and the badge, and closes', async () => {
  // A renderer that keeps text alone.
  const node = (text = '') => ({ text, children: [] });
  const renderer = createRenderer({
    createElement: () => node(), createText: node, createComment: () => node(),
    insert: (el, parent) => parent.children.includes(el) || parent.children.push(el), remove: () => {},
    setText: (el, text) => (el.text = text), setElementText: (el, text) => (el.text = text),
    parentNode: () => null, nextSibling: () => null, patchProp: () => {},
  });
  let belfry;
  const root = node();
  const app = renderer.createApp({
    setup() {
      belfry = vue.useBelfry({ user: 'u' });
      const state = vue.useBelfryState(belfry);
      const { state: list } = vue.useList(belfry);
      return () => v('p', `${state.value.status} ${state.value.counts?.unread} ${list.value.items.map((i) => i.title)}`);
    },
  });
  app.mount(root);
  for (let i = 0; i < 100 && root.children[0].text !== 'live 1 hello'; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await nextTick();
  }
  assert.equal(root.children[0].text, 'live 1 hello');
  app.unmount();
});
