import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readTruth, type TruthRow } from '../../src/trace/truth-file.js';
import { file } from './helpers.js';

async function rows(text: string | Uint8Array): Promise<TruthRow[]> {
  const found: TruthRow[] = [];
  for await (const row of readTruth(file(text))) found.push(row);
  return found;
}

const ROW = '{"ts_ns":5,"tid":7,"addr":"0x00007f00","fallback":true,"site":"vma_start_read"}';

test('of each row time, thread, address and fallback are read; blank lines are none', async () => {
  const read = [{ t: 5, tid: 7, addr: '0x7f00', fallback: true }];
  expect(await rows(`${ROW}\n\n`)).toEqual(read);
  expect(await rows(gzipSync(ROW))).toEqual(read);
  const first = ROW.replace('"ts_ns":5', '"ts_ns":0').replace('"tid":7', '"tid":0');
  expect(await rows(first)).toEqual([{ ...read[0], t: 0, tid: 0 }]);
});

test.each([
  ['a list', '[1]'],
  ['null', 'null'],
  ['a number', '5'],
  ['no time', ROW.replace('"ts_ns":5,', '')],
  ['a time before the clock', ROW.replace('"ts_ns":5', '"ts_ns":-5')],
  ['a part of a nanosecond', ROW.replace('"ts_ns":5', '"ts_ns":5.5')],
  ['no thread', ROW.replace('"tid":7', '"tid":"7"')],
  ['an address that is no text', ROW.replace('"0x00007f00"', '32512')],
  ['an address in capitals', ROW.replace('7f00', '7F00')],
  ['no fallback', ROW.replace('true', '"yes"')],
])('%s is no row of truth', async (_what, line) => {
  await expect(rows(`${ROW}\n${line}\n`)).rejects.toMatchObject({ class: 'schema', where: { line: 2 } });
});

test('what is no JSON is told with its line and column, and with a hint', async () => {
  await expect(rows(`${ROW}\n{"ts_ns":x}\n`)).rejects.toMatchObject({
    class: 'json-syntax',
    where: { line: 2, column: 10 },
    hint: 'check the JSON here',
  });
  await expect(rows('{"ts_ns":9007199254740993}')).rejects.toMatchObject({ hint: 'spell addresses as hex strings' });
});

test('has no more rows than its limit', async () => {
  const path = file(`${JSON.stringify({ ts_ns: 1, tid: 1, addr: '0x1000', fallback: false })}\n`.repeat(3));
  const count = async (maxTruth: number) => {
    let rows = 0;
    for await (const _ of readTruth(path, { maxTruth })) rows++;
    return rows;
  };
  expect(await count(3)).toBe(3);
  await expect(count(2)).rejects.toMatchObject({ class: 'limit', message: 'more than 2 rows of truth' });
});
