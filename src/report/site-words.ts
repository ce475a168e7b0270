/** Why a fault leaves the VMA lock at a site, as the rest of a sentence that begins "because". */
export const SITE_WORDS: ReadonlyMap<string, string> = new Map([
  // arch/x86/mm/fault.c
  ['bad_area', 'no VMA covered the address'],
  ['bad_area_access_error', 'the VMA forbids the access'],
  ['do_user_addr_fault.access_error', 'the VMA forbids the access'],
  // mm/mmap_lock.c
  ['lock_vma_under_rcu.no_vma', 'no VMA covered the address'],
  ['lock_vma_under_rcu.vm_ops', 'the VMA is not anonymous'],
  ['lock_vma_under_rcu.anon_vma', 'the VMA had no anon_vma yet'],
  ['lock_vma_under_rcu.userfaultfd_armed', 'a userfaultfd is registered on the VMA'],
  ['lock_vma_under_rcu.range', 'the VMA had shrunk'],
  ['vma_start_read', 'the VMA was write-locked'],
  // mm/memory.c, mm/huge_memory.c, mm/hugetlb.c
  ['vmf_anon_prepare', 'the VMA needed an anon_vma, which takes mmap_lock'],
  ['vmf_can_call_fault', 'the file has no ->map_pages'],
  ['do_swap_page', 'the page-table entry was a swap entry'],
  ['do_swap_page.device_private', 'the page was in device memory'],
  ['do_read_fault', '->map_pages did not map the page'],
  ['do_cow_fault', 'a file page had to be copied'],
  ['do_shared_fault', 'a shared file page had to be written'],
  ['do_wp_page', 'a page had to be copied and the VMA had no anon_vma yet'],
  ['wp_page_shared', 'a shared page had to be made writable'],
  ['wp_pfn_shared', 'a shared PFN had to be made writable'],
  ['create_huge_pmd', 'a huge page of a file was needed'],
  ['create_huge_pud', 'a huge page of a file was needed'],
  ['wp_huge_pmd', 'a huge page of a file had to be made writable'],
  ['wp_huge_pud', 'a huge page of a file had to be made writable'],
  ['do_huge_pmd_device_private', 'the huge page was in device memory'],
  ['hugetlb_fault', 'the mapping is hugetlb'],
  ['migration_entry_wait', 'the page was being migrated'],
  // mm/filemap.c
  ['__folio_lock_or_retry', 'the folio was locked'],
  ['lock_folio_maybe_drop_mmap', 'the folio in the page cache was locked'],
  ['do_async_mmap_readahead', 'the page was marked for readahead'],
  ['filemap_fault', 'the page was not in the page cache'],
  // fs/userfaultfd.c
  ['handle_userfault', 'a userfaultfd monitor had to resolve the fault'],
]);
