/** What one address space is told of another that it is a copy of, and how far what was told reaches. Pages, in hex. */
import { describe, expect, test } from 'vitest';
import { AddressMap } from '../../src/trace/import/address-map.js';
import { FaultWindow } from '../../src/trace/import/fault-window.js';
import { Unseen } from '../../src/trace/import/unseen.js';

const CODE = { read: 4, write: 6, rewrite: 7, exec: 20 };
const [DATA_END, STACK, VDSO] = [0x4bb, 0x7ffffffde, 0x7ffff7fc1];
const E_PHOFF = '020';

/** Something is mapped at 0x7f0000000, and all that ever was is known. */
const where = { map: new AddressMap(), complete: true };
where.map.map({
  ...{ start: 0x7f0000000, end: 0x7f0000010, shared: false, prot: 3, mapsFile: false },
  ...{ growsdown: false, dontfork: false, name: '', offset: 0, since: 0 },
});

/** Name or kind of the VMA that a fault tells; null when it tells none. */
function tells(unseen: Unseen, kind: keyof typeof CODE, page: number, offset = '000'): string | null {
  const window = new FaultWindow(0, `0x${page.toString(16)}${offset}`, CODE[kind], false);
  const vma = unseen.vmaOf(window, where, true);
  if (vma === null) return null;
  const { file, name, anon_vma = false } = vma;
  return `${file ? (file.name ?? 'file') : (name ?? 'anonymous')}${anon_vma && name === undefined ? ' with an anon_vma' : ''}`;
}

/** An image whose data ends in DATA_END, with its stack and its vDSO. */
function executed(): Unseen {
  const unseen = new Unseen();
  unseen.execWrote(DATA_END, true);
  unseen.execWrote(STACK, false);
  expect(tells(unseen, 'write', STACK)).toBe('[stack]');
  expect(tells(unseen, 'read', VDSO, E_PHOFF)).toBe('[vdso]');
  return unseen;
}

describe('a copy for a forked child', () => {
  test('knows all that was known', () => {
    const parent = executed();
    expect(tells(parent, 'write', 0x4c0)).toBe('anonymous');
    expect(tells(parent, 'read', 0x4a0)).toBe('file');
    expect(tells(parent, 'exec', 0x7ffff6000)).toBe('file');
    const child = parent.clone();
    for (const page of [STACK, VDSO, 0x4c0]) expect(tells(child, 'write', page)).toBe(null);
    expect(tells(child, 'write', 0x4a0)).toBe('file with an anon_vma');
    expect(tells(child, 'write', 0x4c1)).toBe('anonymous with an anon_vma');
    expect(tells(child, 'write', STACK - 0x100)).toBe(null);
    expect(tells(child, 'exec', VDSO + 1)).toBe('[vdso]');
    expect(tells(child, 'read', VDSO - 1)).toBe('[vvar]');
  });

  test('learns for itself, and so does its parent', () => {
    const parent = executed();
    const child = parent.clone();
    expect([tells(child, 'write', 0x4c0), tells(parent, 'write', 0x4c0)]).toEqual(['anonymous', 'anonymous']);
    child.execWrote(0x10000, true);
    expect([tells(child, 'read', 0xf100), tells(parent, 'write', 0xf100)]).toEqual(['file', 'anonymous']);
  });
});

describe('what is told reaches', () => {
  test('2,048 pages down from the end of a stack, and no further', () => {
    expect(tells(executed(), 'write', STACK + 1 - 2048)).toBe(null);
    expect(tells(executed(), 'write', STACK - 2048)).toBe('anonymous');
  });

  test('above a stack for what is written there again: it was there before the program ran', () => {
    expect(tells(executed(), 'rewrite', STACK + 1)).toBe('anonymous with an anon_vma');
    expect(tells(executed(), 'write', STACK + 1)).toBe('anonymous');
    expect(tells(executed(), 'read', STACK + 1)).toBe('file');
  });

  test('from the vDSO up over what is executed, and down over what is read', () => {
    const near = [
      ['exec', VDSO + 1, '[vdso]'],
      ['exec', VDSO + 2, 'file'],
      ['exec', VDSO - 1, 'file'],
      ['read', VDSO + 1, '[vdso]'],
      ['read', VDSO - 6, '[vvar]'],
      ['read', VDSO - 7, 'file'],
      ['write', VDSO - 1, 'anonymous'],
    ] as const;
    expect(near.map(([kind, page]) => tells(executed(), kind, page))).toEqual(near.map(([, , is]) => is));
  });
});
