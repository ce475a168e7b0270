/**
 * A replay's result as titled tables of cells, for every output that people read. Empty tables are left out; cells hold
 * unescaped text, since each output escapes in its own way.
 */
import type { HotKey, LockRow, ModelResult, ReplayResult, Times } from '../replay/result.js';
import { formatCount, formatNs } from '../units.js';
import { convoySection } from './convoy.js';
import { type Column, columnsOf, formatRatio, LISTS, whereOf } from './rows.js';
import { type Heading, number, type Section, SITE, TOP, text, top } from './section.js';

/** Rows of a table of locks. */
const TOP_LOCKS = 5;
/** Rows of the table of operations: few kinds make a program. */
const OPS_SHOWN = 20;

const VERDICTS = ['model', 'faults', 'user', 'kernel', 'vma_lock', 'mmap_lock', 'signal', 'fallback_ratio'];
const COUNTERS = ['model', 'counters'];
const TIMES = ['model', 'time'];
/** Tables that need not be asked for. */
const SHOWN: readonly string[] = [...LISTS.filter(list => list !== 'ops'), 'by'];
/** Said under counters. */
export const MODEL_ONLY = 'Of the model only: a stock kernel does not count these (CONFIG_PER_VMA_LOCK_STATS is off).';
const SPECULATIVE = 'Under spf_* models the column vma_lock counts faults that finished speculatively.';

/**
 * @param fields a choice of columns and lists (`--fields`); null for all of them
 * @param most rows of each table, where it is not the usual number
 */
export function sections(result: ReplayResult, fields: readonly string[] | null, most?: number): Section[] {
  const all = fields === null ? defaultTables(result) : chosenTable(result, fields);
  const wanted: readonly string[] = fields ?? SHOWN;
  const { by } = result;
  if (by !== undefined && wanted.includes('by')) {
    all.push(...result.models.map(model => hotSection(model, by, result.trace, most ?? TOP)));
  }
  if (wanted.includes('reasons')) all.push(reasons(result, most));
  for (const model of result.models) {
    const contended = model.locks.filter(row => row.contended > 0).sort((a, b) => b.wait_ns.total - a.wait_ns.total);
    if (wanted.includes('locks')) all.push(waits(model, contended, most), holds(model, contended, most));
    if (wanted.includes('blockers')) all.push(blockers(model, most));
    if (wanted.includes('convoy')) all.push(convoySection(model, most));
    if (wanted.includes('ops')) all.push(ops(model, most));
  }
  return all.filter(section => section.rows.length > 0 && section.headings.length > 0);
}

function defaultTables(result: ReplayResult): Section[] {
  const speculative = result.models.some(model => model.model.startsWith('spf_'));
  const counted = result.models.some(model => Object.values(model.counters).some(n => n > 0));
  const waited = result.models.some(model => model.time.makespan_ns > 0);
  return [
    summary('Verdicts', result, columnsOf(VERDICTS), speculative ? SPECULATIVE : null),
    ...(counted ? [summary('Counters', result, columnsOf(COUNTERS), MODEL_ONLY)] : []),
    ...(waited ? [summary('Time', result, columnsOf(TIMES), null)] : []),
  ];
}

function chosenTable(result: ReplayResult, fields: readonly string[]): Section[] {
  return [summary('Verdicts', result, columnsOf(fields), null)];
}

function summary(title: string, result: ReplayResult, columns: readonly Column[], note: string | null): Section {
  const rows = result.models.map(model => columns.map(column => column.cell(model, result)));
  return { title, note, headings: columns, rows, more: 0 };
}

function reasons(result: ReplayResult, most = TOP): Section {
  const rows: string[][] = [];
  const shares: number[] = [];
  let more = 0;
  for (const model of result.models) {
    const whole = model.reasons.reduce((sum, reason) => sum + reason.count, 0);
    const sorted = [...model.reasons].sort((a, b) => b.count - a.count);
    more += Math.max(0, sorted.length - most);
    for (const { counter, site, count, wait_ns } of sorted.slice(0, most)) {
      const share = formatRatio(count, whole);
      rows.push([model.model, counter ?? '-', site, formatCount(count), share, formatNs(wait_ns)]);
      shares.push(count / whole);
    }
  }
  const headings = [text('model'), text('counter'), SITE, number('faults'), number('share', 1), number('waited', 2)];
  return { title: 'Why faults did not finish under the VMA lock', note: null, headings, rows, more, shares };
}

/** `mmap_lock:W` as perf lock spells a lock and its mode. */
function lockName(row: LockRow): string {
  return `${row.lock}:${row.mode === 'write' ? 'W' : 'R'}`;
}

function whereLocked(row: LockRow): string {
  if (row.lock === 'mmap_lock') return `mm ${row.mm}`;
  return whereOf(row) ?? 'the others';
}

function times(t: Times): string[] {
  return [t.total, t.mean, t.p50, t.p99, t.max].map(formatNs);
}

const TIMES_HEADINGS = [number('total'), number('mean', 1), number('p50', 2), number('p99'), number('max')];

function waits(model: ModelResult, contended: readonly LockRow[], most = TOP_LOCKS): Section {
  const rows = contended.map(row => [
    lockName(row),
    whereLocked(row),
    formatCount(row.contended),
    ...times(row.wait_ns),
  ]);
  const headings = [text('lock'), text('where'), number('contended'), ...TIMES_HEADINGS];
  return top(`Most contended locks under ${model.model}: waits`, headings, rows, most);
}

function holds(model: ModelResult, contended: readonly LockRow[], most = TOP_LOCKS): Section {
  const rows = contended.map(row => [
    lockName(row),
    whereLocked(row),
    formatCount(row.acquired),
    ...times(row.hold_ns),
  ]);
  const headings = [text('lock'), text('where'), number('acquired'), ...TIMES_HEADINGS];
  return top(`Most contended locks under ${model.model}: holds`, headings, rows, most);
}

function blockers(model: ModelResult, most = TOP): Section {
  const sorted = [...model.blockers].sort((a, b) => b.victims - a.victims || b.wait_ns - a.wait_ns);
  const rows = sorted.map(row => [
    row.op,
    String(row.tid),
    whereOf(row) ?? '-',
    formatCount(row.victims),
    formatCount(row.fallbacks),
    formatNs(row.wait_ns),
    formatNs(row.max_wait_ns),
  ]);
  const headings = [
    text('operation'),
    number('thread'),
    text('where'),
    number('victims'),
    number('fell back'),
    number('waited'),
    number('longest', 1),
  ];
  return top(`Who stood in the way under ${model.model}`, headings, rows, most);
}

function ops({ model, ops }: ModelResult, most = OPS_SHOWN): Section {
  const rows = ops.map(row => [
    row.op,
    ...[row.count, row.read, row.write].map(formatCount),
    ...[row.wait_ns, row.read_hold_ns, row.write_hold_ns].map(formatNs),
  ]);
  const headings = [
    text('operation'),
    number('events'),
    number('read'),
    number('write'),
    number('waited'),
    number('held (read)'),
    number('held (write)'),
  ];
  return top(`How mmap_lock was taken under ${model}`, headings, rows, most);
}

/** What a key is called, in a title and over a column. */
const HOT_WORDS: Readonly<Record<HotKey, readonly [title: string, heading: string]>> = {
  reason: ['by reason', 'reason'],
  vma: ['by mapping', 'mapping'],
  thread: ['by thread', 'thread'],
  op: ['by the operation to blame', 'operation'],
  site: ['by site', 'site'],
};

function hotSection(model: ModelResult, by: HotKey, { mms }: ReplayResult['trace'], most: number): Section {
  const several = by === 'vma' && mms > 1;
  const [title, heading] = HOT_WORDS[by];
  const first: Heading[] = [{ ...text(heading), whole: true }, ...(several ? [number('mm')] : [])];
  const rows = (model.by ?? []).map(row => [
    row.key ?? '-',
    ...(several ? [String(row.mm ?? '-')] : []),
    formatCount(row.faults),
    formatCount(row.fallbacks),
    formatNs(row.wait_ns),
    formatNs(row.max_wait_ns),
  ]);
  const headings = [...first, number('faults'), number('fell back'), number('waited'), number('longest', 1)];
  return top(`Faults that fell back or waited under ${model.model}, ${title}`, headings, rows, most);
}
