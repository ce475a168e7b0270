/** Where an event begins and ends, and that the scanner gets to read it wherever it can. */
import { expect, test } from 'vitest';
import { Draft } from '../../src/trace/draft.js';
import { END, Frames, HEADER, MORE, SCANNED, TEXT } from '../../src/trace/frame.js';
import { emptyInfo, Interner } from '../../src/trace/intern.js';
import { Scanner } from '../../src/trace/scan.js';
import { FAULT, HEADER as HEAD, MMAP } from './helpers.js';

const NAMES: Readonly<Record<number, string>> = {
  [HEADER]: 'header',
  [SCANNED]: 'scanned',
  [TEXT]: 'text',
  [END]: 'end',
};

/** What the steps through a text are, and on which line each begins; `size` bytes are given at a time. */
function steps(text: string, { size = 1 << 20, maxLine = 1000 } = {}): string[] {
  const frames = new Frames('-', maxLine, new Scanner(new Draft(), new Interner(emptyInfo('-'), {}, {})));
  const bytes = Buffer.from(text);
  const found: string[] = [];
  let given = 0;
  for (;;) {
    const step = frames.step();
    if (step !== MORE) {
      if (step !== HEADER) found.push(step === END ? 'end' : `${NAMES[step]} ${frames.line}`);
      if (step === END) return found;
    } else if (given < bytes.length) {
      frames.push(bytes.subarray(given, given + size));
      given += size;
    } else frames.eof = true;
  }
}

const BLANKS = ['', ' ', '  ', '\t', '\r', ' \t\r'];
const SIZES = [1, 7, 1 << 20];

test.each(BLANKS.map(blank => [blank]))('each line of a stream is scanned, with %j around it', blank => {
  for (const size of SIZES) {
    const lines = `${HEAD}${blank}${FAULT}${blank}\n${blank}\n${blank}${MMAP}${blank}\n`;
    expect(steps(lines, { size })).toEqual(['scanned 2', 'scanned 4', 'end']);
    // a last line that has no end may go on
    expect(steps(lines + FAULT, { size })).toEqual(['scanned 2', 'scanned 4', 'text 5', 'end']);
    expect(steps(`${FAULT}${blank}\n${blank}${MMAP}${blank}\n`, { size })).toEqual(['scanned 1', 'scanned 2', 'end']);
  }
});

test.each([...BLANKS, '\n', ' \n\t'].map(blank => [blank]))(
  'each element of a list is scanned, with %j around it',
  blank => {
    const line = (n: number) => n * (blank.match(/\n/g)?.length ?? 0) + 1;
    for (const size of SIZES) {
      const list = `${blank}[${blank}${FAULT}${blank},${blank}${MMAP}${blank}]${blank}`;
      expect(steps(list, { size })).toEqual([`scanned ${line(2)}`, `scanned ${line(4)}`, 'end']);
      const document = `{"events":${blank}${list.trim()}${blank},${blank}"version":1${blank},"format":"vmalock-trace"}${blank}`;
      expect(steps(document, { size })).toEqual([`scanned ${line(2)}`, `scanned ${line(4)}`, 'end']);
    }
  },
);

test('an event over several lines is scanned in a list, and as the first of a stream without a header', () => {
  const wide = FAULT.replaceAll(',', ',\n');
  const lines = wide.split('\n').length;
  for (const size of SIZES) {
    expect(steps(`[${wide},${MMAP},\n${FAULT}]`, { size })).toEqual([
      ...['scanned 1', `scanned ${lines}`, `scanned ${lines + 1}`, 'end'],
    ]);
    expect(steps(`${wide}\n${MMAP}\n`, { size })).toEqual(['scanned 1', `scanned ${lines + 1}`, 'end']);
  }
});

test('what the scanner cannot read is a text, and so is what follows the events of a stream', () => {
  const odd = FAULT.replace('"op"', '"\\u006fp"');
  expect(steps(`${HEAD}${odd}\n${FAULT}\n{"meta":{}}\n`)).toEqual(['text 2', 'scanned 3', 'text 4', 'end']);
  expect(steps(`[${odd},${FAULT}]`)).toEqual(['text 1', 'scanned 1', 'end']);
  expect(steps(`${HEAD}${FAULT} x\n${FAULT}\n`)).toEqual(['text 2', 'scanned 3', 'end']);
});

test('a line, or an event of a list, may be as long as is allowed and no longer', () => {
  const most = { maxLine: FAULT.length };
  for (const size of SIZES) {
    expect(steps(`${HEAD}${FAULT}\n${FAULT}\n`, { ...most, size })).toEqual(['scanned 2', 'scanned 3', 'end']);
    expect(steps(`${HEAD}${FAULT}\n${FAULT}`, { ...most, size })).toEqual(['scanned 2', 'text 3', 'end']);
    expect(steps(`[${FAULT},\n${FAULT}]`, { ...most, size })).toEqual(['scanned 1', 'scanned 2', 'end']);
    expect(() => steps(`${HEAD}${FAULT}\n${FAULT} \n`, { ...most, size })).toThrow(
      `line 3 is longer than ${most.maxLine}`,
    );
    const longer = FAULT.replace('1234', '12345');
    expect(() => steps(`[${FAULT},\n${longer}]`, { ...most, size })).toThrow('the event of line 2 is longer than');
  }
});
