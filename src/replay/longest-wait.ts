/** The longest wait of a run, for `--fail-if max_wait` and for a diff of two traces. */
import type { ModelResult } from './result.js';

/** The longest anybody waited for a lock or because of an operation, ns. */
export function longestWait(model: ModelResult): number {
  let longest = 0;
  for (const row of model.locks) longest = Math.max(longest, row.wait_ns.max);
  for (const row of model.blockers) longest = Math.max(longest, row.max_wait_ns);
  return longest;
}
