/** Where the values of a JSON text are, by path: found again when somebody must be told. */
import { parseJson, type Spot } from './json.js';

const LF = 10;

/** Line and column, from 1; columns in bytes. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A text that was read before, and where it begins. */
export interface Part extends Place {
  readonly text: Uint8Array;
}

/** The path of what encloses `path`: '' is the whole. */
function enclosing(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')));
}

/** What was found for `path`, or for the nearest that encloses it where it is missing; '' must be there. */
export function nearestTo<T>(found: ReadonlyMap<string, T>, path: string): T {
  for (let at = path; ; at = enclosing(at)) {
    const here = found.get(at);
    if (here !== undefined) return here;
  }
}

/** Places in a text of several parts, each an object of which it has members. */
export class Places {
  private readonly found: Map<string, { key: Place; value: Place }>;

  constructor(whole: Place, parts: Iterable<Part>) {
    this.found = new Map([['', { key: whole, value: whole }]]);
    for (const part of parts) this.add(part);
  }

  /** Where the value at `path` is, or what it should be in. */
  value(path: string): Place {
    return nearestTo(this.found, path).value;
  }

  /** Where the key of the value at `path` is. */
  key(path: string): Place {
    return nearestTo(this.found, path).key;
  }

  private add({ text, line, column }: Part): void {
    const positions = new Map<string, Spot>();
    parseJson(text, 0, text.length, { positions });
    // spots come in the order of the text, so that lines are counted once
    let at = 0;
    let from = 1 - column;
    const placeOf = (offset: number): Place => {
      for (; at < offset; at++) {
        if (text[at] !== LF) continue;
        line++;
        from = at + 1;
      }
      return { line, column: offset - from + 1 };
    };
    for (const [path, { key, value }] of positions) {
      const places = { key: placeOf(key), value: placeOf(value) };
      if (!this.found.has(path)) this.found.set(path, places);
    }
  }
}
