/** Events of every operation, right and nearly right, for property tests. */
import fc from 'fast-check';
import { type KeyName, OP_KEYS, TID_OPTIONAL } from '../../src/trace/draft.js';
import * as vocab from '../../src/vocab.js';

const hex = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(n => `0x${n.toString(16)}`),
  fc.integer({ min: 0, max: 2 ** 36 }).map(n => `0x${(n * 4096).toString(16)}`),
  fc.integer({ min: 0, max: 2 ** 30 }),
  fc.constantFrom('0x0', '0x1000', '0x0000000000001000', '0xfffffffffffff000', 0, 4096),
);
const time = fc.oneof(fc.nat(), fc.constantFrom(0, 999_999_999_999_999, Number.MAX_SAFE_INTEGER));
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('libc.so', 'comm 1', 'a"b', 'é', ''));
const some = (words: readonly string[]) => fc.constantFrom(...words);
const list = (words: readonly string[]) => fc.uniqueArray(some(words), { maxLength: 4 });
const optional = (shape: Record<string, fc.Arbitrary<unknown>>) => fc.record(shape, { requiredKeys: [] });

const VALUES: Record<KeyName, fc.Arbitrary<unknown>> = {
  op: fc.constant('fault'),
  t: time,
  tid: fc.nat(),
  mm: fc.nat(9),
  cpu: fc.nat(64),
  dur: time,
  locks: fc.array(
    fc.record({ mode: some(['read', 'write']), ask: fc.nat(9), got: fc.nat({ max: 20 }), end: fc.nat({ max: 40 }) }),
    { maxLength: 2 },
  ),
  addr: hex,
  len: hex,
  access: some(vocab.ACCESSES),
  mode: fc.oneof(some(['user', 'kernel', 'onfault', 'current future']), fc.nat(4), list(['current', 'future'])),
  page: optional({
    entry: some(vocab.ENTRIES),
    folio: some(vocab.FOLIOS),
    huge: some(vocab.HUGES),
    readahead: fc.boolean(),
    swap_sync: fc.boolean(),
    shared: fc.boolean(),
    numa_hint: fc.boolean(),
    wait: time,
  }),
  truth: optional({
    path: some(vocab.PATHS),
    fallback: fc.boolean(),
    anon_prepare: some(['ok', 'failed']),
    via: some(['lock_mm_and_find_vma', '__vmf_anon_prepare']),
    wait: time,
  }),
  prot: some(['---', 'r--', '-w-', '--x', 'rw-', 'r-x', '-wx', 'rwx']),
  flags: fc.oneof(list(vocab.MAP_FLAGS), list(vocab.MREMAP_FLAGS)),
  file: optional({
    name: text,
    fs: some(['ext4', 'xfs', 'tmpfs', 'hugetlbfs', 'sysv_shm', 'secretmem', 'device-dax', 'unheard-of']),
    map_pages: fc.boolean(),
    fault: fc.boolean(),
    page_mkwrite: fc.boolean(),
    huge_fault: fc.boolean(),
    pfn: fc.boolean(),
    dax: fc.boolean(),
  }),
  name: text,
  offset: hex,
  anon_vma: fc.boolean(),
  old_len: hex,
  new_len: hex,
  new_addr: hex,
  advice: some([...vocab.ADVICES, 'unheard_of']),
  'x-inferred': fc.oneof(text, fc.boolean(), fc.constant({ by: ['me'] })),
  'x-hidden': fc.oneof(text, fc.boolean()),
  child_tid: fc.nat(),
  child_mm: fc.nat(9),
  new_mm: fc.nat(9),
  modes: list(vocab.UFFD_MODES),
  src: hex,
  kind: some(vocab.MAPS_KINDS),
  reader_pid: fc.nat(),
};

/** `mode` and `flags` mean different things to different operations. */
function rightValue(op: vocab.OpName, key: KeyName): fc.Arbitrary<unknown> {
  if (key === 'mode' && op === 'fault') return some(['user', 'kernel']);
  if (key === 'flags') return list(op === 'mremap' ? vocab.MREMAP_FLAGS : vocab.MAP_FLAGS);
  return VALUES[key];
}

const odd = fc.constantFrom<unknown>(null, -1, 1.5, -0, '', [], {}, true, 'x', '0xG', 2 ** 53, { zz: 1 }, [1]);

/** An event of `op` with all it must have, some of what it may have, in any order; now and then a wrong value or key. */
function eventOf(op: vocab.OpName, wrong: boolean): fc.Arbitrary<Record<string, unknown>> {
  const [required, may] = OP_KEYS[op];
  const must: KeyName[] = TID_OPTIONAL.includes(op) ? [...required] : [...required, 'tid'];
  const keys: KeyName[] = [...new Set<KeyName>([...must, ...may, 't', 'tid', 'mm', 'cpu', 'dur', 'locks'])];
  const shape: Record<string, fc.Arbitrary<unknown>> = { op: fc.constant(op) };
  for (const key of keys) {
    const value = wrong ? VALUES[key] : rightValue(op, key);
    shape[key] = wrong ? fc.oneof({ arbitrary: value, weight: 12 }, { arbitrary: odd, weight: 1 }) : value;
  }
  if (wrong) Object.assign(shape, { strange: odd, prot: VALUES.prot, src: VALUES.src });
  return fc
    .tuple(fc.record(shape, { requiredKeys: wrong ? ['op'] : ['op', ...must] }), fc.integer())
    .map(([event, seed]) => shuffled(event, seed));
}

function shuffled(event: Record<string, unknown>, seed: number): Record<string, unknown> {
  const keys = Object.keys(event);
  let state = seed | 1;
  for (let i = keys.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const j = state % (i + 1);
    [keys[i], keys[j]] = [keys[j], keys[i]];
  }
  return Object.fromEntries(keys.map(key => [key, event[key]]));
}

export const rightEvent = fc.oneof(...vocab.OPS.map(op => eventOf(op, false)));
export const anyEvent = fc.oneof(...vocab.OPS.flatMap(op => [eventOf(op, false), eventOf(op, true)]));
