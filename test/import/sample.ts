/** Text -> what an import makes of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Draft, FINE } from '../../src/trace/draft.js';
import { encodeEvent } from '../../src/trace/encode.js';
import {
  type EventObject,
  type HeaderObject,
  type ImportOptions,
  type ImportSummary,
  importTrace,
} from '../../src/trace/import/index.js';
import type { TraceRecord } from '../../src/trace/import/record.js';
import { emptyInfo, Interner } from '../../src/trace/intern.js';
import type { JsonObject } from '../../src/trace/json.js';

export interface Imported {
  header: HeaderObject;
  events: EventObject[];
  faults: EventObject[];
  summary: ImportSummary;
}

/** A record of nothing in particular. */
export const RECORD: TraceRecord = {
  t: 0,
  synthesized: false,
  pid: 1,
  tid: 1,
  cpu: 0,
  comm: '',
  name: 'x',
  text: '',
  fields: null,
  size: 0,
  stack: null,
  line: 1,
};

const SAMPLES = new URL('../samples/import/', import.meta.url);

/**
 * Text of a file of test/samples/import, cut by hand from recordings: NAME.perf.txt of Linux 6.18.44, NAME.ftrace.txt of
 * 6.12 to 7.2, NAME.strace.txt of strace 6.1.
 */
export function sample(name: string, tool = 'perf'): string {
  return readFileSync(new URL(`${name}.${tool}.txt`, SAMPLES), 'utf8');
}

/** Every sample of a tool, or of all. */
export function samples(tool?: string): { name: string; tool: string }[] {
  return readdirSync(SAMPLES)
    .map(file => file.split('.'))
    .filter(([, kind, end]) => end === 'txt' && (tool === undefined || kind === tool))
    .map(([name, kind]) => ({ name, tool: kind }));
}

export async function imported(
  text: string | Iterable<string | Uint8Array>,
  { cut = false, ...options }: Partial<ImportOptions> & { cut?: boolean } = {},
): Promise<Imported> {
  async function* chunks() {
    // joined lines lack their last line feed; a text that is cut off says so with `options.cut`
    if (typeof text !== 'string') yield* text;
    else yield cut || text === '' || text.endsWith('\n') ? text : `${text}\n`;
  }
  const items = importTrace(chunks(), { file: 'sample', ...options });
  const header = (await items.next()).value as HeaderObject;
  const events: EventObject[] = [];
  for (;;) {
    const { value, done } = await items.next();
    if (done) {
      expectTrace(events, value);
      return { header, events, faults: events.filter(event => event.op === 'fault'), summary: value };
    }
    events.push(value as EventObject);
  }
}

/** Whatever is imported: events of the format, in the order of their times, and words for what could not be told. */
function expectTrace(events: readonly EventObject[], { unclassified, mismatches }: ImportSummary): void {
  const draft = new Draft();
  const names = new Interner(emptyInfo('-'), {}, {});
  for (const event of events) {
    const unknown: string[] = [];
    const shaped = encodeEvent(JSON.parse(JSON.stringify(event)) as JsonObject, draft, names, unknown);
    const found = [shaped, unknown, draft.check()];
    if (!shaped || unknown.length > 0 || found[2] !== FINE) expect([event, ...found]).toEqual([event, true, [], FINE]);
    draft.remember();
  }
  for (const reason of Object.keys(unclassified)) expect(reason).toMatch(/^[A-Za-z_]+/);
  for (const { shown, expected } of mismatches) expect(`${shown} ${expected}`).toMatch(/^0x\w+-0x\w+ 0x\w+-0x\w+$/);
}

/** A line of `perf script`: thread `tid` of process 10 at `us` microseconds. */
export function line(us: number, tid: number, text: string): string {
  return `   10/${tid}  [000]     1.${String(us).padStart(6, '0')}000: ${text}`;
}

const MM = 'mm=0xffff888105798c80';

/** mmap_lock taken and released by `tid`: start at `us`, one microsecond to get it, one to hold it. */
export function section(us: number, tid: number, write: boolean, mm = MM): string[] {
  return [
    line(us, tid, `mmap_lock:mmap_lock_start_locking: ${mm} memcg_id=1 write=${write}   0`),
    line(us + 1, tid, `mmap_lock:mmap_lock_acquire_returned: ${mm} memcg_id=1 write=${write} success=true   0`),
    line(us + 2, tid, `mmap_lock:mmap_lock_released: ${mm} memcg_id=1 write=${write}   0`),
  ];
}

/** A system call from `us` on, `inside` its lines, until `end`. */
export function call(us: number, tid: number, enter: string, inside: string[], end: number, result: string): string[] {
  const nr = enter.split(' ')[0];
  return [
    line(us, tid, `raw_syscalls:sys_enter: NR ${enter}   0`),
    ...inside,
    line(end, tid, `raw_syscalls:sys_exit: NR ${nr} = ${result}   0`),
  ];
}
