/** Stacks for flame graphs: their grammar, re-implemented, and their sum. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FoldedStacks, STACKS } from '../../src/report/folded.js';
import { span, spans, wait } from './span-fixtures.js';

/** A line as the flame graph tools read it: frames between semicolons, one space, a whole number. */
function parse(text: string): { frames: string[]; weight: number }[] {
  if (text === '') return [];
  expect(text.endsWith('\n')).toBe(true);
  return text
    .slice(0, -1)
    .split('\n')
    .map(line => {
      const match = /^(.+) (\d+)$/.exec(line);
      if (match === null) throw new Error(`no folded stack: ${JSON.stringify(line)}`);
      const frames = match[1].split(';');
      for (const frame of frames) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: a frame must hold none.
        if (!/^[^\u0000-\u001f\u007f;]+$/.test(frame) || frame.trim() !== frame)
          throw new Error(`no frame: ${JSON.stringify(frame)}`);
      }
      return { frames, weight: Number(match[2]) };
    });
}

describe('folded stacks', () => {
  test('say who waited, in what, and for whom', () => {
    const stacks = new FoldedStacks();
    const by = { i: 3, op: 'munmap', tid: 9 };
    const fault = span({ comm: 'node', site: 'vma_start_read', waits: [wait(10, 50, { by })] });
    stacks.add(fault, []);
    stacks.add({ ...fault, i: 1 }, []);
    const vma = { start: 0x7f000, end: 0x7f010, name: null };
    const operation = span({ op: 'mprotect', waits: [wait(0, 5, { on: 'vma_lock', mode: 'write', vma, by })] });
    stacks.add({ ...operation, verdict: null }, ['v6.18']);
    stacks.add(span({ waits: [wait(0, 7, { on: 'page', mode: null }), wait(9, 9)] }), []);
    stacks.over(0);
    expect(stacks.text()).toBe(
      'node (7);fault at vma_start_read;waits for mmap_lock (read) held by munmap (thread 9) 80\n' +
        'thread 7;fault;waits for a page 7\n' +
        'v6.18;thread 7;mprotect;waits for the readers of 0x7f000000-0x7f010000 held by munmap (thread 9) 5\n',
    );
  });

  test('of a run without waits are none', () => {
    const stacks = new FoldedStacks();
    stacks.add(span(), []);
    expect(stacks.text()).toBe('');
  });

  test('of a trace whose recording lost events say so first', () => {
    const stacks = new FoldedStacks();
    for (const [root, lost] of [
      ['a', 37],
      ['b', 0],
      ['c', 1],
    ] as const) {
      stacks.add(span({ waits: [wait(0, 2)] }), [root]);
      stacks.over(lost);
    }
    const firsts = parse(stacks.text()).map(({ frames: [first, second] }) => [first, second]);
    expect(firsts).toEqual([
      ['1 event lost when recorded', 'c'],
      ['37 events lost when recorded', 'a'],
      ['b', 'thread 7'],
    ]);
  });

  test('are bounded: what comes later shares one stack', () => {
    const stacks = new FoldedStacks();
    for (let tid = 0; tid < STACKS + 3; tid++) stacks.add(span({ tid, waits: [wait(0, 2)] }), []);
    stacks.over(0);
    const lines = parse(stacks.text());
    expect(lines).toHaveLength(STACKS + 1);
    expect(lines.find(({ frames }) => frames[0] === 'other waits')).toEqual({ frames: ['other waits'], weight: 6 });
  });

  test('can be parsed and add up, whatever the names', () => {
    fc.assert(
      fc.property(spans, all => {
        const stacks = new FoldedStacks();
        for (const one of all) stacks.add(one, ['', one.op]);
        stacks.over(0);
        const weight = parse(stacks.text()).reduce((sum, line) => sum + line.weight, 0);
        expect(weight).toBe(all.reduce((sum, one) => sum + one.wait_ns, 0));
      }),
      { seed: 6118, numRuns: 200 },
    );
  });
});
