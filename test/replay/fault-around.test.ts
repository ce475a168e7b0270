/** Programs whose pages may have been read in: fault-around tells what was in the page cache. */
import { describe, expect, test } from 'vitest';
import { type Event, fault, verify, vma } from '../helpers.js';
import { MS, STAYED } from './verified.js';

const HIDDEN = { 'x-hidden': 'page cache' };

/** Code that runs for the first time in these pages, one every 10 ms; only the first may have been read in. */
function program(pages: readonly number[], more: Partial<Event> = {}): Event[] {
  return pages.flatMap((page, i) => {
    const t = MS * (10 * i + 1);
    const file = { prot: 'r-x', flags: ['private'], file: {}, 'x-inferred': 'the next fault ended well' };
    const known = vma(page, 1, { t, ...file, ...more });
    return [known, fault(page, { t, access: 'exec', ...STAYED, ...(i === 0 ? HIDDEN : {}), ...more })];
  });
}
const first = async (events: readonly Event[], batch?: number): Promise<(string | null)[]> => {
  const { rows } = await verify(events, 'v6.18', batch === undefined ? {} : { batch });
  const { class: how, reason } = rows.find(row => row.i === 1) ?? {};
  return [how ?? null, reason ?? null];
};
const CACHED = ['scored', null];
const UNKNOWN = ['undecided', 'hidden_page'];

describe('a page of a program may have been read in', () => {
  test('not where each window of 16 pages was faulted on once: the rest of it was there', async () => {
    expect(await first(program([0, 20, 33, 79]))).toEqual(CACHED);
    expect(await first(program([0, 20, 33, 79]), 1)).toEqual(CACHED);
  });

  test('where a window was faulted on twice: the first fault mapped one page', async () => {
    expect(await first(program([0, 20, 33, 79, 34]))).toEqual(UNKNOWN);
  });

  test('where little of it ran, whatever its loader ran', async () => {
    expect(await first(program([0, 20, 33]))).toEqual(UNKNOWN);
    const later = program([0, 20, 33, 79].map(page => 2 ** 24 + page)).map(event => ({
      ...event,
      t: Number(event.t) + 100 * MS,
    }));
    expect(await first([...program([0, 20, 33]), ...later])).toEqual(UNKNOWN);
  });

  test('before its code ran: that may have read in the rest', async () => {
    const [known, touch] = program([5]);
    const ran = program([20, 33, 79, 100]).map(event => ({ ...event, t: Number(event.t) + 10 * MS }));
    expect(await first([known, { ...touch, access: 'read' }, ...ran])).toEqual(UNKNOWN);
    const late = [known, { ...touch, access: 'read' }].map(event => ({ ...event, t: 100 * MS }));
    const { rows } = await verify([...ran, ...late], 'v6.18');
    expect(rows.at(-1)).toMatchObject({ class: 'scored' });
  });

  test('whatever another program does, or the next one in its place', async () => {
    const later = (events: Event[]): Event[] => events.map(event => ({ ...event, t: Number(event.t) + 100 * MS }));
    const other = later(program([0, 20, 33, 79], { tid: 9, mm: 2 }));
    expect(await first([...program([0, 20]), ...other])).toEqual(UNKNOWN);
    const next = later(program([0, 20, 33, 79, 34], { mm: 2 }));
    const exec = { op: 'exec', t: 90 * MS, tid: 1, mm: 1, new_mm: 2 };
    expect(await first([...program([0, 20, 33, 79]), exec, ...next])).toEqual(CACHED);
  });

  test('of a forked child that ran enough of what it has of its parent', async () => {
    const parent = program([100, 120, 140, 160]).filter(({ op }) => op === 'vma');
    const fork = { op: 'fork', t: 50 * MS, tid: 1, child_tid: 2, child_mm: 2 };
    const child = [100, 120, 140, 160].map((page, i) =>
      fault(page, { t: MS * (60 + i), tid: 2, mm: 2, access: 'exec', ...STAYED, ...HIDDEN }),
    );
    const { rows } = await verify([...parent, fork, ...child], 'v6.18');
    expect(rows.map(row => row.class)).toEqual(['scored', 'scored', 'scored', 'scored']);
  });
});
