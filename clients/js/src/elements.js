// The parts of /belfry-bell.js: the components, and the client that they share.
export * from './index.js';
export { BelfryBell, BelfryInbox, languages } from './bell.js';
