/**
 * What a trace names, from the trace to every output of every command: nothing of it moves a cursor, opens a tag, runs a formula,
 * adds a row or becomes a path. How each reporter escapes is in test/report; here they are all met the way people meet them.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HOSTILE } from '../report/fixtures.js';
import { fault, mmap } from './case.js';
import { vmalock } from './run.js';

// Half a character is refused when it is read.
const NAMES = HOSTILE.filter(name => !/\p{Cs}/u.test(name));
const PAGES = 4;
const at = (i: number): string => `0x${(0x7f0000000000 + i * PAGES * 4096 * 2).toString(16)}`;

/** Every name in every place that takes one, and faults that wait, so that tables speak of them. */
function trace(): string {
  const meta = { name: NAMES[0], producer: NAMES[1], kernel: NAMES[2], arch: NAMES[3], command: NAMES[4], lost: 1 };
  const lines = [JSON.stringify({ format: 'vmalock-trace', version: 1, meta })];
  const add = (event: object) => lines.push(JSON.stringify({ t: lines.length * 1000, ...event }));
  NAMES.forEach((name, i) => {
    const [tid, other] = [100 + 2 * i, 101 + 2 * i];
    const where = { addr: at(i), len: `0x${(PAGES * 4096).toString(16)}` };
    const file = { name, fs: i % 2 === 0 ? 'ext4' : name };
    add({ op: 'thread', tid, name });
    add(i % 3 === 0 ? mmap({ tid, ...where, name, flags: ['private'], file }) : mmap({ tid, ...where, name }));
    add({ op: 'madvise', tid, ...where, advice: name });
    add({ op: 'other', tid, name });
    add({ op: `x-${name}`, tid, [name === '__proto__' ? 'x' : name]: name });
    add({ op: 'mprotect', tid, ...where, prot: 'rw-', dur: 900_000, name });
    const truth = { path: 'mmap_lock', fallback: true, via: name };
    add(fault({ tid: other, addr: at(i), access: 'read', truth, [`key ${name}`]: 1 }));
  });
  return lines.join('\n') + '\n';
}

const folder = mkdtempSync(join(tmpdir(), 'vmalock-names-'));
const inside = join(folder, 'inside');
mkdirSync(inside);
/** The trace's own name is one of them. */
const TRACE = '=1+1 \u001b[2J\u202e<b>|\n.ndjson';
writeFileSync(join(inside, TRACE), trace());

/** Lines of an output that are not fit for a terminal. */
function unfit(text: string, allowed = /[\n]/g): string[] {
  return text
    .split('\n')
    .filter(line => /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2800]|(?! )\p{Z}/u.test(line.replace(allowed, '')));
}

const REPLAY = ['replay', TRACE, '-m', 'mmap_lock,v6.4,v7.3'];
const RUNS: readonly (readonly string[])[] = [
  REPLAY,
  ...['json', 'ndjson', 'csv', 'tsv', 'markdown'].map(format => [...REPLAY, '--format', format]),
  ...['vma', 'thread', 'op', 'site'].map(key => [...REPLAY, '--by', key]),
  [...REPLAY, '--by', 'vma', '--format', 'csv'],
  [...REPLAY, '--events', '-'],
  [...REPLAY, '--html', '-'],
  [...REPLAY, '--perfetto', '-'],
  [...REPLAY, '--folded', '-'],
  [...REPLAY, '--strict'],
  [...REPLAY, '--strict', '--error-format', 'json'],
  ['diff', TRACE, 'mmap_lock', 'v7.3'],
  ['diff', TRACE, 'mmap_lock', 'v7.3', '--format', 'markdown'],
  ['diff', TRACE, 'mmap_lock', 'v7.3', '--html', '-'],
  ['verify', TRACE, '-m', 'v6.4'],
  ['verify', TRACE, '-m', 'v6.4', '--json'],
  ['explain', TRACE, '--fault', '6', '-m', 'v6.4'],
  ['validate', TRACE],
  ['validate', TRACE, '--strict'],
  ['convert', TRACE],
  ['convert', TRACE, '--to', 'document'],
];

describe('hostile names', () => {
  test.each(RUNS.map(args => [args.map(arg => (arg === TRACE ? 'TRACE' : arg)).join(' '), args] as const))(
    'are harmless in %s',
    async (_, args) => {
      const { status, stdout, stderr } = await vmalock(args, { cwd: inside });
      expect([0, 1, 2], stderr).toContain(status);
      expect(stdout + stderr).not.toBe('');
      expect(unfit(stdout, args.includes('tsv') ? /\t/g : undefined)).toEqual([]);
      expect(unfit(stderr)).toEqual([]);
      const format = args[args.indexOf('--format') + 1];
      if (format === 'json' || args.includes('--json') || args.includes('--perfetto')) JSON.parse(stdout);
      if (format === 'ndjson' || args.includes('--events')) {
        for (const line of stdout.trimEnd().split('\n')) JSON.parse(line);
      }
      if (format === 'csv' || format === 'tsv') expect(stdout).not.toMatch(/(^|[,\t])"?[=+@]/m);
      if (args.includes('--html')) {
        const page = stdout.replace(/<script[^>]*>[\s\S]*?<\/script>|<style>[\s\S]*?<\/style>/g, '');
        expect(page).not.toMatch(/<(script|img|b)\b|<[^>]*\son\w+\s*=/i);
        expect(stdout.match(/<script/g)).toHaveLength(stdout.match(/<\/script>/g)!.length);
      }
      if (args.includes('--folded')) expect(stdout).toMatch(/^([^;\n]+(;[^;\n]+){4} \d+\n)+$/);
      expect(readdirSync(inside)).toEqual([TRACE]);
      expect(readdirSync(folder)).toEqual(['inside']);
    },
  );

  test('come back from a conversion as they were', async () => {
    const { stdout } = await vmalock(['convert', TRACE], { cwd: inside });
    const events = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as object);
    expect(events(stdout)).toEqual(events(readFileSync(join(inside, TRACE), 'utf8')));
  });

  test('an output that lets one through would be noticed', () => {
    for (const name of ['\u001b[2J', '\u009b31m', 'two\u202e', 'line\u2028', '\u0007']) {
      expect(unfit(`fine\n${name}\nfine`)).toEqual([name]);
    }
    expect(unfit('fine\n\u4e2d\n')).toEqual([]);
  });
});
