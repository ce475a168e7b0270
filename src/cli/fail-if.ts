/**
 * `--fail-if`: a condition on a model's row that turns data into exit status 1. A comma between conditions means any; a
 * model's name and a colon before one make it that model's alone.
 */
import { Complaint, nearest, quote } from '../errors.js';
import { longestWait } from '../replay/longest-wait.js';
import type { ModelResult } from '../replay/result.js';
import { userFallbacks } from '../report/rows.js';
import { formatCount, formatNs } from '../units.js';

type Kind = 'count' | 'ratio' | 'time';

interface Metric {
  readonly kind: Kind;
  /** how many, a share from 0 to 1, or ns */
  value(model: ModelResult): number;
  /** what `%` is a share of; absent where there is no such thing */
  whole?(model: ModelResult): number;
}

function count(value: (model: ModelResult) => number): Metric {
  return { kind: 'count', value, whole: model => model.faults.user };
}

const METRICS: ReadonlyMap<string, Metric> = new Map<string, Metric>([
  ['fallbacks', count(userFallbacks)],
  ['fallback_ratio', { kind: 'ratio', value: model => model.fallback_ratio ?? Number.NaN, whole: () => 1 }],
  ['retries', count(model => model.counters.vma_lock_retry)],
  ['aborts', count(model => model.counters.vma_lock_abort)],
  ['misses', count(model => model.counters.vma_lock_miss)],
  ['signals', { kind: 'count', value: model => model.faults.signal, whole: model => model.faults.total }],
  ['waits', { kind: 'count', value: contentions }],
  ['max_wait', { kind: 'time', value: longestWait }],
  ['total_wait', { kind: 'time', value: model => model.time.fault_wait_ns + model.time.op_wait_ns }],
  ['fault_wait', { kind: 'time', value: model => model.time.fault_wait_ns }],
  ['op_wait', { kind: 'time', value: model => model.time.op_wait_ns }],
]);

/** How often a lock was not to be had at once. */
function contentions(model: ModelResult): number {
  return model.locks.reduce((sum, row) => sum + row.contended, 0);
}

const OPERATORS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '=': (a, b) => a === b,
};

const TIME_UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

export interface Condition {
  /** as it was written */
  readonly text: string;
  /** the model it is about, by any of its names; null for all that are replayed */
  readonly model: string | null;
  /** what the model has, in words, when it meets the condition; null when it does not */
  met(model: ModelResult): string | null;
}

const GRAMMAR = /^(?:([\w.-]+):)?([a-z_]+)\s*(>=|<=|>|<|=)\s*(\d+(?:\.\d+)?)\s*(%|[a-z]*)$/i;
/** The names that can stand before an operator. */
export const METRIC_NAMES: readonly string[] = [...METRICS.keys()];

const HINT = `write METRIC OP VALUE, such as fallbacks>5% or max_wait>10ms; metrics: ${METRIC_NAMES.join(', ')}`;

/** @throws Complaint (usage) on an expression that is not `[model:]metric op value[,...]` */
export function parseFailIf(expression: string): Condition[] {
  return expression.split(',').map(text => parseCondition(text.trim()));
}

function parseCondition(text: string): Condition {
  const match = GRAMMAR.exec(text);
  if (match === null) throw refuse(`cannot read ${quote(text)}`, HINT);
  const [, model = null, name, operator, digits, unit] = match;
  const metric = METRICS.get(name);
  if (metric === undefined) {
    const near = nearest(name, METRICS.keys());
    throw refuse(`unknown metric ${quote(name)}`, near === undefined ? HINT : `did you mean ${near}?`);
  }
  const holds = OPERATORS[operator];
  const { value, whole } = metric;
  if (unit === '%' && whole !== undefined) {
    const limit = Number(digits);
    return {
      text,
      model,
      met: result => {
        if (whole(result) === 0) return null;
        const share = (100 * value(result)) / whole(result);
        return holds(share, limit) ? `${name} ${significant(share)} %` : null;
      },
    };
  }
  const limit = Number(digits) * scaleOf(metric, unit, digits, text);
  const words = { count: formatCount, ratio: significant, time: formatNs }[metric.kind];
  return {
    text,
    model,
    met: result => (holds(value(result), limit) ? `${name} ${words(value(result))}` : null),
  };
}

/** A share or ratio as people read it. */
function significant(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function scaleOf({ kind, whole }: Metric, unit: string, digits: string, text: string): number {
  if (kind === 'count' || kind === 'ratio') {
    if (unit === '') return 1;
    const [what, form] = kind === 'count' ? ['is a count', 'a number'] : ['is a ratio', 'a number from 0 to 1'];
    throw refuse(`${quote(text)} ${what}`, whole !== undefined ? `give ${form}, or a share with %` : `give ${form}`);
  }
  if (Object.hasOwn(TIME_UNITS, unit)) return TIME_UNITS[unit];
  if (unit === '' && Number(digits) === 0) return 1;
  throw refuse(`${quote(text)} is a time`, `give it a unit: ${Object.keys(TIME_UNITS).join(', ')}`);
}

function refuse(message: string, hint: string): Complaint {
  return new Complaint('usage', `--fail-if: ${message}`, {}, hint);
}
