/** Processes, faults, /proc, daemons: the notation is in operation-case.ts. */
import { fault, range } from '../helpers.js';
import { type ByStage, type Case, here, ro, rw } from './operation-case.js';

const advise = (advice: string, page: number, pages: number) => range('madvise', page, pages, { advice });
const child = { child_tid: 77, child_mm: 7 };
/** One more that stays as it is, and one whose pages a child does not get. */
const FAMILY = [
  rw(0, 4),
  ro(4, 4),
  rw(9, 2),
  rw(13, 2),
  advise('dontfork', 9, 2),
  advise('wipeonfork', 13, 2),
  { op: 'thread', tid: 1, name: 'parent' },
];
const read = (kind: string, sections: ByStage, took: ByStage): Case => ({
  before: [rw(0, 4), ro(4, 2)],
  op: here('read_maps', { kind }),
  sections,
  marks: 'V...V',
  took,
});
const gup: Case = { before: [rw(0, 4)], op: range('gup', 0, 4), sections: 'Rk', marks: 'V', took: '' };

export const OTHER_CASES: Record<string, Case> = {
  // processes
  'fork, the parent': {
    before: FAMILY,
    op: here('fork', child),
    sections: 'Wk',
    marks: { rfc_2022: 'M...M....V...V', 'v6.4': 'M...M....M...M' },
  },
  'fork, the child': {
    before: FAMILY,
    op: here('fork', child),
    mm: 7,
    sections: 'W',
    marks: '',
    took: { rfc_2022: '', 'v6.4': 'm...m........m' },
  },
  'a new thread': {
    before: [rw(0, 4)],
    op: here('fork', { child_tid: 77, child_mm: 1 }),
    sections: '-',
    marks: 'V',
  },
  'exec, the old address space': {
    before: [rw(0, 4)],
    op: here('exec', { new_mm: 7 }),
    sections: 'Rk',
    marks: 'V',
    took: '',
  },
  'the last exit': {
    before: [...FAMILY, here('fork', { child_tid: 1, child_mm: 7 })],
    op: here('exit', { mm: 7 }),
    mm: 7,
    sections: { rfc_2022: 'W', 'v6.4': 'R W' },
    marks: '',
    took: 'm...m........m',
  },

  // faults and get_user_pages
  'the stack grows': {
    before: [rw(4, 4, { flags: ['private', 'anonymous', 'growsdown'] })],
    op: fault(3),
    sections: { rfc_2022: 'R', 'v6.4': 'R W>R' },
    marks: '',
    took: { rfc_2022: '', 'v6.4': '....m' },
    after: '...AAAAA',
  },
  'a fault in kernel mode': {
    before: [rw(0, 4)],
    op: fault(1, { mode: 'kernel' }),
    sections: 'R',
    marks: '',
    took: '',
  },
  get_user_pages: gup,
  process_vm_readv: gup,
  '/proc/PID/mem, ptrace': gup,

  // /proc
  '/proc/PID/maps': read('maps', { rfc_2022: 'Rk', 'v6.18': '-' }, { rfc_2022: '', 'v6.18': 'r...r' }),
  PROCMAP_QUERY: read('procmap_query', { rfc_2022: '-', 'v6.12': 'Rk', 'v6.18': '-' }, { rfc_2022: '', 'v6.18': 'r' }),
  '/proc/PID/smaps': read('smaps', { rfc_2022: 'Rk', 'v7.2': '-' }, { rfc_2022: '', 'v7.2': 'r...r' }),
  '/proc/PID/numa_maps': read('numa_maps', { rfc_2022: 'Rk', 'v7.2': '-' }, { rfc_2022: '', 'v7.2': 'r...r' }),
  '/proc/PID/smaps_rollup': read('smaps_rollup', 'Rk', ''),
  '/proc/PID/pagemap': read('pagemap', 'Rk', ''),
  '/proc/PID/clear_refs': {
    before: [rw(0, 4), ro(4, 2)],
    op: here('clear_refs', { mode: 1 }),
    sections: 'Wk',
    marks: { rfc_2022: 'V...V', 'v6.6': 'M...M' },
  },
  '/proc/PID/clear_refs of soft-dirty bits': {
    before: [rw(0, 4), ro(4, 2)],
    op: here('clear_refs', { mode: 4 }),
    sections: 'Wk',
    marks: 'M...M',
  },
  '/proc/PID/clear_refs of the peak': {
    before: [rw(0, 4), ro(4, 2)],
    op: here('clear_refs', { mode: 5 }),
    sections: 'Wk',
    marks: 'V...V',
  },

  // daemons and drivers
  // The proof of concept marked under the read lock: nothing ends that but the next writer.
  'a NUMA scan': {
    before: [rw(0, 4)],
    op: range('numa_scan', 0, 4, { tid: 1 }),
    sections: 'R?',
    marks: { rfc_2022: 'M', 'v6.4': 'V' },
    late: { rfc_2022: 'M', 'v6.4': 'V' },
    over: { rfc_2022: 'M', 'v6.4': 'V' },
  },
  // Every VMA is marked; before 6.6 all marks ended as soon as the notifier was in its list.
  mmu_notifier_register: {
    before: [rw(0, 4), ro(4, 2)],
    op: here('mmu_notifier_register'),
    sections: 'W',
    marks: { rfc_2022: 'V...V', 'v6.6': 'M...M' },
    took: 'm...m',
  },
  reclaim: { before: [rw(0, 4)], op: range('reclaim', 0, 4), sections: '-', marks: '', took: '' },
  migration: { before: [rw(0, 4)], op: range('migrate', 0, 4), sections: '-', marks: '', took: '' },
};
