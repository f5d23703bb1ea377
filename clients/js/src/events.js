// Event streams (WHATWG HTML section 9.2.6).

/** Parses an event stream from pieces of text that may end anywhere. See belfry.d.ts. */
export class EventStreamParser {
  constructor() {
    let rest = '';
    let cr; // the last piece ended in "\r"
    let event;
    let data = [];
    let id;

    /**
     * Returns the frames that text completes: `{event, data, id}`, where id is
     * undefined for a frame that carries none.
     */
    this.push = (text) => {
      const frames = [];
      if (!text) return frames;
      if (cr && text[0] === '\n') text = text.slice(1);
      const lines = (rest + text).split(/\r\n|\n|\r/);
      rest = lines.pop();
      // The other half of a line end may be at the start of the next piece.
      cr = text.endsWith('\r');
      for (const line of lines) {
        const [, field, value] = /([^:]*):? ?(.*)/s.exec(line);
        if (field === 'event') event = value;
        else if (field === 'data') data.push(value);
        else if (field === 'id' && !value.includes('\0')) id = value;
        else if (field === 'retry' && /^\d+$/.test(value)) this.retry = +value;
        if (line) continue;
        if (data.length) frames.push({ event: event || 'message', data: data.join('\n'), id });
        event = id = undefined;
        data = [];
      }
      return frames;
    };
  }
}
