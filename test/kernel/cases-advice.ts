/** madvise(2) and what else changes nothing but flags and names: the notation is in operation-case.ts. */
import { at, fault, range } from '../helpers.js';
import { type ByStage, type Case, ro, rw, rx } from './operation-case.js';

const file = { flags: ['shared'], file: { fs: 'ext4', name: 'f' } };
const armed = range('uffd_register', 0, 4, { modes: ['missing'] });
const advise = (advice: string, page: number, pages: number) => range('madvise', page, pages, { advice });

/** An advice that sets or clears a flag of the VMA between two others. */
const FLAGS: ByStage = { rfc_2022: 'M.M...M', 'v6.4': 'V.M...V' };
const flags = (advice: string, before: string[] = []): Case => ({
  before: [rx(0, 2), rw(2, 4), rx(6, 2), ...before.map(word => advise(word, 2, 4))],
  op: advise(advice, 2, 4),
  sections: 'Wk',
  marks: FLAGS,
  after: 'AABBBBCC',
});
/** An advice that takes mmap_lock for reading in all stages. */
const reads = (advice: string): Case => ({
  before: [rw(0, 4)],
  op: advise(advice, 0, 4),
  sections: 'R',
  marks: 'V',
  took: '',
});
/** One that makes do with the VMA's own lock since 6.17. */
const zaps = (advice: string): Case => ({
  before: [rw(0, 4)],
  op: advise(advice, 1, 2),
  sections: { rfc_2022: 'R', 'v6.18': '-' },
  marks: 'V',
  took: { rfc_2022: '', 'v6.18': 'r' },
});

export const ADVICE_CASES: Record<string, Case> = {
  'MADV_DONTNEED in one VMA': zaps('dontneed'),
  'MADV_DONTNEED_LOCKED in one VMA': zaps('dontneed_locked'),
  'MADV_FREE in one VMA': zaps('free'),
  // It locks the first VMA, sees that the range is longer, and lets it go.
  'MADV_DONTNEED across two VMAs': {
    before: [rw(0, 4), ro(4, 4)],
    op: advise('dontneed', 2, 4),
    sections: 'R',
    marks: 'V...V',
    took: { rfc_2022: '', 'v6.18': 'r' },
  },
  'MADV_DONTNEED that begins in a hole': {
    before: [rw(2, 4)],
    op: advise('dontneed', 0, 4),
    sections: 'R',
    marks: 'x.V',
    took: '',
  },
  'MADV_DONTNEED under a userfaultfd': {
    before: [rw(0, 4), armed],
    op: advise('dontneed', 1, 2),
    sections: 'R',
    marks: '',
    took: { rfc_2022: '', 'v6.18': 'r' },
  },
  MADV_WILLNEED: reads('willneed'),
  'MADV_WILLNEED of a file': { before: [rw(0, 4, file)], op: advise('willneed', 0, 4), sections: 'R R', marks: '' },
  MADV_COLD: reads('cold'),
  MADV_PAGEOUT: reads('pageout'),
  MADV_POPULATE_READ: reads('populate_read'),
  MADV_POPULATE_WRITE: reads('populate_write'),
  MADV_REMOVE: { before: [rw(0, 4, file)], op: advise('remove', 0, 4), sections: 'R R', marks: '', took: '' },

  MADV_GUARD_INSTALL: {
    before: [rw(0, 4)],
    op: advise('guard_install', 0, 2),
    sections: { rfc_2022: '-', 'v6.15': 'R', 'v7.2': '-' },
    marks: '..V',
    took: { rfc_2022: '', 'v7.2': 'r' },
  },
  // An anon_vma is only made under mmap_lock.
  'MADV_GUARD_INSTALL in a VMA without anon_vma': {
    before: [rw(0, 4, { anon_vma: false })],
    op: advise('guard_install', 0, 2),
    sections: { rfc_2022: '-', 'v6.15': 'R' },
    marks: '',
    took: { rfc_2022: '', 'v7.2': 'r' },
  },
  MADV_GUARD_REMOVE: {
    before: [rw(0, 4, { anon_vma: false })],
    op: advise('guard_remove', 0, 2),
    sections: { rfc_2022: '-', 'v6.15': 'R', 'v7.2': '-' },
    marks: '',
    took: { rfc_2022: '', 'v7.2': 'r' },
  },

  MADV_HUGEPAGE: flags('hugepage'),
  MADV_NOHUGEPAGE: flags('nohugepage'),
  MADV_DONTFORK: flags('dontfork'),
  MADV_DOFORK: flags('dofork', ['dontfork']),
  MADV_WIPEONFORK: flags('wipeonfork'),
  MADV_DONTDUMP: flags('dontdump'),
  MADV_RANDOM: flags('random'),
  MADV_MERGEABLE: flags('mergeable'),
  MADV_UNMERGEABLE: flags('unmergeable', ['mergeable']),
  'MADV_HUGEPAGE on a middle': {
    before: [rw(0, 9)],
    op: advise('hugepage', 3, 3),
    sections: 'Wk',
    marks: { rfc_2022: 'V..M..V', 'v6.6': 'M..M..M' },
    after: 'AAABBBCCC',
  },
  'MADV_HUGEPAGE for the second time': {
    before: [rw(0, 4), advise('hugepage', 0, 4)],
    op: advise('hugepage', 0, 4),
    sections: 'Wk',
    marks: 'V',
  },
  PR_SET_VMA_ANON_NAME: {
    before: [rx(0, 2), rw(2, 4), rx(6, 2)],
    op: range('prctl_set_vma', 2, 4, { name: '[anon: heap]' }),
    sections: 'Wk',
    marks: FLAGS,
  },
  'PR_SET_VMA_ANON_NAME with the name it has': {
    before: [rw(0, 4, { name: '[anon: heap]' })],
    op: range('prctl_set_vma', 0, 4, { name: '[anon: heap]' }),
    sections: 'Wk',
    marks: 'V',
  },

  MADV_COLLAPSE: {
    before: [rw(0, 1024), fault(0)],
    op: advise('collapse', 0, 512),
    sections: { rfc_2022: '-', 'v6.4': 'R R W R' },
    marks: { rfc_2022: 'V', 'v6.4': 'M' },
    late: { rfc_2022: 'V', 'v6.4': 'M' },
    look: 5_000,
  },
  MADV_HWPOISON: { before: [rw(0, 4)], op: advise('hwpoison', 0, 1), sections: '-', marks: '', took: '' },
  'collapse by khugepaged': {
    before: [rw(0, 1024), fault(0)],
    op: { op: 'collapse', tid: 1, addr: at(0) },
    sections: 'R W',
    marks: 'M',
    look: 5_000,
  },
  // Once the PMD may not be what it was, only the newer kernels have marked the VMA by then.
  'collapse of nothing': {
    before: [rw(0, 1024)],
    op: { op: 'collapse', tid: 1, addr: at(0) },
    sections: 'R W',
    marks: { rfc_2022: 'V', 'v6.18': 'M' },
    look: 5_000,
  },
  'collapse of a file by khugepaged': {
    before: [rw(0, 1024, { ...file, anon_vma: false })],
    op: { op: 'collapse', tid: 1, addr: at(0) },
    sections: { rfc_2022: 'W?', 'v6.6': '-' },
    marks: '',
    took: { rfc_2022: '', 'v6.4': 'm', 'v6.6': '' },
  },
};
