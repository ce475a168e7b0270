/** Operations that give a range new properties, and userfaultfd: the notation is in operation-case.ts. */
import { at, range } from '../helpers.js';
import { type ByStage, type Case, here, ro, rw, rx } from './operation-case.js';

const file = { flags: ['shared'], file: { fs: 'ext4', name: 'f' } };
const armed = range('uffd_register', 0, 4, { modes: ['missing'] });
const THREE = [rx(0, 2), rw(2, 4), rx(6, 2)];
/** The proof of concept marked neighbours whatever came of it. */
const TARGET: ByStage = { rfc_2022: 'M.M...M', 'v6.4': 'V.M...V' };
const POLICY: ByStage = { rfc_2022: 'M.M...M', 'v6.4': 'V.V...V', 'v6.6': 'V.M...V' };
const filled = (op: string, more = {}): Case => ({
  before: [rw(0, 4), armed],
  op: range(op, 0, 1, more),
  sections: { rfc_2022: 'R', 'v6.12': '-' },
  marks: '',
  took: { rfc_2022: '', 'v6.12': 'r' },
});

export const RANGE_CASES: Record<string, Case> = {
  mlock: { before: THREE, op: range('mlock', 2, 4), sections: 'Wk R', marks: TARGET },
  munlock: { before: [...THREE, range('mlock', 2, 4)], op: range('munlock', 2, 4), sections: 'Wk', marks: TARGET },
  'mlock of what cannot be locked': {
    before: [rw(0, 4, { flags: ['private', 'anonymous', 'pfnmap'] })],
    op: range('mlock', 0, 4),
    sections: 'Wk R',
    marks: 'V',
  },
  mlockall: { before: [rw(0, 4), ro(6, 2)], op: here('mlockall'), sections: 'Wk R', marks: 'M.....M' },
  'mlockall of the future': {
    before: [rw(0, 4), ro(6, 2)],
    op: here('mlockall', { mode: 'future' }),
    sections: 'Wk',
    marks: 'V.....V',
  },
  munlockall: {
    before: [rw(0, 4), ro(6, 2), here('mlockall')],
    op: here('munlockall'),
    sections: 'Wk',
    marks: 'M.....M',
  },

  // 6.4 put the new policy into unmarked VMAs.
  mbind: { before: THREE, op: range('mbind', 2, 4), sections: 'W', marks: POLICY },
  'mbind across two VMAs': {
    before: [rw(0, 4), ro(4, 4), rw(9, 2)],
    op: range('mbind', 0, 8),
    sections: 'W',
    marks: { rfc_2022: 'M...M....M', 'v6.4': 'V...V....V', 'v6.6': 'M...M....V' },
  },
  set_mempolicy_home_node: { before: THREE, op: range('mbind', 2, 4), sections: 'W', marks: POLICY },
  'the rebinding of a cpuset': {
    before: [rw(0, 2), ro(2, 4), rx(6, 2)],
    op: range('mbind', 0, 8),
    sections: 'W',
    marks: { rfc_2022: 'M.M...M', 'v6.4': 'V.V...V', 'v6.6': 'M.M...M' },
  },
  mseal: {
    before: [rw(0, 4), rw(6, 2)],
    op: range('mseal', 0, 4),
    sections: { rfc_2022: '-', 'v6.12': 'Wk' },
    marks: { rfc_2022: 'V.....V', 'v6.12': 'M.....V' },
  },
  'munmap of a sealed VMA': {
    before: [rw(0, 4), range('mseal', 0, 4)],
    op: range('munmap', 0, 4),
    sections: { rfc_2022: 'Wk>R', 'v6.12': 'Wk' },
    marks: { rfc_2022: 'x', 'v6.12': 'V' },
  },
  remap_file_pages: {
    before: [rw(0, 4, file), rw(6, 2)],
    op: range('remap_file_pages', 0, 4),
    sections: { rfc_2022: 'Wk R', 'v6.12': 'Rk Wk R' },
    marks: { rfc_2022: 'f.....M', 'v6.4': 'f.....V', 'v6.6': 'M.....V' },
    took: { rfc_2022: 'm.....m', 'v6.4': 'm' },
    look: 600,
  },

  // userfaultfd
  UFFDIO_REGISTER: {
    before: THREE,
    op: range('uffd_register', 2, 4, { modes: ['missing'] }),
    sections: 'W',
    marks: TARGET,
  },
  UFFDIO_UNREGISTER: {
    before: [...THREE, range('uffd_register', 2, 4, { modes: ['missing'] })],
    op: range('uffd_unregister', 2, 4),
    sections: 'W',
    marks: TARGET,
  },
  'a userfaultfd is closed': {
    before: [rw(0, 4), rx(4, 2), rw(6, 4), armed, range('uffd_register', 6, 4, { modes: ['missing'] })],
    op: range('uffd_unregister', 0, 10),
    sections: 'W',
    marks: { rfc_2022: 'M...M.M', 'v6.4': 'M...V.M' },
  },
  UFFDIO_COPY: filled('uffd_copy', { src: at(100) }),
  UFFDIO_ZEROPAGE: filled('uffd_zeropage'),
  UFFDIO_CONTINUE: {
    before: [rw(0, 4, { flags: ['shared'], file: { fs: 'shmem', name: 'm' } }), armed],
    op: range('uffd_continue', 0, 1),
    sections: { rfc_2022: 'R', 'v6.12': '-' },
    marks: '',
    took: { rfc_2022: '', 'v6.12': 'r' },
  },
  // mmap_lock for the anon_vma and to lock the VMA; then on with the VMA locked.
  'UFFDIO_COPY into a VMA without anon_vma': {
    before: [rw(0, 4, { anon_vma: false }), armed],
    op: range('uffd_copy', 0, 1, { src: at(100) }),
    sections: 'R',
    marks: '',
    took: { rfc_2022: '', 'v6.12': 'r' },
  },
  UFFDIO_MOVE: {
    before: [rw(0, 4), armed, ro(6, 2)],
    op: range('uffd_move', 0, 1, { src: at(6) }),
    sections: '-',
    marks: '',
    took: { rfc_2022: '', 'v6.12': 'r.....r' },
  },
  UFFDIO_WRITEPROTECT: {
    before: [rw(0, 4), range('uffd_register', 0, 4, { modes: ['wp'] })],
    op: range('uffd_wp', 0, 4),
    sections: 'R',
    marks: '',
    took: '',
  },
  // New in 7.3.
  UFFDIO_RWPROTECT: {
    before: [rw(0, 4), range('uffd_register', 0, 4, { modes: ['rwp'] })],
    op: range('uffd_rwp', 0, 4),
    sections: '-',
    marks: '',
    took: '',
  },
};
