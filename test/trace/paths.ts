/** Two ways to read an event, the fast scanner and the strict parser, over the same line. */
import { expect } from 'vitest';
import { Columns } from '../../src/trace/columns.js';
import { Draft } from '../../src/trace/draft.js';
import { encodeEvent, encodeForeign, isForeign, isObject } from '../../src/trace/encode.js';
import { emptyInfo, Interner } from '../../src/trace/intern.js';
import { JsonError, parseJson } from '../../src/trace/json.js';
import { Scanner } from '../../src/trace/scan.js';
import { OP } from '../../src/vocab.js';
import { rowsOf } from './helpers.js';

/** Both paths, each with names of its own. */
export class Paths {
  readonly fast = { draft: new Draft(), names: new Interner(emptyInfo('-'), {}, {}), columns: new Columns(1) };
  readonly slow = { draft: new Draft(), names: new Interner(emptyInfo('-'), {}, {}), columns: new Columns(1) };
  readonly scanner = new Scanner(this.fast.draft, this.fast.names);

  /** Row and names, `not sure`, or the number of the check that failed. */
  byScanner(line: string, linewise = true): unknown {
    const bytes = Buffer.from(line);
    const buf = Buffer.concat([bytes, Buffer.alloc(64)]);
    const end = this.scanner.scan(buf, 0, linewise);
    if (end < 0) return 'not sure';
    expect(end).toBeLessThanOrEqual(bytes.length);
    if (line.slice(end).trim() !== '') return 'not sure';
    // what fails its check takes the slow path, which words the complaint
    const result = finish(this.fast);
    return typeof result === 'number' ? 'not sure' : result;
  }

  byParser(line: string): unknown {
    const bytes = Buffer.from(line);
    try {
      const value = parseJson(bytes, 0, bytes.length);
      if (!isObject(value)) return 'refused';
      if (typeof value.op === 'string' && isForeign(value.op)) encodeForeign(value, this.slow.draft, this.slow.names);
      else {
        const unknown: string[] = [];
        if (!encodeEvent(value, this.slow.draft, this.slow.names, unknown)) return 'refused';
        if (unknown.length > 0) return 'unknown keys';
      }
    } catch (error) {
      if (error instanceof JsonError) return error.class;
      throw error;
    }
    return finish(this.slow);
  }
}

function finish({ draft, names, columns }: Paths['fast']): unknown {
  draft.lastT = -1;
  const problem = draft.check();
  if (problem !== 0) return problem;
  columns.n = 0;
  draft.commit(columns, names, 1);
  const row = rowsOf(columns)[0];
  const { info } = names;
  return {
    ...row,
    a: row.op === OP.fork ? info.tids[row.a] : row.a,
    b: row.b < 0 ? -1 : info.mms[row.b],
    thread: info.tids[row.thread],
    mm: info.mms[row.mm],
    file: info.files[row.file] ?? null,
    name: info.strings[row.name] ?? null,
    via: info.strings[row.via] ?? null,
  };
}

/** What the scanner says must be what the parser says, unless it is not sure. */
export function same(paths: Paths, line: string, linewise = true): boolean {
  const fast = paths.byScanner(line, linewise);
  const slow = paths.byParser(line);
  if (fast !== 'not sure') expect(fast, line).toEqual(slow);
  return fast !== 'not sure';
}
