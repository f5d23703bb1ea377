// Requests to the API, with the user's token.

/** An answer other than 2xx or 304. `status` and `field` are those of the problem (RFC 9457). */
export class ProblemError extends Error {
  constructor(status, { detail, title, field }, retryAfter) {
    super(detail || title || `HTTP ${status}`);
    // retryAfter is in ms, 0 for none.
    Object.assign(this, { name: 'ProblemError', status, field, retryAfter });
  }
}

/** A header in seconds, as ms; 0 for none. */
export const seconds = (response, name) => Math.max(0, response.headers.get(name) * 1000) || 0;

/** Returns `request(path, init)` below the address base, which resolves with the response or rejects with a ProblemError or TypeError. */
export function requester(base, { token, getToken, language, fetch = globalThis.fetch }, leaving) {
  const patience = 20_000; // ms for any answer but a stream
  let last; // what getToken gave
  return async (path, init) => {
    const send = (bearer) => fetch(base + path, {
      cache: 'no-store',
      signal: AbortSignal.timeout(patience),
      ...init,
      headers: {
        Accept: 'application/json',
        ...init?.headers,
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
        ...(language && { 'Accept-Language': language }),
      },
    });
    const bearer = getToken ? (last = await leaving.unless(Promise.resolve(getToken()), () => last)) : token;
    let response = await send(bearer);
    if (response.status === 401 && getToken) {
      const again = await getToken({ refused: bearer });
      if (again && again !== bearer) response = await send((last = again));
    }
    if (response.ok || response.status === 304) return response;
    throw new ProblemError(response.status, await response.json().catch(() => ({})), seconds(response, 'Retry-After'));
  };
}
