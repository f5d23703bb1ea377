export { Belfry } from './belfry.js';
export { ProblemError } from './request.js';
export { EventStreamParser } from './events.js';
