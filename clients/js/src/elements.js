// What /belfry-bell.js is: the components, and the client that they share.
export * from './index.js';
export { BelfryBell, BelfryInbox, languages } from './bell.js';
