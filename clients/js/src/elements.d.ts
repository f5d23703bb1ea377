// The bell and the inbox as web components: import '@belfry/client/elements' defines them.
import type { Belfry, Counts, Item } from './belfry.js';

export * from './belfry.js';

/** What both elements have. Their attributes stand in docs/frontend.md. */
export interface BelfryElement extends HTMLElement {
  /** The client that the element shows; one that is set is not closed with it. */
  get client(): Belfry | undefined;
  set client(client: Belfry | undefined);
  /** Comes before the attribute `token`; `refused` is a token that the server did not take. */
  getToken?: (reason?: { refused?: string }) => string | Promise<string>;
  /** Words in place of those of the language, by name: see src/text.js. */
  texts?: Record<string, string>;
}

export interface BelfryBell extends BelfryElement {
  open(): void;
  close(): void;
}

export interface BelfryInbox extends BelfryElement {
  show(filter?: { status?: 'all' | 'unread' | 'archived' | 'scheduled'; category?: string | null }): void;
}

export const BelfryBell: { new (): BelfryBell };
export const BelfryInbox: { new (): BelfryInbox };

/** The words by language. */
export const languages: Record<string, Record<string, string>>;

declare global {
  interface HTMLElementTagNameMap {
    'belfry-bell': BelfryBell;
    'belfry-inbox': BelfryInbox;
  }
  interface HTMLElementEventMap {
    'belfry-open': CustomEvent<{ item: Item; event: MouseEvent }>;
    'belfry-count': CustomEvent<Counts>;
    'belfry-signin': CustomEvent<undefined>;
  }
}
