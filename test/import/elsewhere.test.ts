/** A text whose rest is read elsewhere: what comes of it is the same, wherever it is handed over. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { type Elsewhere, type Rest, RestReader } from '../../src/trace/import/elsewhere.js';
import { type ImportOptions, importBatches } from '../../src/trace/import/index.js';
import { Packer, type Packet, Unpacker } from '../../src/trace/import/packet.js';
import type { TraceRecord } from '../../src/trace/import/record.js';
import { formatLines } from '../../src/trace/writer.js';
import { RECORD, sample, samples } from './sample.js';

/** Another thread, but for the thread: what the two say to each other is copied as between threads. */
function another(after: number, onRest = (_: Rest): void => {}): Elsewhere {
  return {
    isReady: lines => lines >= after,
    async *read(text, from) {
      const reader = new RestReader(structuredClone(from));
      for (let over = false; !over; ) {
        const { value, done } = await text.next();
        over = done === true;
        const rest = structuredClone(reader.read(over ? null : value));
        onRest(rest);
        yield rest;
      }
    },
  };
}

/** All that an import says: events, header, summary, what was wrong and what ended it. */
async function said(chunks: readonly (string | Uint8Array)[], options: Partial<ImportOptions>, elsewhere?: Elsewhere) {
  let events = '';
  let header: unknown = null;
  const bad: string[] = [];
  const told = ({ class: kind, message, where, hint }: Complaint) => JSON.stringify({ kind, message, where, hint });
  const onBadLine = (complaint: Complaint): number => bad.push(told(complaint));
  async function* feed() {
    yield* chunks;
  }
  try {
    const batches = importBatches(feed(), { file: 'x', onBadLine, ...options }, elsewhere);
    for (;;) {
      const { value, done } = await batches.next();
      if (done) return { events, header, bad, summary: value };
      events += formatLines(value.events);
      header = structuredClone(value.header);
    }
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    return { bad, ended: told(error) };
  }
}

function cut(text: string, shares: readonly number[]): Uint8Array[] {
  const bytes = Buffer.from(text);
  const cuts = [0, ...shares.map(share => Math.floor(share * bytes.length)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
}

/** Longer than what is looked at to tell whose text it is; its times run backwards where it begins again. */
const long = (name: string, tool?: string): string => sample(name, tool).repeat(8);

const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 9 });

test.each(samples())('$name of $tool', async ({ name, tool }) => {
  const text = long(name, tool);
  const alone = await said([text], {});
  await fc.assert(
    fc.asyncProperty(shares, fc.nat(200), async (shares, after) => {
      expect(await said(cut(text, shares), {}, another(after))).toEqual(alone);
    }),
    { numRuns: 10 },
  );
});

test('damaged texts', async () => {
  const texts = ['perf', 'ftrace'].flatMap(tool => samples(tool).map(({ name }) => long(name, tool)));
  const damage = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(40),
    put: fc.constantFrom('', '\n', '9999999999999', ' ', 'é', ' 1/1 [000] 1.', 'x'.repeat(300)),
  });
  const options = fc.record({
    maxLine: fc.constantFrom(undefined, 250, 400),
    onBadLine: fc.constantFrom('told', 'thrown').map(how => (how === 'thrown' ? { onBadLine: undefined } : {})),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...texts),
      fc.array(damage, { maxLength: 9 }),
      shares,
      options,
      async (whole, damages, shares, { maxLine, onBadLine }) => {
        let text = whole.slice(0, 50_000);
        for (const { at, cut, put } of damages) {
          const from = Math.floor(at * text.length);
          text = text.slice(0, from) + put + text.slice(from + cut);
        }
        const chunks = cut(text, shares);
        const alone = await said(chunks, { maxLine, ...onBadLine });
        expect(await said(chunks, { maxLine, ...onBadLine }, another(0))).toEqual(alone);
      },
    ),
    { numRuns: 150 },
  );
});

test('bytes that are no text end it where they stand', async () => {
  const text = long('fork-exec');
  const chunks = [Buffer.from(text), Buffer.from([0xc3, 0x28, 0x0a]), Buffer.from(text)];
  const rests: Rest[] = [];
  const alone = await said(chunks, {});
  expect(alone.ended).toContain('the text is not UTF-8');
  expect(
    await said(
      chunks,
      {},
      another(0, rest => rests.push(rest)),
    ),
  ).toEqual(alone);
  expect(rests).toHaveLength(1);
});

test('names that are no UTF-8 are counted on both sides', async () => {
  const at = (n: number) => ` 7/7 [000] 1.${String(n).padStart(9, '0')}: PERF_RECORD_COMM: x\xc3:7/7\n`;
  const bytes = Buffer.from(Array.from({ length: 99 }, (_, n) => at(n)).join(''), 'latin1');
  const alone = await said([bytes], {});
  expect(alone.summary?.mended).toEqual({ lines: 99, first: 1 });
  for (const end of [0, 1, 2]) {
    const within = bytes.lastIndexOf(0xc3) + end;
    expect(await said([bytes.subarray(0, within), bytes.subarray(within)], {}, another(0))).toEqual(alone);
  }
});

test('a character that is cut in two is not handed over', async () => {
  const at = (n: number, comm: string) =>
    `${comm} 7/7 [000] 1.${String(n).padStart(9, '0')}: exceptions:page_fault_user: address=0x1000 ip=0x1 error_code=0x6\n`;
  const text = Array.from({ length: 99 }, (_, n) => at(n, 'é')).join('');
  const bytes = Buffer.from(text);
  const within = bytes.lastIndexOf(0xc3) + 1;
  const rests: Rest[] = [];
  const chunks = [bytes.subarray(0, within), bytes.subarray(within)];
  const elsewhere = await said(
    chunks,
    {},
    another(0, rest => rests.push(rest)),
  );
  expect(elsewhere).toEqual(await said([text], {}));
  // all that is left then is the end
  expect(rests.map(rest => rest.lines)).toEqual([0]);
});

const anyRecord: fc.Arbitrary<TraceRecord> = fc.record({
  t: fc.double({ noNaN: true }),
  synthesized: fc.boolean(),
  pid: fc.oneof(fc.integer(), fc.constant(2 ** 40), fc.constant(Number.POSITIVE_INFINITY)),
  tid: fc.integer(),
  cpu: fc.integer({ min: -1, max: 512 }),
  comm: fc.constantFrom('', 'a b'),
  name: fc.constantFrom('rss_stat', 'sys_enter', '12'),
  text: fc.string(),
  fields: fc.constantFrom(null, { name: 'mmap' }, { name: 'munmap', raw: true }),
  size: fc.double({ noNaN: true }),
  stack: fc.constantFrom(null, ['a', 'b'], ['a']),
  line: fc.nat(),
});

test('a packet holds what was put into it', () => {
  const wrong = fc.constant(new Complaint('schema', 'cut off', { file: 'x', line: 3 }, 'hint'));
  const items = fc.array(fc.oneof({ weight: 9, arbitrary: anyRecord }, wrong), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(items, { maxLength: 4 }), packets => {
      const packer = new Packer();
      const unpacker = new Unpacker();
      for (const items of packets) {
        for (const [i, item] of items.entries()) packer.put(item, i);
        expect(unpacked(unpacker, structuredClone(packer.take()))).toEqual(items);
      }
    }),
  );
});

test('a packet grows, and what is shared is forgotten before there is too much of it', () => {
  const packer = new Packer();
  const unpacker = new Unpacker();
  let anew = 0;
  for (let i = 0; i < 3; i++) {
    const records = Array.from({ length: 40_000 }, (_, n) => ({ ...RECORD, t: n, comm: `${i} ${n}` }));
    for (const one of records) packer.put(one, one.line);
    const packet = packer.take();
    if (packet.anew) anew++;
    expect(unpacked(unpacker, packet)).toEqual(records);
  }
  expect(anew).toBe(1);
});

function unpacked(unpacker: Unpacker, packet: Packet) {
  unpacker.open(packet);
  return Array.from({ length: packet.count }, () => unpacker.next(packet));
}
