// The settings of an inbox: what reaches its user while no page is open, when, and in
// which language. It is loaded when it is opened first.
import { h, icon, say, set, sheet } from '#dom';

const en = {
  'channel.browser': 'Browser', 'channel.mail': 'E-mail', 'channel.chat': 'Chat',
  sBack: 'Back', sDevice: 'This device', sOn: 'Notifications on this device', sLoading: 'Loading…',
  sDenied: 'Your browser blocks them. Allow notifications in its settings for this site, and come back.',
  sInstall: 'Put this page on your home screen first (Share, then Add to Home Screen), and switch them on there.',
  sUnsupported: 'This browser cannot show them.',
  sChannels: 'What reaches you', sAll: '{name}: on', sCategory: '{name}: {category}',
  sQuiet: 'Quiet hours', sQuietHint: 'What comes then is told afterwards.', sDays: 'Days', sFrom: 'From', sTo: 'To', sAdd: 'Add quiet hours', sDrop: 'Delete these quiet hours',
  sInvalid: 'Choose at least one day, and two different times.', sUrgent: 'Urgent ones come all the same', sZone: 'Time zone',
  sMuted: 'Muted', sUnmute: 'Unmute {name}', sNoMuted: 'Nothing is muted.', sLanguage: 'Language', sAny: 'Not chosen',
};

const ko = {
  'channel.browser': '브라우저', 'channel.mail': '이메일', 'channel.chat': '채팅',
  sBack: '뒤로', sDevice: '이 기기', sOn: '이 기기에서 알림 받기', sLoading: '불러오는 중…',
  sDenied: '브라우저가 알림을 차단하고 있습니다. 브라우저의 사이트 설정에서 알림을 허용한 뒤 다시 시도해 주세요.',
  sInstall: '먼저 공유 메뉴에서 ‘홈 화면에 추가’를 누른 다음, 홈 화면에서 열어 켜 주세요.',
  sUnsupported: '이 브라우저에서는 알림을 받을 수 없습니다.',
  sChannels: '받을 알림', sAll: '{name}: 받기', sCategory: '{name}: {category}',
  sQuiet: '방해 금지 시간', sQuietHint: '이 시간에 온 알림은 나중에 알려 드립니다.', sDays: '요일', sFrom: '시작', sTo: '종료', sAdd: '방해 금지 시간 추가', sDrop: '이 방해 금지 시간 삭제',
  sInvalid: '요일을 하나 이상 고르고 서로 다른 시각을 입력해 주세요.', sUrgent: '긴급 알림은 항상 받기', sZone: '시간대',
  sMuted: '꺼진 알림', sUnmute: '‘{name}’ 알림 켜기', sNoMuted: '꺼진 알림이 없습니다.', sLanguage: '언어', sAny: '선택 안 함',
};

const words = { en, ko };
const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const monday = Date.UTC(2024, 0, 1);

const styles = sheet(`
#settings{position:absolute;inset:0;z-index:1;display:flex;flex-direction:column;background:var(--b);border-radius:inherit}
#settings>.hd{display:flex;align-items:center;padding:.5rem}
#settings>div+div{flex:1;overflow-y:auto;padding:0 1rem 4rem}
#settings h3{position:static;padding:1rem 0 .25rem}
#settings p{margin:.1rem 0 .5rem;font-size:.8125rem;color:var(--q)}
#settings fieldset{border:0;margin:0 0 .5rem;padding:0;min-width:0}
#settings legend{padding:0;font-weight:600}
#settings label{display:flex;align-items:center;justify-content:space-between;gap:.75rem;min-height:2.75rem;min-width:2.75rem}
#settings .f{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .75rem}
#settings .f label{justify-content:start;gap:.4rem}
#settings .q{border-block-end:1px solid var(--l);padding-block-end:.5rem}
#settings input,#settings select{font:inherit;color:inherit;accent-color:var(--a);margin:0}
#settings [type=checkbox]{width:1.25rem;height:1.25rem;flex:none}
#settings [type=time],#settings select{min-height:2.75rem;max-width:100%;background:var(--b);border:1px solid var(--l);border-radius:.5rem;padding:0 .5rem}
#settings [aria-invalid]{border-color:var(--u);outline-color:var(--u)}
#settings .e{color:var(--u)}
#settings .c{font-size:.8125rem;border:1px solid var(--l);border-radius:2em;padding:.2rem .9rem}
`);

export class Settings {
  #inbox;
  #attempt; // says why a promise failed
  #languages;
  #t;
  #element;
  #body;
  #others;
  #from; // what opened it
  #prefs;
  #sent = Promise.resolve();

  constructor({ inbox, root, from, attempt, languages }) {
    this.#from = from;
    this.#inbox = inbox;
    this.#attempt = attempt;
    this.#languages = languages;
    this.#t = { ...en, ...words[inbox.language], ...inbox.t };
    const { shadowRoot } = inbox;
    if (!shadowRoot.adoptedStyleSheets.includes(styles)) shadowRoot.adoptedStyleSheets = [...shadowRoot.adoptedStyleSheets, styles];
    // The keys of the list behind are not meant.
    this.#element = h('div', { id: 'settings', part: 'settings', role: 'dialog', 'aria-labelledby': 'settings-title', onkeydown: (e) => this.#key(e) },
      h('div', { class: 'hd' }, h('button', { class: 'i', 'aria-label': this.#t.sBack, title: this.#t.sBack, onclick: () => this.close() }, icon('M15 5l-7 7 7 7')),
        h('h2', { id: 'settings-title' }, inbox.t.settings)),
      (this.#body = h('div', { tabindex: -1 }, h('p', { role: 'status' }, this.#t.sLoading))));
    // Lines that say how it went stay above.
    this.#others = [...root.children].filter((e) => !e.inert && e.id !== 'toast' && e.getAttribute('role') !== 'status');
    for (const e of this.#others) e.inert = true;
    root.append(this.#element);
    this.#element.querySelector('button').focus();
    this.#attempt(this.#load().catch((error) => {
      this.close();
      throw error;
    }));
  }

  close() {
    for (const e of this.#others) e.inert = false;
    this.#element.remove();
    this.#from.focus();
  }

  #key(e) {
    e.stopPropagation();
    if (e.key !== 'Escape') return;
    e.preventDefault(); // the panel of the bell stays
    this.close();
  }

  #say(name, values) {
    return this.#t[name].replace(/{(\w+)}/g, (_, v) => values[v]);
  }

  async #load() {
    const { client } = this.#inbox;
    const [prefs, muted, device] = await Promise.all([client.preferences(), this.#inbox.can('time') ? client.mutes() : null, client.device()]);
    this.#prefs = prefs;
    const state = await device.state();
    this.#body.replaceChildren(
      this.#device(device, state),
      ...this.#channels(),
      this.#quiet(),
      ...(muted ? [this.#muted(muted)] : []),
      this.#language(),
    );
  }

  /** Saves a change; one that is refused is put back by `back`, and told. */
  #save(patch, back) {
    const saved = this.#sent.then(() => this.#inbox.client.preferences(patch)).then((prefs) => (this.#prefs = prefs));
    this.#sent = saved.catch(() => {});
    this.#attempt(saved.catch((error) => {
      back();
      throw error;
    }));
  }

  #check(name, checked, change, props) {
    const input = h('input', { type: 'checkbox', ...props, onchange: () => change(input) });
    input.checked = checked;
    return h('label', null, h('bdi', null, name), input);
  }

  #section(title, ...kids) {
    return h('section', { 'aria-label': title }, h('h3', null, title), ...kids);
  }

  // ---- this device

  #device(device, state) {
    const hint = h('p', { id: 'device-hint', role: 'status' });
    let turning; // a switch that is disabled meanwhile would lose the focus
    const label = this.#check(this.#t.sOn, false, (input) => {
      // The permission is asked for by the click itself.
      turning = device[input.checked ? 'on' : 'off']();
      this.#attempt(turning.catch(async (error) => {
        show(await device.state());
        throw error;
      }).then(show).finally(() => (turning = undefined)));
    }, { id: 'device', role: 'switch', 'aria-describedby': 'device-hint', onclick: (e) => turning && e.preventDefault() });
    const input = label.lastChild;
    const show = (is) => {
      input.checked = is === 'on';
      input.disabled = is !== 'on' && is !== 'off';
      say(hint, this.#t[{ denied: 'sDenied', install: 'sInstall', unsupported: 'sUnsupported' }[is]] ?? '');
      hint.hidden = !hint.textContent;
    };
    show(state);
    return this.#section(this.#t.sDevice, label, hint);
  }

  // ---- channels and categories

  #channels() {
    const { available = [], channels = {} } = this.#prefs;
    const counted = Object.keys(this.#inbox.client.state.counts?.categories ?? {});
    const of = available.map(({ channel, categories }) => {
      const name = this.#t[`channel.${channel}`] ?? channel.charAt(0).toLocaleUpperCase(this.#inbox.language) + channel.slice(1);
      const set = channels[channel] ?? {};
      const chosen = set.categories ?? {};
      // A channel that names its categories tells of no others.
      const names = [...new Set([...(categories ?? counted), ...Object.keys(chosen)])].sort();
      const box = h('fieldset', null, h('legend', null, h('bdi', null, name)));
      const kids = h('div', { class: 'f' }, names.map((category) => this.#check(this.#inbox.name(category), chosen[category] !== false, (input) =>
        this.#save({ channels: { [channel]: { categories: { [category]: input.checked ? null : false } } } }, () => (input.checked = !input.checked)), { 'data-category': category })));
      const on = this.#check(this.#say('sAll', { name }), set.on !== false, (input) => {
        kids.hidden = !input.checked;
        this.#save({ channels: { [channel]: { on: input.checked ? null : false } } }, () => {
          input.checked = !input.checked;
          kids.hidden = !input.checked;
        });
      }, { role: 'switch', 'data-channel': channel });
      kids.hidden = set.on === false;
      box.append(on, kids);
      return box;
    });
    return of.length ? [this.#section(this.#t.sChannels, ...of)] : [];
  }

  // ---- quiet hours

  #quiet() {
    const t = this.#t;
    const list = h('div');
    const format = new Intl.DateTimeFormat(this.#inbox.language, { weekday: 'short', timeZone: 'UTC' });
    const long = new Intl.DateTimeFormat(this.#inbox.language, { weekday: 'long', timeZone: 'UTC' });
    const hint = h('p', { class: 'e', role: 'alert' });
    const zones = this.#zones();
    const read = () => [...list.children].map((row) => ({
      days: [...row.querySelectorAll('[type=checkbox]:checked')].map((e) => e.value),
      from: row.querySelector('[name=from]').value, to: row.querySelector('[name=to]').value.replace('00:00', '24:00'),
    }));
    const save = () => {
      const quiet = read();
      const wrong = quiet.map(({ days: of, from, to }) => !of.length || !from || !to || from === to);
      [...list.children].forEach((row, i) => row.querySelectorAll('[type=time]').forEach((e) => set(e, 'aria-invalid', wrong[i])));
      say(hint, wrong.includes(true) ? t.sInvalid : '');
      if (wrong.includes(true)) return;
      // Hours are somewhere's hours.
      const patch = { quiet: quiet.length ? quiet : null };
      if (quiet.length && !this.#prefs.zone) patch.zone = zones.value = here();
      this.#save(patch, draw);
    };
    const row = ({ days: of, from, to }) => {
      const time = (name, label, value) => h('label', null, label, h('input', { type: 'time', name, value, required: true, onchange: save }));
      const e = h('fieldset', { class: 'q' }, h('legend', { class: 'v' }, t.sQuiet),
        h('div', { class: 'f', role: 'group', 'aria-label': t.sDays }, days.map((day, i) => {
          const at = monday + i * 864e5;
          return this.#check(format.format(at), of.includes(day), save, { value: day, 'aria-label': long.format(at) });
        })),
        h('div', { class: 'f' }, time('from', t.sFrom, from), time('to', t.sTo, to),
          h('button', { class: 't', 'aria-label': t.sDrop, onclick: () => {
            e.remove();
            add.focus();
            save();
          } }, this.#inbox.t.remove)));
      return e;
    };
    const add = h('button', { class: 't', onclick: () => {
      const e = row({ days, from: '22:00', to: '07:00' });
      list.append(e);
      e.querySelector('input').focus();
      save();
    } }, t.sAdd);
    const draw = () => list.replaceChildren(...(this.#prefs.quiet ?? []).map((of) => row({ from: of.from, to: of.to.replace('24:00', '00:00'), days: of.days ?? days })));
    draw();
    return this.#section(t.sQuiet, h('p', null, t.sQuietHint), list, hint, add,
      this.#check(t.sUrgent, this.#prefs.urgent_passes === true, (input) => this.#save({ urgent_passes: input.checked || null }, () => (input.checked = !input.checked)), { 'data-pref': 'urgent' }),
      h('label', null, t.sZone, zones));
  }

  #zones() {
    const { zone = '' } = this.#prefs;
    const all = [...new Set([zone, here(), 'UTC', ...(Intl.supportedValuesOf?.('timeZone') ?? [])])].filter(Boolean).sort();
    return this.#select('zone', [['', this.#t.sAny], ...all.map((name) => [name, name.replace(/_/g, ' ')])], zone, (value) => ({ zone: value || null }));
  }

  #select(name, options, value, patch) {
    let last = value;
    const e = h('select', { name, onchange: () => {
      const before = last;
      last = e.value;
      this.#save(patch(e.value), () => (e.value = last = before));
    } }, options.map(([v, text]) => h('option', { value: v }, text)));
    e.value = value;
    return e;
  }

  // ---- muted categories

  #muted(muted) {
    const t = this.#t;
    const none = h('p', null, t.sNoMuted);
    none.hidden = muted.length > 0;
    const list = h('div', { class: 'f' }, muted.map((category) => {
      const name = this.#inbox.name(category);
      const e = h('button', { class: 'c', 'aria-label': this.#say('sUnmute', { name }), onclick: () => {
        this.#inbox.mute(category, false);
        e.remove();
        none.hidden = list.children.length > 0;
        this.#body.focus();
      } }, h('bdi', null, name), ' ×');
      return e;
    }));
    return this.#section(t.sMuted, list, none);
  }

  // ---- language

  #language() {
    const { language = '' } = this.#prefs;
    const all = [...new Set([...this.#languages, language])].filter(Boolean);
    const name = (tag) => {
      try {
        return new Intl.DisplayNames(tag, { type: 'language' }).of(tag);
      } catch {
        return tag;
      }
    };
    return this.#section(this.#t.sLanguage, h('label', null, this.#t.sLanguage,
      this.#select('language', [['', this.#t.sAny], ...all.map((tag) => [tag, name(tag)])], language, (value) => ({ language: value || null }))));
  }
}

const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
