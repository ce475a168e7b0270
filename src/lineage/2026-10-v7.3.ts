/** Linux 7.3: read-write protection by userfaultfd, whose faults leave the VMA lock like all that a monitor resolves. */
import type { StageData } from '../kernel/stage.js';

export default {
  id: 'v7.3',
  title: 'userfaultfd read-write protection',
  author: 'Linus Torvalds',
  date: '2026-10-01',
  link: 'https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tag/?h=v7.3',
  merged: '7.3',
  parent: 'v7.2',
  changes: {
    'userfaultfd_register.rwp': { answer: 'present', by: 'userfaultfd: add UFFDIO_REGISTER_MODE_RWP' },
  },
} satisfies StageData;
