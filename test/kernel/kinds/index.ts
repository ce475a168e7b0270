/** Every kind of fault there is, by name. */
import { ANONYMOUS_KINDS } from './anonymous.js';
import { FILE_KINDS } from './file.js';
import type { Kind } from './kind.js';
import { LOOKUP } from './lookup.js';
import { SPECIAL_KINDS } from './special.js';
import { SWAP_KINDS } from './swap.js';
import { UFFD_KINDS } from './userfaultfd.js';

export const KINDS: Readonly<Record<string, Kind>> = {
  ...LOOKUP,
  ...ANONYMOUS_KINDS,
  ...FILE_KINDS,
  ...SWAP_KINDS,
  ...UFFD_KINDS,
  ...SPECIAL_KINDS,
};
