import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { readTrace, validateTrace } from '../../src/trace/reader.js';

const SUITE = join(import.meta.dirname, '../samples/jsontestsuite/test_parsing');
const FILES = readdirSync(SUITE);
const SYNTAX = ['json-syntax', 'encoding'];

/** The class of the complaint, or `accepted`. */
async function verdict(read: () => Promise<unknown>): Promise<string> {
  try {
    await read();
    return 'accepted';
  } catch (error) {
    if (error instanceof Complaint) return error.class;
    throw error;
  }
}

/** The class a file of the suite must not, or must, be given. */
function agrees(file: string, kind: string): boolean {
  if (file.startsWith('y_')) return !SYNTAX.includes(kind);
  return file.startsWith('n_') ? SYNTAX.includes(kind) : true;
}

describe('JSONTestSuite', () => {
  test('has all its files', () => {
    expect(FILES.length).toBe(318);
  });

  test.each([true, false])('n_ is json-syntax or encoding, y_ never is, i_ is no crash (scanner: %s)', async scan => {
    const wrong: string[] = [];
    for (const file of FILES) {
      const kind = await verdict(() => readTrace(join(SUITE, file), { scan }));
      if (!agrees(file, kind)) wrong.push(`${file}: ${kind}`);
    }
    expect(wrong).toEqual([]);
  });

  test.each([true, false])('a file and the same bytes on stdin agree (scanner: %s)', async scan => {
    for (const file of FILES) {
      const fromFile = await verdict(() => readTrace(join(SUITE, file), { scan }));
      const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!;
      Object.defineProperty(process, 'stdin', {
        value: createReadStream(join(SUITE, file), { highWaterMark: 7 }),
        configurable: true,
      });
      try {
        expect(await verdict(() => readTrace('-', { scan })), file).toBe(fromFile);
      } finally {
        Object.defineProperty(process, 'stdin', stdin);
      }
    }
  });

  test('validation agrees with reading about what is JSON', async () => {
    const wrong: string[] = [];
    for (const file of FILES) {
      let kind = 'accepted';
      for await (const problem of validateTrace(join(SUITE, file), { max: 1 })) kind = problem.class;
      if (!agrees(file, kind)) wrong.push(`${file}: ${kind}`);
    }
    expect(wrong).toEqual([]);
  });

  test('a wrong verdict would be noticed', () => {
    expect(agrees('n_x.json', 'schema')).toBe(false);
    expect(agrees('y_x.json', 'json-syntax')).toBe(false);
    expect(agrees('i_x.json', 'schema')).toBe(true);
  });
});
