/** The badge: what `GET /v1/users/{user}/unread` answers. */
export interface Counts {
  user: string;
  version: number;
  cursor: string;
  x?: number;
  unread: number;
  unseen: number;
  urgent: number;
  categories: Record<string, { unread: number; unseen: number }>;
}

/** An item as the server tells it. Fields that this version does not know are kept. */
export interface Item {
  seq: number;
  version: number;
  read: boolean;
  seen: boolean;
  archived: boolean;
  count: number;
  replaces?: number;
  /** Its content has yet to come. */
  pending?: boolean;
  id?: string;
  source?: string;
  type?: string;
  category?: string;
  priority: 'low' | 'normal' | 'high' | 'urgent';
  title?: string;
  body?: string;
  url?: string;
  actor?: { id?: string; name?: string; avatar?: string };
  collapse_key?: string;
  time?: string;
  expires_at?: string;
  /** While it is hidden: when it shows again. */
  until?: string;
  /** When it came out of hiding, and the version that settled it there. */
  woke_at?: string;
  /** Whom a notice is for: "all", or "topic:" and a name. */
  audience?: string;
  shown?: number;
  /** The people behind `count`, last first. `more`: there were others before these. */
  actors?: { count: number; more: boolean; latest: { id?: string; name?: string }[] };
  data?: unknown;
  [unknown: string]: unknown;
}

/**
 * - `connecting`: nothing is known to be wrong, and nothing is live yet.
 * - `live`: this tab, or one beside it, has a stream.
 * - `polling`: streams are refused or blocked; the badge is asked for at the server's interval.
 * - `offline`: the server cannot be reached.
 * - `signed-out`: the token is refused; it is tried again now and then, and on `reconnect()`.
 */
export type Status = 'connecting' | 'live' | 'polling' | 'offline' | 'signed-out';

export interface State {
  readonly status: Status;
  /** `<epoch>.<version>` of what is shown, '' before the first list. */
  readonly cursor: string;
  /** null until the first answer. */
  readonly counts: Counts | null;
  /** What the server can do beyond the first version. Show nothing that is not named here. */
  readonly features: readonly string[];
  /** The muted categories; null until `mutes()` was asked for them. What another tab or device changes follows while there is a stream. */
  readonly mutes: readonly string[] | null;
  /** The last refusal or failure, of the connection or of an action; null once it is overcome. */
  readonly error: Error | null;
}

export interface Options {
  /** Whose inbox. */
  user: string;
  /** Where the API is; the page's own origin if absent. */
  url?: string;
  /** A bearer token. None is needed with `--auth none`. */
  token?: string;
  /**
   * Returns a bearer token and is asked for each request. After a 401 it is
   * asked again with the token that was refused.
   */
  getToken?: (reason?: { refused: string | undefined }) => string | undefined | Promise<string | undefined>;
  /** Accept-Language of the texts; the browser's if absent. */
  language?: string;
  /** Items a page, 1 to 100; 20 if absent. */
  pageSize?: number;
  fetch?: typeof fetch;
  /** Where the service worker of pushes is, on the page's own origin; `/belfry-sw.js` beside the API or on that origin if absent. */
  worker?: string;
}

/** Hours in which nothing is told, by a wall clock in `Preferences.zone`. */
export interface Quiet {
  /** On which they begin; every day if absent. */
  days?: ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[];
  /** As `22:00`. The end is on the next day where it is not after the start. */
  from: string;
  to: string;
}

export interface ChannelPreferences {
  on?: boolean;
  categories?: Record<string, boolean>;
}

/** What a user has set; a field that is absent is not set. */
export interface Preferences {
  user: string;
  version: number;
  cursor: string;
  language?: string;
  /** An IANA time zone. */
  zone?: string;
  quiet?: Quiet[];
  urgent_passes?: boolean;
  channels?: Record<string, ChannelPreferences>;
  /** The channels that there are; those with `categories` tell of no others. */
  available: { channel: string; kind: 'webpush' | 'mail' | 'text'; categories?: string[] }[];
}

type Patch<T> = { [K in keyof T]?: T[K] extends unknown[] | undefined ? T[K] | null : NonNullable<T[K]> extends object ? Patch<NonNullable<T[K]>> | null : T[K] | null };

/** A merge patch (RFC 7396): null takes a field away. */
export type PreferencesPatch = Patch<Pick<Preferences, 'language' | 'zone' | 'quiet' | 'urgent_passes' | 'channels'>>;

/**
 * - `on`, `off`
 * - `denied`: the browser's settings say no.
 * - `install`: an iPhone or iPad shows pushes of pages on its home screen alone.
 * - `unsupported`: this browser has none, or the page is not served by https.
 */
export type DeviceState = 'on' | 'off' | 'denied' | 'install' | 'unsupported';

/** This browser as a place that notifications come to while no page is open. */
export interface Device {
  state(): Promise<DeviceState>;
  /** Asks for the permission and subscribes. To be called by a click: browsers refuse it otherwise. */
  on(): Promise<DeviceState>;
  /** Ends the subscription, here and at the server. To be called when the user signs out. */
  off(): Promise<DeviceState>;
  /** Renews the subscription where that is due, or now. Clients do so by themselves when they start. */
  keep(now?: boolean): Promise<void>;
}

export interface Filter {
  /** `all` means not archived; `scheduled`, where `features` names `time`, what is snoozed, soonest first. */
  status?: 'all' | 'unread' | 'archived' | 'scheduled';
  category?: string;
  order?: 'newest' | 'importance';
}

export interface ListState {
  /** Another array whenever an item of it changed. An item that did not change is the same object. */
  readonly items: readonly Item[];
  readonly loading: boolean;
  /** Nothing is below. */
  readonly done: boolean;
  readonly error: Error | null;
}

export interface List extends ListState {
  /** The four above as one object: another one whenever one of them changed. */
  readonly state: ListState;
  /** Loads the page below. */
  more(): Promise<void>;
  /** Asks the server again. */
  refresh(): Promise<void>;
  /** Calls listener after a change, once for all changes of one task. */
  subscribe(listener: () => void): () => void;
  close(): void;
}

/** Items by seq, or all up to a version, perhaps of one category. */
export interface Selection {
  seqs?: number[];
  up_to?: number;
  category?: string;
}

export class Belfry {
  constructor(options: Options);
  readonly user: string;
  readonly state: State;
  /** Calls listener after a change, once for all changes of one task. */
  subscribe(listener: () => void): () => void;
  list(filter?: Filter): List;
  /**
   * The actions show at once. They resolve when the server has them, and
   * reject, with everything as it was before, when it refuses.
   */
  seen(selection: Selection): Promise<void>;
  read(selection: Selection): Promise<void>;
  unread(selection: Selection): Promise<void>;
  archive(selection: Selection): Promise<void>;
  unarchive(selection: Selection): Promise<void>;
  remove(selection: Selection): Promise<void>;
  /** The four below are there where `features` names `time`. `until` is ahead, a year at most. */
  snooze(selection: { seqs: number[]; until: Date | string | number }): Promise<void>;
  unsnooze(selection: { seqs: number[] }): Promise<void>;
  /** An item that comes in a muted category is archived and read. */
  mute(of: { category: string }): Promise<void>;
  unmute(of: { category: string }): Promise<void>;
  mutes(): Promise<string[]>;
  /** The two below are there where `features` names `reach`. Resolves with what is set, after the patch if there is one. */
  preferences(patch?: PreferencesPatch): Promise<Preferences>;
  /** Loads what it takes; call it before the click that calls `on()`. */
  device(): Promise<Device>;
  /**
   * Shows an action at once, and sends it, with what else is held, 5 s after the last
   * of them, or when the page ends. Until then `undo()` takes it back, and returns
   * whether it came in time. `done` is as the promise of the action itself.
   */
  hold(action: 'remove' | 'archive' | 'snooze', selection: { seqs: number[]; until?: Date | string | number }): { done: Promise<void>; undo(): boolean };
  /** Reaches what is shown here, and nothing that came since. */
  markAll(action: 'seen' | 'read' | 'archive', filter?: { category?: string }): Promise<void>;
  /** Tries at once what waits for its time. */
  reconnect(): void;
  close(): void;
}

/** An answer other than 2xx (RFC 9457). */
export class ProblemError extends Error {
  readonly status: number;
  readonly field?: string;
  /** Milliseconds, 0 for none. */
  readonly retryAfter: number;
}

/** A frame of an event stream (WHATWG HTML section 9.2.6). */
export interface Frame {
  event: string;
  data: string;
  id: string | undefined;
}

export class EventStreamParser {
  /** The last `retry:` in milliseconds. */
  retry: number | undefined;
  push(text: string): Frame[];
}
