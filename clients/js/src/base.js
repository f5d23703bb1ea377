// The ground of both elements: a client that elements of one user share, words.
import { Belfry } from './belfry.js';
import { fill, sheet } from './dom.js';
import { host } from './styles.js';
import { languages, load } from './text.js';

const ground = sheet(host);

const clients = new Map(); // by address, user and token: {client, elements}

/**
 * An element of one user. Attributes `url`, `user`, `token`, `lang` and `worker`, or the
 * property `client`; elements with the same ones share one client. `getToken` is
 * a property and comes before `token`.
 */
export class Base extends HTMLElement {
  static observedAttributes = ['url', 'user', 'token', 'lang', 'worker'];

  #client;
  #given;
  #release;
  #queued;
  #turn; // that waits for words
  #texts;
  #getToken;

  constructor(styles) {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [ground, styles];
  }

  connectedCallback() {
    // A property that was set before the element was defined hides the accessors.
    for (const name of ['client', 'getToken', 'texts']) {
      if (Object.hasOwn(this, name)) {
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
    }
    this.#later();
  }

  disconnectedCallback() {
    this.#later();
  }

  attributeChangedCallback() {
    this.#later();
  }

  /** The headless client. One that was given is not closed with the element. */
  get client() {
    return this.#client;
  }

  set client(client) {
    this.#given = client;
    this.#later();
  }

  /** Returns a token, or a promise of one; asked again with `{refused}` when the server refuses it. */
  get getToken() {
    return this.#getToken;
  }

  set getToken(getToken) {
    this.#getToken = getToken;
    this.#later();
  }

  set texts(texts) {
    this.#texts = texts;
    this.#later();
  }

  /** Words that replace those of the language. */
  get texts() {
    return this.#texts;
  }

  // An element that is moved leaves and comes in one go, and attributes are set one
  // by one: what follows from all of them is done once, after them.
  #later() {
    this.#queued ??= queueMicrotask(() => {
      this.#queued = undefined;
      this.#stop();
      if (this.isConnected) this.#start();
    }) ?? true;
  }

  #start() {
    const asked = this.lang || this.closest('[lang]')?.lang || navigator.language;
    const main = asked.split('-')[0];
    const language = [asked, main].find((l) => languages[l]) ?? 'en';
    let client = this.#given;
    if (!client) {
      const [url, user, token] = ['url', 'user', 'token'].map((name) => this.getAttribute(name) ?? '');
      if (!user) return;
      const key = this.getToken ? this : JSON.stringify([url, user, token, asked]);
      let shared = clients.get(key);
      if (!shared) {
        shared = { client: new Belfry({ url, user, token, getToken: this.getToken, language: asked, worker: this.getAttribute('worker') ?? undefined }), elements: 0 };
        clients.set(key, shared);
      }
      shared.elements++;
      client = shared.client;
      this.#release = () => {
        // Only if nobody else comes in the same breath.
        shared.elements--;
        queueMicrotask(() => {
          if (shared.elements === 0 && clients.get(key) === shared) {
            clients.delete(key);
            client.close();
          }
        });
      };
    }
    this.#client = client;
    const begin = () => {
      this.language = language;
      this.t = { ...languages.en, ...languages[language], ...this.#texts };
      // Times and lists are in the language of the words.
      this.locale = language === main ? asked : language;
      const off = client.subscribe(() => this.changed());
      const release = this.#release;
      this.#release = () => {
        off();
        release?.();
      };
      this.start();
      this.changed();
    };
    // No words are shown that others replace in a moment. Those that cannot be had are
    // English; the client does not wait for them.
    const words = load(language);
    if (!words) return begin();
    const turn = (this.#turn = {});
    words.catch(() => {}).then(() => turn === this.#turn && begin());
  }

  #stop() {
    if (this.#client) this.stop();
    this.#release?.();
    this.#turn = this.#release = this.#client = undefined;
  }

  say(name, values) {
    return fill(this.t[name], values);
  }

  emit(type, detail) {
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}
