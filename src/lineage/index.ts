/** The lineage in order: nothing else. A stage comes after its parent. */
import type { StageData } from '../kernel/stage.js';
import mmap_lock from './2022-12-mmap-lock.js';
import v6_4 from './2023-06-v6.4.js';
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

export const SERIES: readonly StageData[] = [
  mmap_lock,
  v6_4,
  v6_5,
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
];
