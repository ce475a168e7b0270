/** What a call about a range makes of its VMAs and pages: remap_file_pages, mbind, madvise, scans. */
import { describe, expect, test } from 'vitest';

import { addressSpace, draw, type Event, fault, mmap, range, replay, vma } from '../helpers.js';

const NEW = 'v6.18';
const file = (fs: string, mode = 'shared') => ({ flags: [mode], file: { fs, name: 'f' }, offset: '0x0' });
const row = async (model: string, ...events: Event[]) => (await replay(events, model)).row(model, -1);
const advise = (advice: string, page: number, pages: number): Event => range('madvise', page, pages, { advice });
const picture = async (...events: Event[]) => draw(await addressSpace(events, NEW), 12);

describe('remap_file_pages', () => {
  const remap = (page: number, pages: number) => range('remap_file_pages', page, pages);

  test('maps the whole range anew, whatever VMAs it was in', async () => {
    expect(await picture(mmap(0, 8, file('tmpfs')), remap(2, 2))).toBe('AABBCCCC....');
    expect(await picture(mmap(0, 8, file('tmpfs')), remap(2, 2), remap(1, 6))).toBe('ABBBBBBC....');
  });

  test('leaves nothing of what madvise, mbind or a userfaultfd had set', async () => {
    const watched = range('uffd_register', 0, 8, { modes: ['missing'] });
    const read = fault(3, { access: 'read', page: { folio: 'absent', wait: 5 } });
    expect((await row(NEW, mmap(0, 8, file('tmpfs')), watched, read)).site).toBe('handle_userfault');
    expect((await row(NEW, mmap(0, 8, file('tmpfs')), watched, remap(2, 2), read)).site).toBe(null);
    const random = [mmap(0, 8, file('ext4')), advise('random', 0, 8)];
    const marked = fault(3, { access: 'read', page: { entry: 'none', readahead: true } });
    expect((await row(NEW, ...random, marked)).site).toBe(null);
    expect((await row(NEW, ...random, remap(2, 2), marked)).site).toBe('do_async_mmap_readahead');
  });

  test('locks what was locked', async () => {
    const before = [mmap(0, 8, { ...file('tmpfs'), flags: ['shared', 'locked'] }), remap(2, 2)];
    const munlock = range('munlock', 2, 2, { t: 900_000, dur: 9_000 });
    const read = fault(3, { t: 905_000, tid: 2, access: 'read' });
    expect((await row(NEW, ...before, munlock, read)).site).toBe('vma_start_read');
  });
});

describe('mbind', () => {
  const bind = (page: number, mode?: string) => range('mbind', page, 2, mode === undefined ? {} : { mode });

  test('keeps policies apart, whose nodes are unknown, and joins those that name none', async () => {
    expect(await picture(vma(0, 8), bind(2, 'bind'), bind(4, 'bind'))).toBe('AABBCCDD....');
    expect(await picture(vma(0, 8), bind(2), bind(4))).toBe('AABBCCDD....');
    expect(await picture(vma(0, 8), bind(2, 'local'), bind(4, 'MPOL_LOCAL'))).toBe('AABBBBCC....');
  });

  test('takes a policy away again: the default one changes nothing where there was none', async () => {
    for (const mode of ['default', 'MPOL_DEFAULT']) {
      expect(await picture(vma(0, 8), bind(2, mode))).toBe('AAAAAAAA....');
      expect(await picture(vma(0, 8), bind(2, 'bind'), bind(2, mode))).toBe('AAAAAAAA....');
    }
  });
});
