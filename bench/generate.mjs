/**
 * Traces to measure with: page faults of 16 threads over any number of mappings, and a share of operations between them.
 * Seeded: the same arguments always write the same bytes.
 *
 *     node bench/generate.mjs FILE EVENTS [VMAS] [CHURN]
 *
 * VMAS mappings of 1,024 pages, each with a gap behind it so that none merges with another. CHURN is the share of events
 * (default 0.01) that are operations: half of the picks toggle the protection of the upper half of a mapping, which splits
 * and merges it; the other half unmap a mapping and map it again, which makes its pages fresh.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

const THREADS = 16;
const PAGES = 1024;
const PAGE_SIZE = 4096;
/** a mapping and the gap behind it */
const STRIDE = 2 * PAGES * PAGE_SIZE;
const FIRST_ADDR = 0x7f00_0000_0000;
const FIRST_TID = 1000;
/** ns between two events of the whole trace, on average */
const MEAN_GAP = 1000;
const CHUNK = 1 << 20;

/** Numbers in [0, 1) from a 32-bit seed (mulberry32). */
function randomFrom(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The lines of a trace: a header, the mappings, then `events` faults and operations. */
function* lines(events, vmas, churn, seed) {
  const random = randomFrom(seed);
  const below = n => Math.floor(random() * n);
  const hex = n => `0x${n.toString(16)}`;
  const start = vma => FIRST_ADDR + vma * STRIDE;
  const length = hex(PAGES * PAGE_SIZE);
  const half = (PAGES * PAGE_SIZE) / 2;
  const executable = new Uint8Array(vmas);
  let t = 0;

  yield `{"format":"vmalock-trace","version":1,"meta":{"producer":"vmalock bench","pageSize":${PAGE_SIZE}}}`;
  for (let vma = 0; vma < vmas; vma++) {
    const addr = hex(start(vma));
    yield `{"t":0,"tid":${FIRST_TID},"op":"vma","addr":"${addr}","len":"${length}","prot":"rw-","flags":["private","anonymous"]}`;
  }
  // A pick makes one and a half events on average.
  const picked = churn / 1.5;
  for (let i = 0; i < events; i++) {
    t += 1 + below(2 * MEAN_GAP);
    const tid = FIRST_TID + below(THREADS);
    const vma = below(vmas);
    const addr = start(vma);
    if (random() >= picked) {
      const at = hex(addr + below(PAGES) * PAGE_SIZE);
      yield `{"t":${t},"tid":${tid},"cpu":${tid % THREADS},"op":"fault","addr":"${at}","access":"write","mode":"user"}`;
    } else if (random() < 0.5) {
      executable[vma] ^= 1;
      const prot = executable[vma] ? 'rwx' : 'rw-';
      yield `{"t":${t},"tid":${tid},"op":"mprotect","addr":"${hex(addr + half)}","len":"${hex(half)}","prot":"${prot}"}`;
    } else {
      i++;
      executable[vma] = 0;
      yield `{"t":${t},"tid":${tid},"op":"munmap","addr":"${hex(addr)}","len":"${length}"}`;
      t += 1;
      yield `{"t":${t},"tid":${tid},"op":"mmap","addr":"${hex(addr)}","len":"${length}","prot":"rw-","flags":["private","anonymous"]}`;
    }
  }
}

const [file, events, vmas = 64, churn = 0.01] = process.argv.slice(2);
if (file === undefined || events === undefined) {
  process.stderr.write('usage: node bench/generate.mjs FILE EVENTS [VMAS] [CHURN]\n');
  process.exit(2);
}
const out = openSync(file, 'w');
let text = '';
for (const line of lines(Number(events), Number(vmas), Number(churn), 1)) {
  text += line + '\n';
  if (text.length < CHUNK) continue;
  writeSync(out, text);
  text = '';
}
writeSync(out, text);
closeSync(out);
