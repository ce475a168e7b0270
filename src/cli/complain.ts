/** Everything vmalock says on stderr: complaints, warnings and notes, as lines for people or JSON objects. */
import { Bug, Complaint, EXIT_BUG, EXIT_TROUBLE, escapeText, quote, type Where } from '../errors.js';
import { shellWord } from './shell.js';
import { OutputClosed, systemReason } from './system.js';

type Level = 'error' | 'warning' | 'note';

/** How messages are spelled, and whether remarks are wanted at all. Set once per run, before anything is said. */
export interface Voice {
  json: boolean;
  quiet: boolean;
}

export const voice: Voice = { json: false, quiet: false };

/** Complaints about the command line itself must already obey --error-format, so it is looked for by hand. */
export function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const ours = end < 0 ? argv : argv.slice(0, end);
  return ours.some(
    (word, i) => word === '--error-format=json' || (word === '--error-format' && ours[i + 1] === 'json'),
  );
}

interface Message {
  level: Level;
  class: string | null;
  where?: Where;
  message: string;
  hint?: string | undefined;
}

function say({ level, class: kind, where = {}, message, hint }: Message): void {
  process.stderr.write((voice.json ? jsonLine() : textLine()) + '\n');

  function jsonLine(): string {
    const { file = null, line = null, column = null, path = null } = where;
    const record = { level, class: kind, file, line, column, path, message, hint: hint ?? null };
    return JSON.stringify(record, (_, value: unknown) => (typeof value === 'string' ? escapeText(value) : value));
  }

  function textLine(): string {
    const place = formatWhere(where);
    const word = level === 'error' ? (kind ?? 'error') : level === 'warning' ? 'warning' : '';
    const parts = level === 'warning' ? ['vmalock', word, place] : ['vmalock', place, word];
    const { path = '' } = where;
    const inside = path === '' || message.includes(quote(path)) ? '' : `${path}: `;
    const head = parts.filter(part => part !== '').join(': ');
    return escapeText(`${head}: ${inside}${message}${hint === undefined ? '' : ` (${hint})`}`);
  }
}

/** `file:line:column`, as far as it is known. */
export function formatWhere({ file, line, column }: Where): string {
  return [file, line, column].filter(part => part !== undefined).join(':');
}

/** Says a complaint. */
export function complain(complaint: Complaint): void {
  say({
    level: 'error',
    class: complaint.class,
    where: complaint.where,
    message: complaint.message,
    hint: complaint.hint,
  });
}

/** Says a remark about an input; silent under -q. */
export function warn(message: string, where: Where = {}): void {
  if (!voice.quiet) say({ level: 'warning', class: null, where, message });
}

/** Says why the answer is what the exit status tells; not silenced, since it belongs to the answer. */
export function note(message: string, where: Where = {}): void {
  say({ level: 'note', class: null, where, message });
}

/** Says what stopped the run and returns the exit status for it. */
export function fail(error: unknown, argv: readonly string[]): number {
  if (error instanceof OutputClosed) return error.exitCode;
  const complaint = error instanceof Complaint ? error : systemComplaint(error);
  if (complaint !== null) {
    complain(complaint);
    return EXIT_TROUBLE;
  }
  const message =
    error instanceof Error ? `${error instanceof Bug ? '' : `${error.name}: `}${error.message}` : String(error);
  const command = ['vmalock', ...argv.slice(2)].map(shellWord).join(' ');
  say({
    level: 'error',
    class: 'bug',
    message: `this is a bug in vmalock: ${message}`,
    hint: `please report it with: ${command}`,
  });
  if (process.env.VMALOCK_DEBUG && error instanceof Error)
    process.stderr.write(`${escapeText(error.stack ?? '').replaceAll('\\x0a', '\n')}\n`);
  return EXIT_BUG;
}

/** An operating system's error nobody closer to it has put into words; null when `error` is something else. */
function systemComplaint(error: unknown): Complaint | null {
  if (!(error instanceof Error) || !('syscall' in error)) return null;
  const { path, syscall } = error as NodeJS.ErrnoException;
  const where = { file: path };
  return new Complaint('io', `${syscall}: ${systemReason(error as NodeJS.ErrnoException)}`, where);
}
