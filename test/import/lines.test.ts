/** Text in chunks, cut anywhere: the same lines. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linesOf } from '../../src/trace/import/lines.js';

async function lines(chunks: readonly (string | Uint8Array)[]) {
  async function* feed() {
    yield* chunks;
  }
  const found = [];
  for await (const some of linesOf(feed(), 'x')) found.push(...some);
  return found;
}

/** `text` as bytes, cut where `shares` of it say. */
function pieces(text: string, shares: readonly number[]): Uint8Array[] {
  const bytes = Buffer.from(text);
  const cuts = [0, ...shares.map(share => Math.floor(share * bytes.length)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const line = fc.oneof(
  fc.stringMatching(/^[ -~]{0,30}$/),
  fc.stringMatching(/^[a-zé€\ufeff]{0,9}😀?[é€]?$/u),
  fc.constant('x'.repeat(70_000)),
);

test('are those of the text, with their numbers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 9 }), fc.array(share), async (texts, shares) => {
      const text = texts.join('\n');
      const expected = texts.map((one, i) => (i === 0 ? one.replace(/^\ufeff/, '') : one));
      if (texts[texts.length - 1] === '') expected.pop();
      for (const chunks of [[text], pieces(text, shares)]) {
        const found = await lines(chunks);
        expect(found.map(one => one.text)).toEqual(expected);
        expect(found.map(one => one.number)).toEqual(expected.map((_, i) => i + 1));
        expect(found.map(one => one.unterminated)).toEqual(expected.map((_, i) => i === texts.length - 1));
      }
    }),
    { numRuns: 200 },
  );
});

test('a character of any length may be cut anywhere', async () => {
  const bytes = Buffer.from('a\né\n€\n😀\n');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const found = await lines([bytes.subarray(0, cut), bytes.subarray(cut)]);
    expect(found.map(({ text }) => text)).toEqual(['a', 'é', '€', '😀']);
  }
});

test('bytes that are no UTF-8 are told with their line, wherever the text is cut', async () => {
  const bytes = Buffer.concat([Buffer.from('é1\n€\n\n'), Buffer.from([0x62, 0xc3, 0x28, 0x0a]), Buffer.from('x\ny\n')]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const error = { class: 'encoding', where: { line: 4 } };
    await expect(lines([bytes.subarray(0, cut), bytes.subarray(cut)])).rejects.toMatchObject(error);
  }
});

test('a character that another chunk should go on with is missed in the line it began in', async () => {
  for (const more of ['\n', 'b\nc\n'].map(text => Buffer.from(text))) {
    const cut = lines([Buffer.from('1\né').subarray(0, 3), more]);
    await expect(cut).rejects.toMatchObject({ class: 'encoding', where: { line: 2 } });
  }
});
