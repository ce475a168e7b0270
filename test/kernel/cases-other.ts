/** madvise, properties of ranges, processes, userfaultfd and everything else: the notation is in operation-case.ts. */
import { at, type Event, fault, range } from '../helpers.js';
import { type Case, here, ro, rw } from './operation-case.js';

const file = { flags: ['shared'], file: { fs: 'ext4', name: 'f' } };
const advise = (advice: string, page: number, pages: number): Event => range('madvise', page, pages, { advice });
const armed = range('uffd_register', 0, 4, { modes: ['missing'] });

export const OTHER_CASES: Record<string, Case> = {
  // madvise
  'MADV_DONTNEED in one VMA': {
    before: [rw(0, 4)],
    op: advise('dontneed', 1, 2),
    sections: ['R', 'R', 'R', 'R', '-'],
    marks: 'V',
  },
  'MADV_FREE in one VMA': {
    before: [rw(0, 4)],
    op: advise('free', 1, 2),
    sections: ['R', 'R', 'R', 'R', '-'],
    marks: 'V',
  },
  'MADV_DONTNEED across two VMAs': {
    before: [rw(0, 4), ro(4, 4)],
    op: advise('dontneed', 2, 4),
    sections: 'R',
    marks: 'V...V',
  },
  'MADV_DONTNEED that begins in a hole': {
    before: [rw(2, 4)],
    op: advise('dontneed', 0, 4),
    sections: 'R',
    marks: 'x.V',
  },
  'MADV_DONTNEED under a userfaultfd': {
    before: [rw(0, 4), armed],
    op: advise('dontneed', 1, 2),
    sections: 'R',
    marks: '',
  },
  MADV_WILLNEED: { before: [rw(0, 4)], op: advise('willneed', 0, 4), sections: 'R', marks: 'V' },
  MADV_COLD: { before: [rw(0, 4)], op: advise('cold', 0, 4), sections: 'R', marks: 'V' },
  MADV_PAGEOUT: { before: [rw(0, 4)], op: advise('pageout', 0, 4), sections: 'R', marks: 'V' },
  MADV_POPULATE_WRITE: { before: [rw(0, 4)], op: advise('populate_write', 0, 4), sections: 'R', marks: 'V' },
  MADV_REMOVE: { before: [rw(0, 4, file)], op: advise('remove', 0, 4), sections: 'RR', marks: '' },
  MADV_GUARD_INSTALL: {
    before: [rw(0, 4)],
    op: advise('guard_install', 0, 2),
    sections: ['-', '-', '-', '-', 'R'],
    marks: '..V',
  },
  MADV_HUGEPAGE: { before: [rw(0, 4), rw(6, 2)], op: advise('hugepage', 0, 4), sections: 'W', marks: 'M.....V' },
  'MADV_HUGEPAGE on a middle': {
    before: [rw(0, 9)],
    op: advise('hugepage', 3, 3),
    sections: 'W',
    marks: ['V..M..V', 'M..M..M', 'M..M..M', 'M..M..M'],
    after: 'AAABBBCCC',
  },
  'MADV_HUGEPAGE for the second time': {
    before: [rw(0, 4), advise('hugepage', 0, 4)],
    op: advise('hugepage', 0, 4),
    sections: 'W',
    marks: 'V',
  },
  MADV_DONTFORK: { before: [rw(0, 4)], op: advise('dontfork', 0, 4), sections: 'W', marks: 'M' },
  MADV_UNMERGEABLE: {
    before: [rw(0, 4), advise('mergeable', 0, 4)],
    op: advise('unmergeable', 0, 4),
    sections: 'W',
    marks: 'M',
  },
  MADV_HWPOISON: { before: [rw(0, 4)], op: advise('hwpoison', 0, 1), sections: '-', marks: '' },
  MADV_COLLAPSE: {
    before: [rw(0, 1024), fault(0)],
    op: advise('collapse', 0, 512),
    sections: 'WRRR',
    marks: 'M',
    look: 5_000,
  },
  'collapse by khugepaged': {
    before: [rw(0, 1024), fault(0)],
    op: { op: 'collapse', addr: at(0) },
    sections: 'WR',
    readsFirst: true,
    marks: 'M',
    look: 5_000,
  },

  // properties of ranges
  mlock: { before: [rw(0, 4), rw(6, 2)], op: range('mlock', 0, 4), sections: 'WR', marks: 'M.....V' },
  munlock: { before: [rw(0, 4), range('mlock', 0, 4)], op: range('munlock', 0, 4), sections: 'W', marks: 'M' },
  mlockall: { before: [rw(0, 4), ro(6, 2)], op: here('mlockall'), sections: 'WR', marks: 'M.....M' },
  'mlockall of the future': {
    before: [rw(0, 4), ro(6, 2)],
    op: here('mlockall', { mode: 'future' }),
    sections: 'W',
    marks: 'V.....V',
  },
  munlockall: { before: [rw(0, 4), here('mlockall')], op: here('munlockall'), sections: 'W', marks: 'M' },
  mbind: {
    before: [rw(0, 4), ro(4, 4), rw(9, 2)],
    op: range('mbind', 0, 8),
    sections: 'W',
    // 6.4 put the new policy into unmarked VMAs.
    marks: ['V...V....V', 'M...M....V', 'M...M....V', 'M...M....V'],
  },
  mseal: {
    before: [rw(0, 4), rw(6, 2)],
    op: range('mseal', 0, 4),
    sections: ['-', '-', '-', 'W', 'W'],
    marks: ['V.....V', 'V.....V', 'M.....V', 'M.....V'],
  },
  'munmap of a sealed VMA': {
    before: [rw(0, 4), range('mseal', 0, 4)],
    op: range('munmap', 0, 4),
    sections: ['W>R', 'W>R', 'W>R', 'W', 'W'],
    marks: ['x', 'x', 'V', 'V'],
  },
  remap_file_pages: {
    before: [rw(0, 4, file)],
    op: range('remap_file_pages', 0, 4),
    sections: ['WR', 'WR', 'WR', 'WRR', 'WRR'],
    marks: ['f', 'M', 'M', 'M'],
    look: 600,
  },

  // processes
  fork: {
    before: [rw(0, 4), ro(4, 4), rw(9, 2), advise('dontfork', 9, 2)],
    op: here('fork', { child_tid: 77, child_mm: 7 }),
    sections: 'W',
    marks: 'M...M....M',
  },
  'a new thread': { before: [rw(0, 4)], op: here('fork', { child_tid: 77, child_mm: 1 }), sections: '-', marks: 'V' },
  exec: { before: [rw(0, 4)], op: here('exec', { new_mm: 7 }), sections: 'R', marks: 'V' },

  // userfaultfd
  UFFDIO_REGISTER: { before: [rw(0, 4), rw(6, 2)], op: armed, sections: 'W', marks: 'M.....V' },
  UFFDIO_UNREGISTER: {
    before: [rw(0, 4), armed],
    op: range('uffd_unregister', 0, 4),
    sections: 'W',
    marks: 'M',
  },
  UFFDIO_COPY: {
    before: [rw(0, 4), armed],
    op: range('uffd_copy', 0, 1, { src: at(100) }),
    sections: ['R', 'R', 'R', '-', '-'],
    marks: '',
  },
  'UFFDIO_COPY into a VMA without anon_vma': {
    before: [rw(0, 4, { anon_vma: false }), armed],
    op: range('uffd_copy', 0, 1, { src: at(100) }),
    sections: 'R',
    marks: '',
  },
  UFFDIO_MOVE: {
    before: [rw(0, 4), armed, ro(6, 2)],
    op: range('uffd_move', 0, 1, { src: at(6) }),
    sections: '-',
    marks: '',
  },
  UFFDIO_WRITEPROTECT: {
    before: [rw(0, 4), range('uffd_register', 0, 4, { modes: ['wp'] })],
    op: range('uffd_wp', 0, 4),
    sections: 'R',
    marks: '',
  },

  // everything else
  '/proc/PID/maps': {
    before: [rw(0, 4), ro(4, 2)],
    op: here('read_maps', { kind: 'maps' }),
    sections: ['R', 'R', 'R', 'R', '-'],
    marks: 'V...V',
  },
  '/proc/PID/smaps': { before: [rw(0, 4)], op: here('read_maps', { kind: 'smaps' }), sections: 'R', marks: 'V' },
  '/proc/PID/numa_maps': {
    before: [rw(0, 4)],
    op: here('read_maps', { kind: 'numa_maps' }),
    sections: 'R',
    marks: 'V',
  },
  PROCMAP_QUERY: {
    before: [rw(0, 4)],
    op: here('read_maps', { kind: 'procmap_query' }),
    sections: ['-', '-', '-', 'R', '-'],
    marks: 'V',
  },
  get_user_pages: { before: [rw(0, 4)], op: range('gup', 0, 4), sections: 'R', marks: 'V' },
  'a NUMA scan': { before: [rw(0, 4)], op: range('numa_scan', 0, 4), sections: 'R', marks: 'V' },
  reclaim: { before: [rw(0, 4)], op: range('reclaim', 0, 4), sections: '-', marks: '' },
  migration: { before: [rw(0, 4)], op: range('migrate', 0, 4), sections: '-', marks: '' },
};
