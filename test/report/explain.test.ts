/** An explanation in every format: what people read, and what strangers may not do to it. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { escapeText } from '../../src/errors.js';
import type { Explanation } from '../../src/replay/explanation.js';
import { explainListing } from '../../src/report/explain.js';
import { FORMATS, type Format } from '../../src/report/index.js';
import { renderListing } from '../../src/report/listing.js';
import { createStyle, displayWidth } from '../../src/report/style.js';
import { type Event, explain, fault, range, replay, vma } from '../helpers.js';
import { HOSTILE } from './fixtures.js';

const report = (format: Format, explanation: Explanation): string =>
  renderListing(explainListing(explanation), format, createStyle(0));

/** Neither a control character nor one that hides or reorders text. */
const CLEAN = /^(?: |[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}\u2800])*$/u;

const finding = async (events: readonly Event[], i: number, model = 'v6.18'): Promise<string> =>
  explainListing(await explain(events, { events: [i] }, model)).opening?.finding ?? '';

describe('the finding', () => {
  const busy = range('mprotect', 0, 8, { t: 10_000, tid: 2, prot: 'r--', dur: 30_000 });

  test.each<[string, readonly Event[], number, string?]>([
    ['is finished under the VMA lock in v6.18.', [vma(0, 16), fault(0)], 1],
    ['takes mmap_lock under mmap_lock.', [vma(0, 16), fault(0)], 1, 'mmap_lock'],
    ['a write from kernel mode to', [vma(0, 16), fault(0, { mode: 'kernel' })], 1],
    ['ends in a signal under v6.18, because no VMA covered the address.', [vma(0, 16), fault(40)], 1],
    [
      'ends in a signal under v6.6, because the page lies behind the end of the file.',
      [
        vma(0, 16, { flags: ['private'], file: { name: '/f', fs: 'ext4' } }),
        fault(0, { access: 'read', page: { eof: true } }),
      ],
      1,
      'v6.6',
    ],
    [
      'ends in a signal under v6.4, because the page was poisoned.',
      [vma(0, 16), fault(0, { page: { entry: 'hwpoison' } })],
      1,
      'v6.4',
    ],
    [
      'falls back to mmap_lock at vma_start_read under v6.18, because the VMA was write-locked by mprotect of thread 2 (event 1); ' +
        'it waits 23.0 us.',
      [vma(0, 16, { t: 0 }), busy, fault(3, { t: 20_000, access: 'read' })],
      2,
    ],
  ])('%s', async (said, events, i, model) => {
    expect(await finding(events, i, model)).toContain(said);
  });
});

describe('every step has words', () => {
  const folder = fileURLToPath(new URL('../../traces/litmus/', import.meta.url));

  test.each(readdirSync(folder))('of %s', async name => {
    const { rows } = await replay(folder + name, 'mmap_lock');
    const { sections } = explainListing(await explain(folder + name, { events: rows.map(({ i }) => i) }, 'all'));
    for (const { rows } of sections)
      for (const cell of rows.flat())
        expect(cell).not.toMatch(/undefined|null|NaN|: $|; $|goes no further|cannot be handled/);
  });
});

describe('tables', () => {
  test('fit in 80 columns', async () => {
    const events = [
      vma(0, 16, {
        t: 0,
        name: 'a mapping with a long name, of which a terminal shows both ends and no more than that',
      }),
      range('mprotect', 0, 8, { t: 10_000, tid: 2, prot: 'r--', dur: 30_000 }),
      fault(3, { t: 20_000, access: 'read' }),
    ];
    const lines = report('table', await explain(events, { events: [2] }, 'v6.4,v6.18')).split('\n');
    expect(lines.filter(line => displayWidth(line) > 80)).toEqual([]);
  });
});

describe.each(HOSTILE.map(name => [escapeText(name), name]))('a trace that names things %s', (_, name) => {
  const file = { name: 'NAME', fs: 'ext4' };
  const events = [
    vma(0, 16, { t: 0, name: 'NAME' }),
    vma(32, 16, { t: 0, flags: ['private'], file, prot: 'r--' }),
    range('mprotect', 0, 8, { t: 10_000, tid: 2, prot: 'r--', dur: 30_000 }),
    fault(3, { t: 20_000, access: 'read' }),
    fault(33, { t: 21_000, tid: 3, access: 'read' }),
  ];
  /** The explanation, as it would be of a trace that has this name. */
  const hostile = async (): Promise<Explanation> => {
    const text = JSON.stringify(await explain(events, { events: [3, 4] }));
    return JSON.parse(text, (_, value: unknown) => (value === 'NAME' ? name : value)) as Explanation;
  };

  test.each(FORMATS)('reaches %s escaped', async format => {
    const text = report(format, await hostile());
    for (const line of text.split('\n')) expect(line.replaceAll('\t', format === 'tsv' ? '' : '\t')).toMatch(CLEAN);
  });

  test('comes back unchanged from json', async () => {
    const explanation = await hostile();
    expect(JSON.parse(report('json', explanation))).toEqual(explanation);
  });
});
