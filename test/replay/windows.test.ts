/** The window rule: when a recording can tell what a fault met, and when it cannot. */
import { describe, expect, test } from 'vitest';
import type { Mark, Section } from '../../src/replay/sections.js';
import {
  ACROSS,
  APART,
  INSIDE,
  isRace,
  LOOKUP,
  MARKING,
  NATIVE,
  RELEASING,
  whileHeld,
  whileMarked,
} from '../../src/replay/windows.js';
import { OP } from '../../src/vocab.js';

const GOT = 1_000_000;
const END = 2_000_000;
const PAGE = 100;

function section(more: Partial<Section> = {}): Section {
  return {
    i: 0,
    op: OP.mprotect,
    thread: 1,
    page: PAGE,
    len: 8,
    ask: GOT - 5_000,
    got: GOT,
    end: END,
    recorded: true,
    late: false,
    grows: null,
    over: Number.POSITIVE_INFINITY,
    marks: [mark()],
    ...more,
  };
}

const mark = (more: Partial<Mark> = {}): Mark => ({ start: PAGE, end: PAGE + 8, late: false, reach: null, ...more });
const lookup = (t: number, of = section(), page = PAGE) => whileMarked(of, page, t, t + LOOKUP);

describe('the lookup of a fault, and a section that marks its VMA', () => {
  test.each([
    ['long before it', GOT - LOOKUP, APART],
    ['just before it: an interrupt may make the lookup late', GOT - LOOKUP + 1, ACROSS],
    ['at its beginning: the VMA is not marked yet', GOT + MARKING - 1, ACROSS],
    ['once everything is marked', GOT + MARKING, INSIDE],
    ['as late as it may be for the lookup to be over before it', END - LOOKUP, INSIDE],
    ['near its end', END - LOOKUP + 1, ACROSS],
    ['just behind it: the release was written down before it happened', END + RELEASING - 1, ACROSS],
    ['behind it', END + RELEASING, APART],
  ] as const)('%s', (_, t, lie) => {
    expect(lookup(t)).toBe(lie);
  });

  test('behind it as soon as its call is over', () => {
    const over = END + RELEASING / 2;
    expect([over - 1, over].map(t => lookup(t, section({ over })))).toEqual([ACROSS, APART]);
    expect(lookup(END + RELEASING, section({ over: END + 2 * RELEASING }))).toBe(APART);
  });

  test('another VMA is none of its business', () => {
    expect(lookup(GOT + MARKING, section(), PAGE + 8)).toBe(APART);
    expect(lookup(GOT + MARKING, section({ marks: [] }))).toBe(APART);
  });

  test('where it may have been marked at any time of the section, nothing in it is certain', () => {
    const anyTime = { ...NATIVE, marking: null };
    const lie = (t: number) => whileMarked(section(), PAGE, t, t + LOOKUP, anyTime);
    expect(lie(GOT + MARKING)).toBe(ACROSS);
    expect(lie(END - LOOKUP)).toBe(ACROSS);
    expect(lie(END + RELEASING)).toBe(APART);
  });

  test('a VMA that the operation comes to later may not be marked until the end', () => {
    const late = section({ marks: [mark({ late: true })] });
    expect([GOT - LOOKUP, GOT + MARKING, END - LOOKUP, END + RELEASING].map(t => lookup(t, late))).toEqual([
      APART,
      ACROSS,
      ACROSS,
      APART,
    ]);
  });

  test('a VMA marked at once and again later is marked at once', () => {
    expect(lookup(GOT + MARKING, section({ marks: [mark({ late: true }), mark()] }))).toBe(INSIDE);
  });

  test('times that were not recorded are never certain', () => {
    const modelled = section({ recorded: false });
    expect([GOT + MARKING, END + RELEASING, END + LOOKUP].map(t => lookup(t, modelled))).toEqual([
      ACROSS,
      ACROSS,
      APART,
    ]);
  });

  test('a section that is not over is open to the right', () => {
    expect(lookup(END * 10, section({ end: Number.POSITIVE_INFINITY, recorded: false }))).toBe(ACROSS);
  });
});

describe('the trylock of a fault, and a writer', () => {
  const trylock = (t: number, of = section()) => whileHeld(of, t, t + 1_000);

  test.each([
    ['before the writer asks', GOT - 6_000, APART],
    ['while the writer waits, perhaps spinning', GOT - 3_000, ACROSS],
    ['while the writer has it, from the moment it says so', GOT, INSIDE],
    ['as it is released', END - 500, ACROSS],
    ['after that', END + RELEASING, APART],
  ] as const)('%s', (_, t, lie) => {
    expect(trylock(t)).toBe(lie);
  });

  test('what it marks does not matter', () => {
    expect(trylock(GOT, section({ marks: [] }))).toBe(INSIDE);
  });
});

describe('several sections', () => {
  test.each([
    [[], false],
    [[APART, APART], false],
    [[APART, ACROSS], true],
    [[ACROSS, INSIDE], false],
    [[INSIDE], false],
  ] as const)('%j: undecided is %s', (lies, race) => {
    expect(isRace(lies)).toBe(race);
  });
});
