/** The two places a command that replays writes to, opened before the work begins: its report and, beside it, rows of events. */
import { Complaint } from '../errors.js';
import { warn } from './complain.js';
import { isSameTarget, isStdout, openSink, type Sink } from './output.js';

/**
 * Opens the places of the report and the rows of events; rows on stdout leave no room for a report there.
 *
 * @param asked a format was asked for, so that a report that is left out is missed
 * @throws Complaint (io or usage)
 */
export function openSinks(
  { out, events }: { out?: string; events?: string },
  inputs: readonly string[],
  asked: boolean,
): { report: Sink | null; events: Sink | null } {
  if (events === undefined) return { report: openSink(out, inputs), events: null };
  if (out !== undefined && isSameTarget(events, out)) {
    throw new Complaint('usage', '--events and --out name the same file', {}, 'name two files');
  }
  const room = out !== undefined || !isStdout(events);
  if (!room && asked) warn('--events - has stdout: the report is left out, give it a place with --out FILE');
  const report = room ? openSink(out, inputs) : null;
  try {
    return { report, events: openSink(events, inputs) };
  } catch (error) {
    report?.discard();
    throw error;
  }
}
