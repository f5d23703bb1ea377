// The consequence of an answer or batch that could not simply be taken; 0 is none.
export const LIST = 1; // list again: something is missing
export const DECIDE = 2; // list once without min_version: that answer decides which log is right
export const STALE = 3; // it is behind the store: ask again
