/**
 * 600 random calls of a program on Linux 6.18.44 (mmap, munmap, mprotect, mremap, madvise, mlock, fork, brk, names, first
 * touches; some of them failed halfway): after each 50 the VMAs of the replay are those of its /proc/self/maps.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Mm } from '../../src/kernel/mm.js';
import { VM_EXEC, VM_READ, VM_SHARED, VM_WRITE } from '../../src/kernel/vma.js';
import { addressSpace, type Event } from '../helpers.js';

const sample = (name: string): string[] =>
  gunzipSync(readFileSync(new URL(`../samples/random-calls/${name}.gz`, import.meta.url)))
    .toString()
    .trim()
    .split('\n');

const EVENTS = sample('6.18.44.ndjson')
  .slice(1)
  .map(line => JSON.parse(line) as Event);
/** Lines of /proc/self/maps by the name that the program gave itself after it had read them. */
const MAPS = groups(sample('6.18.44.maps'));

function groups(lines: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of lines) {
    if (line.startsWith('cp')) found.set(line, []);
    else [...found.values()].at(-1)?.push(line);
  }
  return found;
}

/** As /proc/PID/maps has it. */
function mapsOf({ mm_mt }: Mm): string[] {
  const lines: string[] = [];
  for (let vma = mm_mt.first(); vma !== null; vma = mm_mt.next(vma)) {
    const { vm_start, vm_end, vm_flags } = vma;
    const flag = (bit: number, is: string, not: string) => (vm_flags & bit ? is : not);
    const prot =
      flag(VM_READ, 'r', '-') + flag(VM_WRITE, 'w', '-') + flag(VM_EXEC, 'x', '-') + flag(VM_SHARED, 's', 'p');
    lines.push(`${[vm_start, vm_end].map(page => (page * 4096).toString(16)).join('-')} ${prot}`);
  }
  return lines;
}

async function replayed(name: string, model: string): Promise<string[]> {
  const until = EVENTS.findIndex(event => event.op === 'thread' && event.name === name);
  return mapsOf(await addressSpace(EVENTS.slice(0, until + 1), model));
}

test.each([...MAPS])('at %s', async (name, maps) => {
  expect(await replayed(name, 'v6.18')).toEqual(maps);
});

test('a kernel with other rules comes to something else', async () => {
  const [last, maps] = [...MAPS].at(-1) ?? [];
  expect(await replayed(last ?? '', 'v6.4')).not.toEqual(maps);
});
