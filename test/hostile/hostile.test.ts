/**
 * Inputs that mean harm, or come from a producer that died: what is refused names its line, what is not changes nothing,
 * and stdout is empty unless all went well. `replay` reads each from a file, `validate` from stdin.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostileCase } from './case.js';
import { BYTE_CASES } from './cases/bytes.js';
import { JSON_CASES } from './cases/json.js';
import { MEMORY_CASES } from './cases/memory.js';
import { type Ran, vmalock } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'vmalock-hostile-'));
let files = 0;

/** What is wrong with how a refused input was told, or null. */
function wrongWithRefusal(
  { status, stdout, stderr }: Ran,
  name: string,
  refused: HostileCase['refused'],
): string | null {
  if (status !== 2) return `exit ${status}`;
  if (stdout !== '') return 'stdout is not empty';
  if (!/^(?: |[^\p{Cc}\p{Cf}\p{Z}])+\n$/u.test(stderr)) return 'stderr is not one harmless line';
  const [, file, line, kind] =
    /^vmalock: (.+?)(?::(\d+))?(?::\d+)?: (json-syntax|encoding|schema|semantic|limit): /.exec(stderr) ?? [];
  if (file !== name) return `names ${file}`;
  if (kind !== refused?.class) return `class ${kind}`;
  if (refused.line !== undefined && Number(line) !== refused.line) return `line ${line}`;
  return refused.says.test(stderr) ? null : 'says something else';
}

async function tryCase({ input, options = ['--json'], refused, warns, says, result }: HostileCase): Promise<void> {
  const path = join(folder, `${files++}.trace`);
  writeFileSync(path, input);
  const [replayed, validated] = await Promise.all([
    vmalock(['replay', path, ...options]),
    vmalock(['validate', '-'], { input }),
  ]);
  const { status, stdout, stderr } = replayed;
  if (refused !== undefined) {
    expect(wrongWithRefusal(replayed, path, refused), stderr).toBeNull();
    const first = { status: 2, stdout: '', stderr: `${validated.stderr.split('\n', 1)[0]}\n` };
    expect(wrongWithRefusal(first, '-', refused), validated.stderr).toBeNull();
    expect(validated.status).toBe(1);
    return;
  }
  expect([status, validated.status], stderr).toEqual([0, 0]);
  expect(stderr).toMatch(warns ?? /^$/);
  if (says !== undefined) expect(stdout).toMatch(says);
  if (result !== undefined) expect(JSON.parse(stdout)).toMatchObject(result);
}

describe.each([
  ['JSON', JSON_CASES],
  ['bytes', BYTE_CASES],
  ['memory', MEMORY_CASES],
])('%s', (_, cases) => {
  test.each(cases.map(item => [item.name, item] as const))('%s', (_, item) => tryCase(item));

  test('each has a name of its own', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });
});

test('a refusal that is told otherwise would be noticed', () => {
  const refused = { class: 'schema', line: 3, says: /"t" must be/ };
  const right = { status: 2, stdout: '', stderr: 'vmalock: a.json:3:17: schema: "t" must be an integer\n' };
  expect(wrongWithRefusal(right, 'a.json', refused)).toBeNull();
  for (const wrong of [
    { status: 0 },
    { status: 1 },
    { status: 70 },
    { status: 134 },
    { stdout: 'Verdicts' },
    { stderr: right.stderr.replace('schema', 'json-syntax') },
    { stderr: right.stderr.replace(':3:', ':2:') },
    { stderr: right.stderr.replace('must', 'may') },
    { stderr: right.stderr.replace('a.json', 'b.json') },
    { stderr: `${right.stderr}    at Object.<anonymous> (x.js:1:1)\n` },
    { stderr: right.stderr.replace('integer', 'inte\u001b[2Jger') },
  ]) {
    expect(wrongWithRefusal({ ...right, ...wrong }, 'a.json', refused), JSON.stringify(wrong)).not.toBeNull();
  }
});
