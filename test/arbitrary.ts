/** Small random traces: every operation of the format, on few pages, by few threads, in two address spaces. */
import fc from 'fast-check';
import { ADVICES, ENTRIES, FOLIOS, MAPS_KINDS, OPS, UFFD_MODES } from '../src/vocab.js';
import { at, type Event, len, vma } from './helpers.js';

/** Pages that anybody touches. */
const PAGES = 24;

const page = fc.integer({ min: 0, max: PAGES - 1 });
const pages = fc.integer({ min: 1, max: 8 });
const mode = fc.constantFrom('private', 'shared');
const files = fc.constantFrom(
  undefined,
  undefined,
  { fs: 'ext4', name: '/f' },
  { fs: 'vfio', name: '/v', map_pages: false },
);

const flags = fc
  .tuple(mode, fc.subarray(['fixed', 'growsdown', 'locked', 'populate', 'hugetlb'], { maxLength: 2 }))
  .map(([kind, more]) => [kind, 'anonymous', ...more]);

const facts = fc.record(
  {
    entry: fc.constantFrom(...ENTRIES),
    folio: fc.constantFrom(...FOLIOS),
    huge: fc.constant('pmd'),
    readahead: fc.boolean(),
    swap_sync: fc.boolean(),
    shared: fc.boolean(),
    numa_hint: fc.boolean(),
    wait: fc.integer({ min: 0, max: 50_000 }),
  },
  { requiredKeys: [] },
);

/** What an event holds beside its operation, drawn for all and used by those it belongs to. */
const parts = fc.record({
  op: fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...OPS) },
    { weight: 2, arbitrary: fc.constant('fault' as const) },
  ),
  tid: fc.integer({ min: 1, max: 4 }),
  mm: fc.constantFrom(1, 1, 1, 2),
  gap: fc.constantFrom(0, 0, 100, 3_000, 40_000),
  dur: fc.constantFrom(undefined, undefined, 0, 5_000, 90_000),
  wait: fc.constantFrom(0, 10, 20_000),
  page,
  pages,
  other: page,
  size: pages,
  flags,
  file: files,
  facts: fc.option(facts, { nil: undefined }),
  prot: fc.constantFrom('rw-', 'rw-', 'r--', '---', 'r-x'),
  access: fc.constantFrom('read', 'write', 'write', 'exec'),
  kernel: fc.boolean(),
  advice: fc.constantFrom(...ADVICES),
  modes: fc.subarray([...UFFD_MODES], { minLength: 1 }),
  kind: fc.constantFrom(...MAPS_KINDS),
  future: fc.constantFrom(undefined, 'current', 'future'),
});
type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;

/** The keys of an operation, beside `t tid mm dur`. */
function keysOf(p: Parts): Record<string, unknown> {
  const range = { addr: at(p.page), len: len(p.pages) };
  switch (p.op) {
    case 'fault':
      return {
        addr: at(p.page, 8),
        access: p.access,
        mode: p.kernel ? 'kernel' : 'user',
        ...(p.facts && { page: p.facts }),
      };
    case 'vma':
    case 'mmap':
      return { ...range, prot: p.prot, flags: p.file ? [p.flags[0]] : p.flags, ...(p.file && { file: p.file }) };
    case 'mprotect':
    case 'pkey_mprotect':
      return { ...range, prot: p.prot };
    case 'mremap':
      return {
        addr: at(p.page),
        old_len: len(p.pages),
        new_addr: at(p.kernel ? p.page : p.other),
        new_len: len(p.size),
      };
    case 'brk':
      return { addr: at(p.page) };
    case 'madvise':
      return { ...range, advice: p.advice };
    case 'mlockall':
    case 'munlockall':
      return p.future && p.op === 'mlockall' ? { mode: p.future } : {};
    case 'fork':
      return { child_tid: p.tid + 10, child_mm: p.kernel ? p.mm : 3 };
    case 'exec':
      return { new_mm: p.kernel ? 2 : 4 };
    case 'exit':
      return {};
    case 'uffd_register':
      return { ...range, modes: p.modes };
    case 'uffd_copy':
    case 'uffd_zeropage':
    case 'uffd_continue':
    case 'uffd_move':
    case 'uffd_wp':
      return { ...range, ...(p.op === 'uffd_wp' ? {} : { src: at(p.other) }) };
    case 'collapse':
      return { addr: at(p.page) };
    case 'read_maps':
      return { kind: p.kind };
    case 'thread':
    case 'other':
      return { name: 'x' };
    default:
      return range;
  }
}

/** What is mapped when the trace begins, so that most faults find something. */
const MAPPED: readonly Event[] = [1, 2].flatMap(mm => [
  vma(0, 8, { mm }),
  vma(8, 4, { mm, anon_vma: false }),
  vma(12, 4, { mm, prot: 'r--' }),
  vma(16, 4, { mm, name: '[heap]' }),
]);

/** Recorded sections of mmap_lock for an operation that begins at `t`. */
function locksOf(p: Parts, t: number): Event['locks'] {
  const got = t + p.wait;
  return [{ mode: p.kernel ? 'read' : 'write', ask: t, got, end: got + (p.dur ?? 1_000) }];
}

/** A trace with times; with `locks` some operations carry the sections they were recorded with. */
export function traces({ locks = false, times = true } = {}): fc.Arbitrary<Event[]> {
  return fc.array(parts, { minLength: 1, maxLength: 40 }).map(list => {
    let t = 0;
    const mapped = MAPPED.map(event => ({ ...(times && { t }), ...event }));
    const rest = list.map(p => {
      t += p.gap;
      const recorded = locks && p.op !== 'fault' && p.op !== 'vma' && p.op !== 'thread' && p.dur !== undefined;
      return {
        ...(times && { t }),
        tid: p.tid,
        ...(p.mm !== 1 && { mm: p.mm }),
        ...(p.dur !== undefined && p.op !== 'fault' && { dur: p.dur }),
        op: p.op,
        ...keysOf(p),
        ...(recorded && { locks: locksOf(p, t) }),
      };
    });
    return [...mapped, ...rest];
  });
}
