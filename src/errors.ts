/**
 * What can go wrong, for whom, and with which exit status. Findings (a SIGSEGV, a difference, a disagreement) are values
 * and never pass through here.
 */

export const EXIT_OK = 0;
/** A question was asked and its answer is "differs", "disagrees", "violated", "invalid" or "--fail-if met". */
export const EXIT_ANSWER = 1;
/** Usage or bad input. */
export const EXIT_TROUBLE = 2;
/** A bug in vmalock. */
export const EXIT_BUG = 70;

export type ComplaintClass = 'usage' | 'io' | 'encoding' | 'json-syntax' | 'schema' | 'semantic' | 'limit';

/** Where a complaint points: any part may be unknown. Lines and columns count from 1, columns in bytes. */
export interface Where {
  file?: string | undefined;
  line?: number | undefined;
  column?: number | undefined;
  /** JSON path inside the event or document, such as `events[3].addr` */
  path?: string | undefined;
}

/** A complaint about something the caller can mend: printed as one line, exit 2. */
export class Complaint extends Error {
  readonly class: ComplaintClass;
  readonly where: Where;
  readonly hint: string | undefined;

  /**
   * @param message what is wrong and what was found; untrusted text must already be quoted with `quote`
   * @param hint what to do about it
   */
  constructor(kind: ComplaintClass, message: string, where: Where = {}, hint?: string) {
    super(message);
    this.name = 'Complaint';
    this.class = kind;
    this.where = where;
    this.hint = hint;
  }
}

/** The complaint that `what` comes to more nanoseconds than a number holds exactly. */
export function tooLate(what: string, where: Where): Complaint {
  const message = `${what} passes 9,007,199,254,740,991 ns (104 days), and would not be exact`;
  return new Complaint('limit', message, where, 'give shorter times, smaller --costs or a part of the trace');
}

/** A broken invariant: our fault, exit 70. `reproduce` says how to see it again. */
export class Bug extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Bug';
  }
}

/** Stops with a Bug when `condition` does not hold. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** The longest piece of offending text a complaint repeats. */
const QUOTE_LIMIT = 80;

// Everything that could move a cursor, hide text or reorder it: C0, DEL, C1, bidi controls, zero width, line separators,
// lone surrogates, tags and other format characters; and all that is blank, but for the space: U+2800 is a letter of braille,
// U+1D159 a note without a head.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]|(?! )\p{Zs}/gu;

/** `text` with every control, bidi and invisible character spelled as `\xNN` or `\u{...}`. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, c => {
    const code = c.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** Untrusted text for a message: escaped, and cut behind QUOTE_LIMIT characters as they are shown. */
export function cutText(text: string): string {
  let shown = '';
  let length = 0;
  // an escape is not cut in two, nor one of JSON's
  for (const [part] of text.matchAll(/\\u[0-9a-f]{4}|./gsu)) {
    const escaped = escapeText(part);
    length += [...escaped].length;
    if (length > QUOTE_LIMIT) return `${shown}...`;
    shown += escaped;
  }
  return shown;
}

/** The same in double quotes. */
export function quote(text: string): string {
  return `"${cutText(text)}"`;
}

/** `locks[0].ask` */
export function pathText(path: readonly PropertyKey[]): string {
  let out = '';
  for (const part of path) {
    if (typeof part === 'number') out += `[${part}]`;
    else out += out === '' ? String(part) : `.${String(part)}`;
  }
  return out;
}

/** What a schema found wrong: where in the whole, and what should be there, such as `must be a string`. */
export interface Issue {
  readonly path: PropertyKey[];
  readonly message: string;
}

/** An issue with what stands there, or that it is missing. `spelled` is the text of a number, which may say more than it can hold. */
export function wrongValue(whole: unknown, { path, message }: Issue, spelled?: string): string {
  const found = path.reduce((at, part) => (at as Record<PropertyKey, unknown>)[part], whole);
  const name = quote(pathText(path));
  if (found === undefined) return `${name} is missing: it ${message}`;
  const exact = typeof found === 'number' && spelled !== undefined ? spelled : JSON.stringify(found);
  return `${name} ${message}, got ${typeof found === 'string' ? quote(found) : cutText(exact)}`;
}

/** What a value of JSON is: `null`, `an array`, `a string`. */
export function shapeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The name nearest to `name` among `known` (edit distance), or undefined when none is as near as `most`. */
export function nearest(
  name: string,
  known: Iterable<string>,
  most = Math.max(2, Math.ceil(name.length / 3)),
): string | undefined {
  let best: string | undefined;
  let bestDistance = most + 1;
  if (name.length > 64) return undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(previous[j] + 1, row[j - 1] + 1, change);
    }
    previous = row;
  }
  return previous[b.length];
}
