/** The same input and options are the same bytes: on every run, in every locale and time zone, however the input is spelled. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { vmalock } from './run.js';

const RECORDING = fileURLToPath(new URL('../cli/traces/recording.ndjson', import.meta.url));
const RUNS: readonly (readonly string[])[] = [
  ['replay', '-', '-m', 'all', '--json'],
  ['replay', '-', '--by', 'vma'],
  ['replay', '-', '--html', '-'],
  ['replay', '-', '--perfetto', '-'],
  ['replay', '-', '--events', '-'],
  ['diff', '-', 'v6.4', 'v7.3'],
  ['verify', '-', '-m', 'v6.4', '--format', 'markdown'],
  ['explain', '-', '--fault', '2'],
];
const ENVIRONMENTS: readonly NodeJS.ProcessEnv[] = [
  { LC_ALL: 'C.UTF-8', LANG: 'tr_TR.UTF-8', TZ: 'Asia/Kathmandu' },
  { LC_ALL: 'de_DE.UTF-8', LANGUAGE: 'ar', TZ: 'America/St_Johns' },
  { LC_ALL: '', LANG: '', TZ: '', NODE_OPTIONS: '--max-old-space-size=64' },
];

describe('the same bytes', () => {
  const input = readFileSync(RECORDING);

  test.each(RUNS.map(args => [args.join(' '), args] as const))('%s', async (_, args) => {
    const first = await vmalock(args, { input });
    for (const env of ENVIRONMENTS) expect(await vmalock(args, { input, env })).toEqual(first);
  });

  test('whatever the order of the keys and the white space', async () => {
    const args = ['replay', '-', '-m', 'all', '--json'];
    const lines = input.toString().trimEnd().split('\n');
    const backwards = lines.map(line =>
      JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line) as object).reverse())).replaceAll(',', ' ,\t'),
    );
    const first = await vmalock(args, { input });
    expect(await vmalock(args, { input: backwards.join(' \r\n') })).toEqual(first);
  });
});
