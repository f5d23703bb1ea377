// Requests to the API, with the user's token.

/** An answer other than 2xx or 304. `status` and `field` are those of the problem (RFC 9457). */
export class ProblemError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.name = 'ProblemError';
    this.status = status;
    this.field = problem.field;
    this.retryAfter = retryAfter; // ms, 0 for none
  }
}

const patience = 20_000; // ms for any answer but a stream

/** Returns `request(path, init)`, which resolves with the response or rejects with a ProblemError or TypeError. */
export function requester({ url = '', user, token, getToken, language, fetch = globalThis.fetch.bind(globalThis) }, leaving) {
  const base = `${url.replace(/\/$/, '')}/v1/users/${encodeURIComponent(user)}`;
  let last; // what getToken gave
  return async function request(path, init = {}) {
    const send = async (bearer) => {
      const headers = { Accept: 'application/json', ...init.headers };
      if (bearer) headers.Authorization = `Bearer ${bearer}`;
      if (language) headers['Accept-Language'] = language;
      return fetch(base + path, { cache: 'no-store', signal: AbortSignal.timeout(patience), ...init, headers });
    };
    let bearer = getToken ? (last = await leaving.unless(Promise.resolve(getToken()), () => last)) : token;
    let response = await send(bearer);
    if (response.status === 401 && getToken) {
      const again = await getToken({ refused: bearer });
      if (again && again !== bearer) response = await send((last = bearer = again));
    }
    if (response.ok || response.status === 304) return response;
    const seconds = Number(response.headers.get('Retry-After'));
    const problem = await response.json().catch(() => ({}));
    throw new ProblemError(response.status, problem, seconds > 0 ? seconds * 1000 : 0);
  };
}
