/** mremap(2): in place and somewhere else, onto others and itself, and what becomes of pages and neighbours. */
import { describe, expect, test } from 'vitest';
import { addressSpace, at, BASE, draw, type Event, fault, len, mmap, replay, vma } from '../helpers.js';

const NEW = 'v6.18';
const held = async (...events: Event[]) => (await replay(events, NEW)).row(NEW, -1).hold_ns;
const picture = async (...events: Event[]) => draw(await addressSpace(events, NEW), 24);
const COST = { minor: 300 };

describe('mremap', () => {
  const grow = (page: number, from: number, to: number): Event => ({
    ...{ op: 'mremap', tid: 1, addr: at(page), old_len: len(from), new_addr: at(page), new_len: len(to) },
  });

  test('in place reaches the next VMA and joins it, and does nothing where something is in the way', async () => {
    expect(await picture(mmap(0, 4), mmap(8, 4), grow(0, 4, 8))).toBe('AAAAAAAAAAAA............');
    expect(await picture(mmap(0, 4), mmap(6, 4, { prot: 'r--' }), grow(0, 4, 8))).toBe('AAAA..BBBB..............');
    expect(await picture(mmap(0, 4), mmap(8, 4, { prot: 'r--' }), grow(0, 4, 8))).toBe('AAAAAAAABBBB............');
    expect(await picture(mmap(0, 8), grow(0, 4, 12))).toBe('AAAAAAAA................');
  });

  const moves = (page: number, from: number, to: number, pages: number): Event => ({
    ...{ op: 'mremap', tid: 1, addr: at(page), old_len: len(from), new_addr: at(to), new_len: len(pages) },
    flags: ['maymove'],
  });

  test.each<[string, Event[], Event, string]>([
    ['as large as it was', [mmap(0, 4)], moves(0, 4, 12, 4), '............AAAA........'],
    ['larger', [mmap(0, 4)], moves(0, 4, 12, 6), '............AAAAAA......'],
    ['smaller', [mmap(0, 8)], moves(0, 8, 12, 3), '............AAA.........'],
    ['a part of it', [mmap(0, 8)], moves(2, 4, 12, 4), 'AA....BB....CCCC........'],
    ['right behind itself', [mmap(0, 4)], moves(0, 4, 4, 4), '....AAAA................'],
    ['right before itself', [mmap(4, 4)], moves(4, 4, 0, 4), 'AAAA....................'],
    ['onto itself, which is refused', [mmap(0, 8)], moves(0, 4, 3, 4), 'AAAAAAAA................'],
    ['onto itself from above', [mmap(0, 8)], moves(4, 4, 1, 4), 'AAAAAAAA................'],
    ['onto something else', [mmap(0, 4), mmap(12, 8, { prot: 'r--' })], moves(0, 4, 14, 4), '............AABBBBCC....'],
    ['to a neighbour, untouched', [mmap(0, 4), mmap(12, 4)], moves(0, 4, 16, 4), '............AAAAAAAA....'],
    ['to a neighbour, with pages', [vma(0, 4), mmap(12, 4)], moves(0, 4, 16, 4), '............AAAABBBB....'],
  ])('moves a mapping %s', async (_, before, move, after) => {
    expect(await picture(...before, move)).toBe(after);
  });

  test('of locked memory brings in what is new of it', async () => {
    const locked = mmap(0, 4, { flags: ['private', 'anonymous', 'locked'] });
    for (const [resized, page] of [
      [grow(0, 4, 8), 6],
      [moves(0, 4, 12, 6), 17],
    ] as const) {
      expect(await held(locked, resized, fault(page))).toBe(COST.minor);
      expect(await held(mmap(0, 4), resized, fault(page))).toBeGreaterThan(COST.minor);
    }
  });

  test('with MREMAP_DONTUNMAP unlinks a source that moved whole from its anon_vma', async () => {
    const move = (pages: number): Event => ({
      ...{ op: 'mremap', tid: 1, addr: at(0), old_len: len(pages), new_addr: at(12), new_len: len(pages) },
      flags: ['maymove', 'dontunmap'],
    });
    const source = async (pages: number) => (await addressSpace([vma(0, 8), move(pages)], NEW)).mm_mt.walk(BASE);
    expect((await source(8))?.anon_vma).toBeNull();
    expect((await source(4))?.anon_vma).not.toBeNull();
  });
});
