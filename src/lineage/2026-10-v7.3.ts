/**
 * Linux 7.3: read-write protection by userfaultfd, whose faults leave the VMA lock like all that a monitor resolves. Its date is
 * inferred from the cadence of releases.
 */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v7.3',
  title: '[PATCH v9 00/15] userfaultfd: working set tracking for VM guest memory',
  author: 'Kiryl Shutsemau',
  date: '2026-10-25',
  link: 'https://lore.kernel.org/all/20260706084805.8400-1-kirill@shutemov.name/',
  merged: '7.3',
  parent: 'v7.2',
  changes: {
    'userfaultfd_register.rwp': {
      answer: 'present',
      by: 'userfaultfd: working set tracking for VM guest memory, 10/15',
    },
  },
} satisfies StageData;
