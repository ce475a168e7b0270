/** What a hostile input is, as data: its bytes, what is run on it, how that must end and what must be said. */

/** An input tried from outside. One that is refused is refused alike by `replay` and by `validate`. */
export interface HostileCase {
  name: string;
  /** the trace; bytes where it is no text */
  input: string | Uint8Array;
  /** `replay` with these beside the trace; `--json` where absent */
  options?: string[];
  /** what stdout must say */
  says?: RegExp;
  /** exit 2 with this class, on this line where it is said; absent where the input is fine */
  refused?: { class: string; line?: number; says: RegExp };
  /** what a warning says; there is none where absent */
  warns?: RegExp;
  /** part of the JSON result */
  result?: object;
}

export const HEADER = '{"format":"vmalock-trace","version":1}';

/** A stream: its header, then a line for each event or text. */
export function stream(...events: readonly (object | string)[]): string {
  const lines = events.map(event => (typeof event === 'string' ? event : JSON.stringify(event)));
  return [HEADER, ...lines, ''].join('\n');
}

type More = Record<string, unknown>;

export const mmap = (more: More = {}): object => ({
  op: 'mmap',
  tid: 1,
  addr: '0x7f0000000000',
  len: '0x10000',
  prot: 'rw-',
  flags: ['private', 'anonymous'],
  ...more,
});

export const munmap = (more: More = {}): object => ({
  op: 'munmap',
  tid: 1,
  addr: '0x7f0000000000',
  len: '0x10000',
  ...more,
});

export const fault = (more: More = {}): object => ({
  op: 'fault',
  tid: 1,
  addr: '0x7f0000000000',
  access: 'write',
  ...more,
});

/** The line of an event with a value that JSON.stringify would not write. */
export const withRaw = (event: object, key: string, raw: string): string =>
  JSON.stringify({ ...event, [key]: '@@' }).replace('"@@"', raw);

/** Some models of a result, by what their faults came to. */
export const faults = (total: number, vma_lock: number, signal = 0): object => ({
  models: [{}, { model: 'v7.3', faults: { total, vma_lock, signal } }],
});
