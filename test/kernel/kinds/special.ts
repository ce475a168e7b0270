/** hugetlb, DAX, drivers: mappings that are neither anonymous memory nor the page cache. */
import { fault, mmap, vma } from '../../helpers.js';
import { asleep, file, inPmd, type Kind, mapped, read, register, trace, WAIT, write } from './kind.js';

const PMDS = { flags: ['shared', 'hugetlb'] };
const HUGETLB = mmap(512, 1024, PMDS);
const HUGETLB_PRIVATE = { flags: ['private', 'anonymous', 'hugetlb'] };
/** The mutex of the fault, and the lock of the folio. */
const ASLEEP = { wait: WAIT };
const hugetlb = (since69: string) => ({ ...file(), mm_unstable_2023_08: 'R hugetlb_fault', 'v6.9': since69 });
const HUGETLB_HELD = asleep('mmap_lock', hugetlb('V | vma_lock'));

const dax = (fs: string) => mmap(512, 1024, { flags: ['shared'], file: { fs, name: 'f' } });
const hugeFault = (site: string) => ({ ...file(), mm_unstable_2023_08: `R ${site}`, 'v6.6': 'V' });
const noMapPages = (site: string) => ({ ...file(), mm_unstable_2023_08: `R ${site}`, 'v6.7': 'R vmf_can_call_fault' });
const pfn = (pfn: boolean) =>
  mmap(0, 128, { flags: ['shared', 'pfnmap'], file: { fs: 'vfio', name: 'f', pfn, map_pages: false } });

export const SPECIAL_KINDS: Record<string, Kind> = {
  hugetlb_shared: { events: trace(HUGETLB, inPmd(ASLEEP)), cells: HUGETLB_HELD },
  hugetlb_private_no_anon_vma: {
    events: trace(mmap(512, 1024, HUGETLB_PRIVATE), fault(512)),
    cells: { ...hugetlb('R vmf_anon_prepare'), 'v6.10': 'T' },
  },
  hugetlb_private_anon_vma: { events: trace(vma(512, 1024, HUGETLB_PRIVATE), inPmd(ASLEEP)), cells: HUGETLB_HELD },
  hugetlb_uffd: {
    events: trace(HUGETLB, register('missing', 512, 1024), inPmd(ASLEEP)),
    cells: asleep('free', hugetlb('R handle_userfault')),
  },
  hugetlb_migration: { events: trace(HUGETLB, inPmd({ entry: 'migration', wait: WAIT })), cells: HUGETLB_HELD },
  dax_huge_fault_pmd: {
    events: trace(dax('ext4-dax'), inPmd({ huge: 'pmd', entry: 'none' })),
    cells: hugeFault('create_huge_pmd'),
  },
  dax_huge_fault_pud: {
    events: trace(dax('device-dax'), inPmd({ huge: 'pud', entry: 'none' })),
    cells: hugeFault('create_huge_pud'),
  },
  huge_fault_wp: {
    events: trace(dax('ext4-dax'), inPmd({ huge: 'pmd', entry: 'present' })),
    cells: hugeFault('wp_huge_pmd'),
  },
  dax_pte_no_map_pages: { events: trace(mapped('shared', 'ext4-dax'), write()), cells: noMapPages('do_shared_fault') },
  dax_pte_map_pages: {
    events: trace(mapped('shared', 'xfs-dax'), write()),
    cells: { ...noMapPages('do_shared_fault'), 'v6.7': 'V' },
  },
  driver_fault_no_map_pages: {
    events: trace(mapped('private', 'special'), read()),
    cells: noMapPages('do_read_fault'),
  },
  pfn_mkwrite: { events: trace(pfn(true), write({ entry: 'present' })), cells: noMapPages('wp_pfn_shared') },
  pfn_wp_no_ops: {
    events: trace(pfn(false), write({ entry: 'present' })),
    cells: { ...file(), mm_unstable_2023_08: 'V' },
  },
};
