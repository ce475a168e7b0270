/** The one warning about keys of a trace that nobody knows. */
import { quote } from '../errors.js';
import type { TraceInfo } from '../trace/columns.js';
import { formatCount } from '../units.js';

/** Unknown keys a warning names. */
const NAMED_KEYS = 3;

/** A warning for all keys that were passed over, naming the most frequent; none where there are none. */
export function unknownKeys({ unknownKeys: keys }: TraceInfo, done = 'ignored'): string[] {
  if (keys.size === 0) return [];
  const sorted = [...keys].sort(([, a], [, b]) => b - a);
  const total = sorted.reduce((sum, [, times]) => sum + times, 0);
  const named = sorted
    .slice(0, NAMED_KEYS)
    .map(([key, times]) => quote(key) + (times === 1 ? '' : ` ${formatCount(times)} times`));
  const more = sorted.length > NAMED_KEYS ? `, and ${sorted.length - NAMED_KEYS} more` : '';
  const what = total === 1 ? '1 unknown key was' : `${formatCount(total)} unknown keys were`;
  return [`${what} ${done}: ${named.join(', ')}${more}; --strict refuses them`];
}
