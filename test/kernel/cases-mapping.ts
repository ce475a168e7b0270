/** Operations that make, move and remove VMAs: the notation is in operation-case.ts. */
import { at, type Event, len, mmap, range } from '../helpers.js';
import { type Case, ro, rw, rx } from './operation-case.js';

const heap = { name: '[heap]' };
const fixed = { prot: 'r--', flags: ['private', 'anonymous', 'fixed'] };
const sysv = { flags: ['shared'], file: { fs: 'sysv_shm', name: '/SYSV00000000' } };
const mremap = (page: number, pages: number, to: number, size: number, more = {}): Event => ({
  op: 'mremap',
  tid: 1,
  addr: at(page),
  old_len: len(pages),
  new_addr: at(to),
  new_len: len(size),
  ...more,
});
const brk = (page: number): Event => ({ op: 'brk', tid: 1, addr: at(page) });

export const MAPPING_CASES: Record<string, Case> = {
  // mmap
  'mmap beside VMAs it cannot merge with': {
    before: [rw(0, 3), rw(6, 3)],
    op: mmap(3, 3, { prot: 'r--' }),
    sections: 'Wk',
    marks: { rfc_2022: 'M..M..M', 'v6.4': 'V..a..V', 'v6.6': 'V..M..V' },
    took: { rfc_2022: 'm..m..m', 'v6.4': '...m' },
    after: 'AAABBBCCC',
  },
  'mmap far from any VMA': {
    before: [rw(0, 3)],
    op: mmap(6, 3),
    sections: 'Wk',
    marks: { rfc_2022: 'M.....M', 'v6.4': 'V.....a', 'v6.6': 'V.....M' },
    after: 'AAA...BBB',
  },
  'mmap that joins the VMA below': {
    before: [rw(0, 3), rw(8, 2)],
    op: mmap(3, 3),
    sections: 'Wk',
    marks: { rfc_2022: 'M.......M', 'v6.4': 'M.......V' },
    after: 'AAAAAA..BB',
  },
  'mmap that joins the VMA above': {
    before: [rw(0, 2), rw(6, 3)],
    op: mmap(3, 3),
    sections: 'Wk',
    marks: { rfc_2022: 'M.....M', 'v6.4': 'V.....M' },
    after: 'AA.BBBBBB',
  },
  'mmap that fills the gap between two halves': {
    before: [rw(0, 9), range('munmap', 3, 3)],
    op: mmap(3, 3),
    sections: 'Wk',
    marks: 'M..M..M',
    after: 'AAAAAAAAA',
  },
  // Until 6.11 the old VMAs are gone while their pages are zapped; since 6.12 the new one replaces them in one store.
  'MAP_FIXED inside a VMA': {
    before: [rw(0, 9)],
    op: mmap(3, 3, fixed),
    sections: 'Wk',
    marks: { rfc_2022: 'M..x..M', 'v6.4': 'M..x..V', 'v6.6': 'M..x..M', 'v6.12': 'M..M..M' },
    late: { rfc_2022: 'M..M..M', 'v6.4': 'M..a..V', 'v6.6': 'M..M..M' },
    after: 'AAABBBCCC',
  },
  'MAP_FIXED over a VMA, so that it joins its neighbour': {
    before: [rw(0, 3), ro(3, 3), rx(6, 3)],
    op: mmap(3, 3, { flags: ['private', 'anonymous', 'fixed'] }),
    sections: 'Wk',
    marks: { rfc_2022: 'V..x..V', 'v6.12': 'V..M..V' },
    late: { rfc_2022: 'M..M..M', 'v6.4': 'M..M..V' },
    after: 'AAAAAABBB',
  },
  MAP_POPULATE: {
    before: [rw(0, 3)],
    op: mmap(4, 3, { flags: ['private', 'anonymous', 'populate'] }),
    sections: 'Wk R',
    marks: { rfc_2022: 'M...M', 'v6.4': 'V...a', 'v6.6': 'V...M' },
    after: 'AAA.BBB',
  },
  shmat: {
    before: [rw(0, 3), rw(6, 3)],
    op: mmap(3, 3, sysv),
    sections: 'Wk',
    marks: { rfc_2022: 'M..f..M', 'v6.4': 'V..f..V', 'v6.6': 'V..M..V' },
    took: { rfc_2022: 'm..m..m', 'v6.4': '...m' },
    after: 'AAABBBCCC',
  },

  // munmap
  'munmap of a whole VMA': {
    before: [rw(0, 4), rw(4, 3, { prot: 'r--' }), rw(8, 2)],
    op: range('munmap', 0, 4),
    sections: 'Wk>R',
    marks: 'x...V...V',
    took: 'm',
    after: '....AAA.BB',
  },
  'munmap below a VMA that grows down': {
    before: [rw(0, 4), rw(4, 3, { flags: ['private', 'anonymous', 'growsdown'] })],
    op: range('munmap', 0, 4),
    sections: { rfc_2022: 'Wk', 'v6.6': 'Wk>R' },
    marks: { rfc_2022: 'x...M', 'v6.4': 'x...V' },
    after: '....AAA',
  },
  'munmap of a head': {
    before: [rw(0, 6), ro(6, 2)],
    op: range('munmap', 0, 3),
    sections: 'Wk>R',
    marks: { rfc_2022: 'x..M..M', 'v6.4': 'x..V..V', 'v6.6': 'x..M..V' },
    after: '...AAABB',
  },
  'munmap of a tail': {
    before: [rw(0, 6), ro(6, 2)],
    op: range('munmap', 3, 3),
    sections: 'Wk>R',
    marks: { rfc_2022: 'M..x..M', 'v6.4': 'M..x..V' },
    after: 'AAA...BB',
  },
  'munmap of a middle': {
    before: [rw(0, 9), ro(9, 2)],
    op: range('munmap', 3, 3),
    sections: 'Wk>R',
    marks: { rfc_2022: 'M..x..M..M', 'v6.4': 'M..x..V..V', 'v6.6': 'M..x..M..V' },
    after: 'AAA...BBBCC',
  },
  'munmap across three VMAs': {
    before: [rw(0, 3), ro(3, 3), rw(6, 3), ro(9, 2)],
    op: range('munmap', 1, 7),
    sections: 'Wk>R',
    marks: { rfc_2022: 'M..x....MM', 'v6.4': 'M..x....VV', 'v6.6': 'M..x....MV' },
    after: 'A.......BCC',
  },
  'munmap of nothing': {
    before: [rw(0, 3), rw(6, 3)],
    op: range('munmap', 3, 3),
    sections: 'Wk',
    marks: 'V..x..V',
  },
  'vm_munmap() by the kernel itself': {
    before: [rw(0, 4), rw(6, 2)],
    op: range('shmdt', 0, 4),
    sections: 'Wk',
    marks: 'x.....V',
    took: 'm',
    after: '......AA',
  },
  shmdt: {
    before: [rw(0, 4, sysv), rw(6, 2)],
    op: range('shmdt', 0, 4),
    sections: 'Wk',
    marks: 'x.....V',
    took: 'm',
    after: '......AA',
  },

  // brk
  'brk that grows the heap': {
    before: [rw(0, 3, heap), rw(8, 2)],
    op: brk(6),
    sections: 'Wk',
    marks: { rfc_2022: 'M.......M', 'v6.4': 'M.......V' },
    after: 'AAAAAA..BB',
  },
  'brk that makes the heap': {
    before: [rw(0, 3), brk(4)],
    op: brk(6),
    sections: 'Wk',
    marks: { rfc_2022: 'M...V', 'v6.4': 'V...a', 'v6.6': 'V...M' },
    took: { rfc_2022: 'm', 'v6.4': '....m' },
    after: 'AAA.BB',
  },
  'brk that shrinks the heap': {
    before: [rw(0, 6, heap), ro(8, 2)],
    op: brk(4),
    sections: 'Wk>R',
    marks: { rfc_2022: 'M...x...M', 'v6.4': 'M...x...V' },
    after: 'AAAA....BB',
  },
  'brk that only asks': {
    before: [rw(0, 6, heap)],
    op: brk(6),
    sections: 'Wk',
    marks: 'V',
  },

  // mprotect
  'mprotect to the flags it has': {
    before: [rw(0, 6), ro(6, 3)],
    op: range('mprotect', 0, 6, { prot: 'rw-' }),
    sections: 'Wk',
    marks: 'V.....V',
  },
  'mprotect of a whole VMA': {
    before: [rx(0, 2), rw(2, 4), rx(6, 2)],
    op: range('mprotect', 2, 4, { prot: 'r--' }),
    sections: 'Wk',
    marks: { rfc_2022: 'M.M...M', 'v6.4': 'V.M...V' },
    after: 'AABBBBCC',
  },
  'mprotect of a head': {
    before: [rx(0, 2), rw(2, 6), rx(8, 2)],
    op: range('mprotect', 2, 3, { prot: 'r--' }),
    sections: 'Wk',
    marks: { rfc_2022: 'M.M..V..M', 'v6.4': 'V.M..V..V', 'v6.6': 'V.M..M..V' },
    after: 'AABBBCCCDD',
  },
  // The VMA itself is prev when its beginning stays: the first vma_merge() leaves the VMA below alone.
  'mprotect of a middle': {
    before: [rx(0, 2), rw(2, 9), rx(11, 2)],
    op: range('mprotect', 5, 3, { prot: 'r--' }),
    sections: 'Wk',
    marks: { rfc_2022: 'V.V..M..V..M', 'v6.4': 'V.V..M..V..V', 'v6.6': 'V.M..M..M..V' },
    after: 'AABBBCCCDDDEE',
  },
  'mprotect of a tail': {
    before: [rw(0, 6), rx(6, 2)],
    op: range('mprotect', 3, 3, { prot: 'r--' }),
    sections: 'Wk',
    marks: { rfc_2022: 'V..M..M', 'v6.4': 'V..M..V', 'v6.6': 'M..M..V' },
    after: 'AAABBBCC',
  },
  'mprotect back, so that two halves join': {
    before: [rw(0, 6), range('mprotect', 3, 3, { prot: 'r--' }), rw(8, 2)],
    op: range('mprotect', 3, 3, { prot: 'rw-' }),
    sections: 'Wk',
    marks: { rfc_2022: 'M..M....M', 'v6.4': 'M..M....V' },
    after: 'AAAAAA..BB',
  },
  'mprotect back, so that three parts join': {
    before: [rw(0, 9), range('mprotect', 3, 3, { prot: 'r--' })],
    op: range('mprotect', 3, 3, { prot: 'rw-' }),
    sections: 'Wk',
    marks: 'M..M..M',
    after: 'AAAAAAAAA',
  },
  'mprotect that moves the border of two VMAs': {
    before: [rw(0, 9), range('mprotect', 6, 3, { prot: 'r--' })],
    op: range('mprotect', 3, 3, { prot: 'r--' }),
    sections: 'Wk',
    marks: 'M..M..M',
    after: 'AAABBBBBB',
  },
  'pkey_mprotect of a whole VMA': {
    before: [rx(0, 2), rw(2, 4), rx(6, 2)],
    op: range('pkey_mprotect', 2, 4, { prot: 'r--' }),
    sections: 'Wk',
    marks: { rfc_2022: 'M.M...M', 'v6.4': 'V.M...V' },
  },

  // mremap
  'mremap to the same size': { before: [rw(0, 4)], op: mremap(0, 4, 0, 4), sections: 'Wk', marks: 'V' },
  'mremap that grows in place': {
    before: [rw(0, 4), rw(8, 2)],
    op: mremap(0, 4, 0, 6),
    sections: 'Wk',
    marks: { rfc_2022: 'M.......M', 'v6.4': 'M.......V' },
    after: 'AAAAAA..BB',
  },
  'mremap that grows up to its other half': {
    before: [rw(0, 9), range('munmap', 3, 3)],
    op: mremap(0, 3, 0, 6),
    sections: 'Wk',
    marks: 'M..M..M',
    after: 'AAAAAAAAA',
  },
  'mremap that grows what is locked': {
    before: [rw(0, 4, { flags: ['private', 'anonymous', 'locked'] })],
    op: mremap(0, 4, 0, 6),
    sections: 'Wk R',
    marks: 'M',
    after: 'AAAAAA',
  },
  'mremap that shrinks in place': {
    before: [rw(0, 6), ro(8, 2)],
    op: mremap(0, 6, 0, 4),
    sections: 'Wk>R',
    marks: { rfc_2022: 'M...x...M', 'v6.4': 'M...x...V' },
    after: 'AAAA....BB',
  },
  'mremap that moves': {
    before: [rw(0, 3), ro(3, 1), ro(10, 2)],
    op: mremap(0, 3, 6, 3, { flags: ['maymove'] }),
    sections: 'Wk',
    marks: { rfc_2022: 'x..M..M...M', 'v6.4': 'x..V..M...V' },
    after: '...A..BBB.CC',
  },
  'mremap that moves a middle': {
    before: [rw(0, 9)],
    op: mremap(3, 3, 12, 3, { flags: ['maymove'] }),
    sections: 'Wk',
    marks: { rfc_2022: 'M..x..M.....M', 'v6.4': 'M..x..V.....M', 'v6.6': 'M..x..M.....M' },
    after: 'AAA...BBB...CCC',
  },
  'mremap with MREMAP_DONTUNMAP': {
    before: [rw(0, 3)],
    op: mremap(0, 3, 6, 3, { flags: ['maymove', 'dontunmap'] }),
    sections: 'Wk',
    // The source is left without an anon_vma.
    marks: { rfc_2022: 'M.....M', 'v6.4': 'a.....M', 'v6.6': 'M.....M' },
    after: 'AAA...BBB',
  },
};
