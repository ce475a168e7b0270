/** Numbers that no kernel prints: a line that has one is told, and what it would have become is no event of the trace. */
import { expect, test } from 'vitest';
import type { Complaint } from '../../src/errors.js';
import { call, imported, line } from './sample.js';

const MAP = line(0, 10, 'PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x10000) @ 0 00:00 0 0]: rw-p //anon');
const BEFORE = line(1, 10, 'exceptions:page_fault_user: address=0x7f0000001000 ip=0x400000 error_code=0x6   0');
const DONE = line(6, 10, 'minor-faults:     7f0000001000');
const AFTER = call(8, 10, '11 (7f0000000000, 2000, 0, 0, 0, 0)', [], 9, '0');

/** A fault as the lines of a thread that prints itself as `who`, on the processor `cpu`. */
const faultOf = (who: string, cpu = '000') =>
  [
    line(2, 10, 'exceptions:page_fault_user: address=0x7f0000002000 ip=0x400000 error_code=0x6   0'),
    line(4, 10, 'minor-faults:     7f0000002000'),
  ].map(text => text.replace('10/10', who).replace('[000]', `[${cpu}]`));

async function tolerant(lines: readonly string[]) {
  const complaints: Complaint[] = [];
  const { events } = await imported(lines.join('\n'), { onBadLine: complaint => complaints.push(complaint) });
  return { complaints, ops: events.map(({ op, tid }) => [op, tid]) };
}

const CPU_LIMIT = 2 ** 31;

test('the largest that the format has are told as they are', async () => {
  const most = Number.MAX_SAFE_INTEGER;
  for (const lines of [faultOf(`10/${most}`), faultOf('10/11', `${CPU_LIMIT - 1}`)]) {
    const { complaints, ops } = await tolerant([MAP, BEFORE, ...lines, DONE, ...AFTER]);
    expect([complaints, ops.map(([op]) => op)]).toEqual([[], ['fault', 'fault', 'munmap']]);
  }
});

test.each([
  ['a thread', faultOf(`10/${2 ** 53}`)],
  ['a processor', faultOf('10/11', `${CPU_LIMIT}`)],
  ['a range', call(2, 11, '11 (ffffffffffff0000, 20000, 0, 0, 0, 0)', [], 4, '0')],
  ['a child', call(2, 11, '57 (0, 0, 0, 0, 0, 0)', [line(3, 11, `PERF_RECORD_FORK(20:${2 ** 53}):(10:11)`)], 4, '20')],
])('%s that there cannot be is told with its line, and nothing else is lost', async (_, lines) => {
  const text = [MAP, BEFORE, ...lines, DONE, ...AFTER];
  const { complaints, ops } = await tolerant(text);
  expect(complaints).toMatchObject([
    {
      class: 'semantic',
      message: expect.stringMatching(/^numbers that no kernel prints, they make "\{"t":/),
      where: { file: 'sample', line: expect.any(Number) },
      hint: 'export it again, or leave such lines out with --keep-going',
    },
  ]);
  expect(ops).toEqual([
    ['fault', 10],
    ['munmap', 10],
  ]);
  await expect(imported(text.join('\n'))).rejects.toMatchObject({ class: 'semantic' });
});
