/** Traces of what the reference knows: times that hardly ever coincide, so that every order is the kernel's. */
import fc from 'fast-check';
import { ADVICES, ENTRIES, FOLIOS, MAPS_KINDS } from '../../src/vocab.js';
import { at, type Event, fault, len, range, vma } from '../helpers.js';

const PAGES = 20;
/** Where a stack is, and what is added to a page near it: some below it are too near to what lies there. */
const STACK = 290;
const NEAR_STACK = STACK - 15;
/** Where the heap begins, a little above what is added to a page near it. */
const HEAP = 40;
const NEAR_HEAP = HEAP - 4;
/** Where huge pages are, four of them. */
const HUGE_AT = 1024;
const OPS = ['mmap', 'munmap', 'shmdt', 'mprotect', 'madvise', 'mremap', 'fork', 'exit', 'read_maps', 'gup'] as const;

/** Where PMDs may be mapped, four of them. */
const PMDS_AT = 2048;

/** What a trace is about beside OPS, or there would be little of anything. */
const THEMES = {
  plain: [],
  heap: ['brk'],
  process: ['exec', 'exec', 'fork', 'exit'],
  hugetlb: ['mlock', 'uffd_register', 'uffd_wp', 'uffd_rwp', 'uffd_copy', 'uffd_continue', 'migrate'],
  huge: ['collapse', 'collapse', 'madvise', 'uffd_register', 'uffd_wp', 'reclaim', 'numa_scan', 'migrate'],
  userfault: [
    'uffd_register',
    'uffd_register',
    'uffd_unregister',
    'uffd_copy',
    'uffd_zeropage',
    'uffd_continue',
    'uffd_move',
    'uffd_wp',
    'uffd_rwp',
    'reclaim',
    'migrate',
  ],
  away: ['uffd_wp', 'reclaim', 'reclaim', 'fork', 'fork', 'madvise', 'madvise', 'migrate'],
  advice: ['madvise', 'madvise', 'madvise', 'fork'],
  pages: ['reclaim', 'migrate', 'numa_scan', 'clear_refs', 'mmu_notifier_register', 'other', 'thread'],
  policy: ['mbind', 'mbind', 'mseal', 'remap_file_pages', 'pkey_mprotect', 'prctl_set_vma'],
  locked: ['mlock', 'munlock', 'mlockall', 'munlockall', 'brk'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
type Theme = keyof typeof THEMES;
type Op = 'fault' | (typeof OPS)[number] | (typeof THEMES)[Theme][number];

const facts = fc.record(
  {
    entry: fc.constantFrom(...ENTRIES),
    folio: fc.constantFrom(...FOLIOS),
    readahead: fc.boolean(),
    swap_sync: fc.boolean(),
    shared: fc.boolean(),
    numa_hint: fc.boolean(),
    eof: fc.constantFrom(false, false, false, true),
    hole_punch: fc.constantFrom(false, false, true),
    oom: fc.constantFrom(false, false, false, false, true),
    huge: fc.constantFrom(undefined, undefined, 'pmd', 'pmd', 'pud'),
    race: fc.constantFrom(undefined, undefined, undefined, undefined, 'detached', 'range'),
    wait: fc.constantFrom(0, 1_723, 41_231),
  },
  { requiredKeys: [] },
);

const files = fc.constantFrom(
  ...[undefined, undefined, undefined, { fs: 'ext4', name: '/f' }, { fs: 'tmpfs', name: '/t' }],
  ...[
    { fs: 'vfio', name: '/v' },
    { fs: 'tcp', name: '/s' },
    { fs: 'ext4-dax', name: '/d' },
    { fs: 'squashfs', name: '/q' },
    { fs: 'sysv_shm', name: '/y' },
    { fs: 'secretmem', name: '/m' },
  ],
);

const opOf = (theme: Theme): fc.Arbitrary<Op> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('fault') },
    { weight: 1, arbitrary: fc.constantFrom(...OPS) },
    { weight: 1, arbitrary: fc.constantFrom('mmap', 'munmap', 'mprotect') },
    ...THEMES[theme].map(op => ({ weight: 1, arbitrary: fc.constant(op) })),
  );

const details = fc.record({
  thread: fc.nat({ max: 3 }),
  /** mostly close together, so that they meet */
  gap: fc.oneof(
    fc.integer({ min: 1, max: 900 }),
    fc.integer({ min: 1, max: 9_000 }),
    fc.integer({ min: 1, max: 90_000 }),
  ),
  dur: fc.option(fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.constant(5_000_011)), { nil: undefined }),
  wait: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30_000 })),
  recorded: fc.boolean(),
  page: fc.nat({ max: PAGES - 1 }),
  /** hardly ever none */
  pages: fc.integer({ min: -1, max: 70 }).map(n => (n < 0 ? 0 : 1 + (n % 7))),
  other: fc.nat({ max: PAGES - 1 }),
  size: fc.integer({ min: 1, max: 7 }),
  flags: fc.tuple(fc.constantFrom('private', 'private', 'shared'), fc.subarray(['stack', 'noreserve'])),
  populates: fc.nat({ max: 11 }).map(n => (n < 2 ? [['populate'], ['locked']][n] : [])),
  future: fc.constantFrom(undefined, 'current', 'future', 'onfault', 'future onfault'),
  file: files,
  offset: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
  facts: fc.option(facts, { nil: undefined, freq: 3 }),
  prot: fc.constantFrom('rw-', 'rw-', 'r--', '---', 'r-x'),
  access: fc.constantFrom('read', 'write', 'write', 'exec'),
  huge: fc.boolean(),
  modes: fc.constantFrom(
    ['missing'],
    ['missing'],
    ['wp'],
    ['missing', 'wp'],
    ['minor'],
    ['wp_async'],
    ['rwp'],
    ['rwp', 'missing'],
    ['rwp', 'wp'],
  ),
  near: fc.nat({ max: 7 }).map(n => [NEAR_STACK, NEAR_HEAP][n] ?? 0),
  kernel: fc.nat({ max: 9 }).map(n => n === 0),
  advice: fc.constantFrom(...ADVICES),
  kind: fc.constantFrom(...MAPS_KINDS),
  word: fc.constantFrom(undefined, 'default', 'local', 'bind'),
  refs: fc.constantFrom(undefined, 1, 4, 5),
  same: fc.boolean(),
});
type Details = typeof details extends fc.Arbitrary<infer T> ? T : never;
type Parts = Details & { op: Op; theme: Theme };

/** Where an event is: its pages from `page` on, and the one that a fault is about. */
function placeOf({ page, pages, near, other, huge, same, theme }: Parts): {
  page: number;
  pages: number;
  fault: number;
} {
  if (theme === 'hugetlb' && huge) {
    const head = HUGE_AT + 512 * (page % 4);
    return { page: head, pages: 512 * (1 + (pages % 2)), fault: head + other };
  }
  if (!isOfPmd({ huge, same, theme })) return { page: page + near, pages, fault: page + near };
  const head = PMDS_AT + 512 * (page % 4);
  const part = head + 8 * other;
  return same ? { page: head, pages: 512, fault: part } : { page: part, pages: 8 * pages, fault: part };
}

const isOfPmd = ({ huge, same, theme }: Pick<Parts, 'huge' | 'same' | 'theme'>) => theme === 'huge' && (huge || same);

function factsOf(p: Parts): Record<string, unknown> | undefined {
  if (!isOfPmd(p)) return p.facts && { ...p.facts, huge: undefined };
  return p.facts ?? (p.huge ? { huge: 'pmd' } : undefined);
}

function keysOf(p: Parts, child: { tid: number; mm: number }): Record<string, unknown> {
  const where = placeOf(p);
  const place = { addr: at(where.page), len: len(where.pages) };
  const mapped = { ...place, len: len(Math.max(1, where.pages)) };
  const page = factsOf(p);
  switch (p.op) {
    case 'fault':
      return {
        addr: at(where.fault, 8),
        access: p.access,
        mode: p.kernel ? 'kernel' : 'user',
        ...(page && { page }),
      };
    case 'mmap': {
      const [mode, more] = p.flags;
      if (p.huge && p.theme === 'hugetlb')
        return { ...mapped, prot: p.prot, flags: [mode, 'anonymous', 'hugetlb', ...p.populates] };
      const pfn = p.file?.fs === 'vfio' && p.same ? ['pfnmap'] : [];
      const flags = p.file ? [mode, ...pfn, ...p.populates] : [mode, 'anonymous', ...more, ...p.populates];
      const offset = p.file && p.offset !== undefined && { offset: len(p.page + p.offset) };
      return { ...mapped, prot: p.prot, flags, ...(p.file && { file: p.file }), ...offset };
    }
    case 'munmap':
    case 'shmdt':
      return mapped;
    case 'mprotect':
    case 'pkey_mprotect':
      return { ...place, prot: p.prot };
    case 'madvise':
      return { ...place, advice: p.theme === 'away' && p.recorded ? 'guard_install' : p.advice };
    case 'mremap':
      if (isOfPmd(p)) {
        const to = at(PMDS_AT + 512 * (4 + (p.other % 2)) + (p.recorded ? 8 : 0));
        return { addr: place.addr, old_len: place.len, new_addr: to, new_len: place.len };
      }
      return {
        addr: at(p.page),
        old_len: mapped.len,
        new_addr: at(p.same ? p.page : p.other + p.near),
        new_len: p.huge ? mapped.len : len(p.size),
        ...(p.huge && p.recorded && { flags: ['maymove', 'dontunmap'] }),
      };
    case 'brk':
      return { addr: at(HEAP + Math.max(0, p.page - 8), p.same ? 0 : 8) };
    case 'mlock':
      return p.future?.includes('onfault') ? { ...place, mode: 'onfault' } : place;
    case 'mlockall':
      return p.future === undefined ? {} : { mode: p.future };
    case 'uffd_register':
      return { ...place, modes: p.modes };
    case 'uffd_move':
      return { ...place, src: at(p.other) };
    case 'munlockall':
    case 'mmu_notifier_register':
    case 'other':
      return {};
    case 'thread':
      return { name: 'worker' };
    case 'mbind':
      return { ...place, ...(p.word && { mode: p.word }) };
    case 'prctl_set_vma':
      return { ...place, ...(p.word && { name: p.word }) };
    case 'clear_refs':
      return p.refs === undefined ? {} : { mode: p.refs };
    case 'exec':
      return { new_mm: child.mm };
    case 'fork':
      return { child_tid: child.tid, child_mm: child.mm };
    case 'exit':
      return {};
    case 'read_maps':
      return { kind: p.kind, ...(p.same && { reader_pid: 99 }) };
    default:
      return place;
  }
}

const MAPPED: readonly Event[] = [
  vma(0, 6, { t: 0 }),
  vma(6, 4, { t: 0, anon_vma: false }),
  vma(10, 3, { t: 0, prot: 'r--' }),
  vma(STACK, 8, { t: 0, flags: ['private', 'anonymous', 'growsdown'] }),
  vma(HEAP - 2, 2, { t: 0 }),
  vma(HEAP, 4, { t: 0, name: '[heap]' }),
  vma(HUGE_AT, 1024, { t: 0, flags: ['private', 'anonymous', 'hugetlb'], anon_vma: false }),
  vma(13, 1, { t: 0, flags: ['shared', 'pfnmap'], file: { fs: 'vfio', name: '/v' }, anon_vma: false }),
  vma(18, 2, { t: 0, flags: ['shared'], file: { fs: 'ext4', name: '/f' }, offset: len(18), anon_vma: false }),
  vma(14, 4, { t: 0, flags: ['private'], file: { fs: 'ext4', name: '/f' }, offset: len(14) }),
];

/** Anonymous memory, and files with and without ->huge_fault. */
const PMDS: readonly Event[] = [
  vma(PMDS_AT, 1024, { t: 0 }),
  vma(PMDS_AT + 1024, 512, { t: 0, flags: ['shared'], file: { fs: 'tmpfs', name: '/h' }, anon_vma: false }),
  vma(PMDS_AT + 1536, 512, { t: 0, flags: ['shared'], file: { fs: 'ext4-dax', name: '/d' }, anon_vma: false }),
];

/** Watched for pages that are missing, and shared memory too. */
const WATCHED: readonly Event[] = [
  vma(20, 6, { t: 0, flags: ['shared'], file: { fs: 'tmpfs', name: '/t' } }),
  range('uffd_register', 0, 10, { t: 1, modes: ['missing'] }),
  range('uffd_register', 20, 3, { t: 2_000, modes: ['missing', 'wp'] }),
  range('uffd_register', 23, 3, { t: 4_000, modes: ['minor', 'wp'] }),
];

/** Write-protected, and some of it in swap. */
const PROTECTED: readonly Event[] = [
  ...[0, 1, 2, 3, 40, 41].map((page, i) => fault(page, { t: 1 + 3_000 * i })),
  range('reclaim', 0, 2, { t: 25_000 }),
  range('uffd_register', 0, 4, { t: 26_000, modes: ['wp'] }),
  range('uffd_register', 40, 2, { t: 28_000, modes: ['wp'] }),
  range('uffd_wp', 0, 42, { t: 30_000 }),
  range('reclaim', 2, 1, { t: 40_000 }),
];

/** What is done first, under a theme. */
const BEFORE: { readonly [T in Theme]?: readonly Event[] } = { userfault: WATCHED, huge: PMDS, away: PROTECTED };

/** Up to four threads at the beginning; a fork makes one more, in the same mm or in one of its own. */
export function traces(maxLength: number): fc.Arbitrary<Event[]> {
  const themes = fc.constantFrom(...(Object.keys(THEMES) as Theme[]));
  const events = themes.chain(theme => {
    const parts = fc.tuple(opOf(theme), details).map(([op, rest]): Parts => ({ op, ...rest, theme }));
    return fc.record({ theme: fc.constant(theme), list: fc.array(parts, { minLength: 1, maxLength, size: '+1' }) });
  });
  return events.map(({ theme, list }) => {
    const threads = [1, 2, 3, 4].map(tid => ({ tid, mm: 1 }));
    let t = theme === 'away' ? 50_000 : 10_000;
    const rest = list.map((p, i) => {
      t += p.gap;
      const thread = threads[p.thread === 3 ? threads.length - 1 : p.thread];
      const { tid, mm } = thread;
      const child = { tid: 5 + threads.length, mm: p.same ? mm : 2 + i };
      const keys = keysOf(p, child);
      if (p.op === 'fork') threads.push(child);
      if (p.op === 'exec') thread.mm = child.mm;
      const got = t + p.wait;
      const locked = p.recorded && p.op !== 'fault' && p.dur !== undefined;
      const reads = [
        ...['madvise', 'collapse', 'read_maps', 'gup', 'exec', 'uffd_copy'],
        ...['uffd_zeropage', 'uffd_continue', 'uffd_move', 'uffd_wp', 'uffd_rwp', 'numa_scan'],
      ];
      const mode = reads.includes(p.op) ? 'read' : 'write';
      return {
        t,
        tid,
        ...(mm !== 1 && { mm }),
        ...(p.dur !== undefined && p.op !== 'fault' && { dur: p.dur }),
        op: p.op,
        ...keys,
        ...(locked && { locks: [{ mode, ask: t, got, end: got + p.dur! }] }),
      };
    });
    return [...MAPPED, ...(BEFORE[theme] ?? []), ...rest];
  });
}
