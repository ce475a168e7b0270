/** The lineage in order: nothing else. A stage comes after its parent. */
import type { StageData } from '../kernel/stage.js';
import spf_dufour_v12 from './2019-04-spf-dufour-v12.js';
import spf_lespinasse_2021 from './2021-04-spf-lespinasse.js';
import spf_lespinasse_2022 from './2022-01-spf-lespinasse-v2.js';
import rfc_2022 from './2022-08-rfc-2022.js';
import mmap_lock from './2022-12-mmap-lock.js';
import swap_uncontended_2023_04 from './2023-04-swap-uncontended.js';
import swap_uncontended_2023_05 from './2023-05-swap-uncontended-v3.js';
import v4_2023_06_28 from './2023-06-v4-swap-userfaults.js';
import v6_4_0 from './2023-06-v6.4.0.js';
import vma_unlocked_2023_06 from './2023-06-vma-unlocked.js';
import v6_4 from './2023-07-v6.4.js';
import mm_unstable_2023_08 from './2023-08-mm-unstable.js';
import v6_5 from './2023-08-v6.5.js';
import v6_6 from './2023-10-v6.6.js';
import v6_7 from './2024-01-v6.7.js';
import v6_8 from './2024-03-v6.8.js';
import v6_9 from './2024-05-v6.9.js';
import v6_10 from './2024-07-v6.10.js';
import v6_12 from './2024-11-v6.12.js';
import v6_13 from './2025-01-v6.13.js';
import v6_15 from './2025-05-v6.15.js';
import v6_17 from './2025-09-v6.17.js';
import v6_18 from './2025-11-v6.18.js';
import v7_2 from './2026-08-v7.2.js';
import v7_3 from './2026-10-v7.3.js';

export const SERIES: readonly StageData[] = [
  mmap_lock,
  spf_dufour_v12,
  spf_lespinasse_2021,
  spf_lespinasse_2022,
  rfc_2022,
  v6_4_0,
  swap_uncontended_2023_04,
  swap_uncontended_2023_05,
  vma_unlocked_2023_06,
  v4_2023_06_28,
  v6_4,
  v6_5,
  mm_unstable_2023_08,
  v6_6,
  v6_7,
  v6_8,
  v6_9,
  v6_10,
  v6_12,
  v6_13,
  v6_15,
  v6_17,
  v6_18,
  v7_2,
  v7_3,
];
