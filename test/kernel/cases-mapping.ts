/** Operations that make, move, change and remove VMAs: the notation is in operation-case.ts. */
import { at, type Event, len, mmap, range } from '../helpers.js';
import { type Case, ro, rw } from './operation-case.js';

const heap = { name: '[heap]' };
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
    sections: 'W',
    marks: ['V..a..V', 'V..M..V', 'V..M..V', 'V..M..V'],
    after: 'AAABBBCCC',
  },
  'mmap far from any VMA': {
    before: [rw(0, 3)],
    op: mmap(6, 3),
    sections: 'W',
    marks: ['V.....a', 'V.....M', 'V.....M', 'V.....M'],
    after: 'AAA...BBB',
  },
  'mmap that joins the VMA below': {
    before: [rw(0, 3), rw(8, 2)],
    op: mmap(3, 3),
    sections: 'W',
    marks: 'M.......V',
    after: 'AAAAAA..BB',
  },
  'mmap that joins the VMA above': {
    before: [rw(0, 2), rw(6, 3)],
    op: mmap(3, 3),
    sections: 'W',
    marks: 'V.....M',
    after: 'AA.BBBBBB',
  },
  'mmap that fills the gap between two halves': {
    before: [rw(0, 9), range('munmap', 3, 3)],
    op: mmap(3, 3),
    sections: 'W',
    marks: 'M..M..M',
    after: 'AAAAAAAAA',
  },
  'MAP_FIXED inside a VMA': {
    before: [rw(0, 9)],
    op: mmap(3, 3, { prot: 'r--', flags: ['private', 'anonymous', 'fixed'] }),
    sections: 'W',
    marks: ['M..a..V', 'M..M..M', 'M..M..M', 'M..M..M'],
    after: 'AAABBBCCC',
  },
  MAP_POPULATE: {
    before: [rw(0, 3)],
    op: mmap(4, 3, { flags: ['private', 'anonymous', 'populate'] }),
    sections: 'WR',
    marks: ['V...a', 'V...M', 'V...M', 'V...M'],
    after: 'AAA.BBB',
  },

  // munmap
  'munmap of a whole VMA': {
    before: [rw(0, 4), rw(4, 3, { prot: 'r--' }), rw(8, 2)],
    op: range('munmap', 0, 4),
    sections: 'W>R',
    marks: 'x...V...V',
    after: '....AAA.BB',
  },
  'munmap below a VMA that grows down': {
    before: [rw(0, 4), rw(4, 3, { flags: ['private', 'anonymous', 'growsdown'] })],
    op: range('munmap', 0, 4),
    sections: ['W', 'W', 'W>R', 'W>R', 'W>R'],
    marks: 'x...V',
    after: '....AAA',
  },
  'munmap of a head': {
    before: [rw(0, 6)],
    op: range('munmap', 0, 3),
    sections: 'W>R',
    marks: ['x..V', 'x..M', 'x..M', 'x..M'],
    after: '...AAA',
  },
  'munmap of a tail': {
    before: [rw(0, 6)],
    op: range('munmap', 3, 3),
    sections: 'W>R',
    marks: 'M..x',
    after: 'AAA...',
  },
  'munmap of a middle': {
    before: [rw(0, 9)],
    op: range('munmap', 3, 3),
    sections: 'W>R',
    marks: ['M..x..V', 'M..x..M', 'M..x..M', 'M..x..M'],
    after: 'AAA...BBB',
  },
  'munmap across three VMAs': {
    before: [rw(0, 3), ro(3, 3), rw(6, 3), ro(9, 2)],
    op: range('munmap', 1, 7),
    sections: 'W>R',
    marks: ['M..x....VV', 'M..x....MV', 'M..x....MV', 'M..x....MV'],
    after: 'A.......BCC',
  },
  'munmap of nothing': {
    before: [rw(0, 3), rw(6, 3)],
    op: range('munmap', 3, 3),
    sections: 'W',
    marks: 'V..x..V',
  },

  // brk
  'brk that grows the heap': {
    before: [rw(0, 3, heap), rw(8, 2)],
    op: brk(6),
    sections: 'W',
    marks: 'M.......V',
    after: 'AAAAAA..BB',
  },
  'brk that makes the heap': {
    before: [rw(0, 3), brk(4)],
    op: brk(6),
    sections: 'W',
    marks: ['V...a', 'V...M', 'V...M', 'V...M'],
    after: 'AAA.BB',
  },
  'brk that shrinks the heap': {
    before: [rw(0, 6, heap)],
    op: brk(4),
    sections: 'W>R',
    marks: 'M...x',
    after: 'AAAA..',
  },
  'brk that only asks': {
    before: [rw(0, 6, heap)],
    op: brk(6),
    sections: 'W',
    marks: 'V',
  },

  // mprotect
  'mprotect to the flags it has': {
    before: [rw(0, 6), ro(6, 3)],
    op: range('mprotect', 0, 6, { prot: 'rw-' }),
    sections: 'W',
    marks: 'V.....V',
  },
  'mprotect of a whole VMA': {
    before: [rw(0, 6), rw(8, 3)],
    op: range('mprotect', 0, 6, { prot: 'r--' }),
    sections: 'W',
    marks: 'M.......V',
  },
  'mprotect of a middle': {
    before: [rw(0, 9)],
    op: range('mprotect', 3, 3, { prot: 'r--' }),
    sections: 'W',
    marks: ['V..M..V', 'M..M..M', 'M..M..M', 'M..M..M'],
    after: 'AAABBBCCC',
  },
  'mprotect of a tail': {
    before: [rw(0, 6)],
    op: range('mprotect', 3, 3, { prot: 'r--' }),
    sections: 'W',
    marks: ['V..M', 'M..M', 'M..M', 'M..M'],
    after: 'AAABBB',
  },
  'mprotect back, so that two halves join': {
    before: [rw(0, 6), range('mprotect', 3, 3, { prot: 'r--' }), rw(8, 2)],
    op: range('mprotect', 3, 3, { prot: 'rw-' }),
    sections: 'W',
    marks: 'M..M....V',
    after: 'AAAAAA..BB',
  },
  'mprotect back, so that three parts join': {
    before: [rw(0, 9), range('mprotect', 3, 3, { prot: 'r--' })],
    op: range('mprotect', 3, 3, { prot: 'rw-' }),
    sections: 'W',
    marks: 'M..M..M',
    after: 'AAAAAAAAA',
  },
  'mprotect that moves the border of two VMAs': {
    before: [rw(0, 9), range('mprotect', 6, 3, { prot: 'r--' })],
    op: range('mprotect', 3, 3, { prot: 'r--' }),
    sections: 'W',
    marks: 'M..M..M',
    after: 'AAABBBBBB',
  },
  'pkey_mprotect of a whole VMA': {
    before: [rw(0, 6)],
    op: range('pkey_mprotect', 0, 6, { prot: 'r--' }),
    sections: 'W',
    marks: 'M',
  },

  // mremap
  'mremap to the same size': { before: [rw(0, 4)], op: mremap(0, 4, 0, 4), sections: 'W', marks: 'V' },
  'mremap that grows in place': {
    before: [rw(0, 4), rw(8, 2)],
    op: mremap(0, 4, 0, 6),
    sections: 'W',
    marks: 'M.......V',
    after: 'AAAAAA..BB',
  },
  'mremap that grows up to its other half': {
    before: [rw(0, 9), range('munmap', 3, 3)],
    op: mremap(0, 3, 0, 6),
    sections: 'W',
    marks: 'M..M..M',
    after: 'AAAAAAAAA',
  },
  'mremap that shrinks in place': {
    before: [rw(0, 6)],
    op: mremap(0, 6, 0, 4),
    sections: 'W>R',
    marks: 'M...x',
    after: 'AAAA..',
  },
  'mremap that moves': {
    before: [rw(0, 3), ro(3, 1)],
    op: mremap(0, 3, 6, 3, { flags: ['maymove'] }),
    sections: 'W',
    marks: 'x..V..M',
    after: '...A..BBB',
  },
  'mremap that moves a middle': {
    before: [rw(0, 9)],
    op: mremap(3, 3, 12, 3, { flags: ['maymove'] }),
    sections: 'W',
    marks: ['M..x..V.....M', 'M..x..M.....M', 'M..x..M.....M', 'M..x..M.....M'],
    after: 'AAA...BBB...CCC',
  },
  'mremap with MREMAP_DONTUNMAP': {
    before: [rw(0, 3)],
    op: mremap(0, 3, 6, 3, { flags: ['maymove', 'dontunmap'] }),
    sections: 'W',
    // The source is left without an anon_vma.
    marks: ['a.....M', 'M.....M', 'M.....M', 'M.....M'],
    after: 'AAA...BBB',
  },
};
