// Event streams (WHATWG HTML section 9.2.6).

/** Parses an event stream from pieces of text that may end anywhere. */
export class EventStreamParser {
  /** The last `retry:` in milliseconds, undefined until there was one. */
  retry;

  #rest = '';
  #cr = false; // the last piece ended in "\r"
  #event = '';
  #data = [];
  #id;

  /**
   * Returns the frames that text completes: `{event, data, id}`, where id is
   * undefined for a frame that carries none.
   */
  push(text) {
    if (!text) return [];
    if (this.#cr && text[0] === '\n') text = text.slice(1);
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop();
    // The other half of a line end may be at the start of the next piece.
    this.#cr = text.endsWith('\r');
    return lines.map((line) => this.#line(line)).filter(Boolean);
  }

  #line(line) {
    if (!line) return this.#dispatch();
    const [, field, value] = /^([^:]*):? ?([^]*)$/.exec(line);
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    return undefined;
  }

  #dispatch() {
    const frame = this.#data.length ? { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id } : undefined;
    this.#event = '';
    this.#data = [];
    this.#id = undefined;
    return frame;
  }
}
