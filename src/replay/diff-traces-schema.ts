/** The published schema of a diff of two traces, `vmalock.diff-traces/1`: the shapes of traces-diff.ts, strict. */
import * as z from 'zod';
import { count, counterName, ns, timing, trace } from './schema.js';

const counts = z.strictObject({ from: count, to: count });
const times = z.strictObject({ from: ns, to: ns });

const rated = (quantity: typeof count | typeof ns) =>
  z.strictObject({
    from: quantity.describe('of the first trace'),
    to: quantity.describe('of the second'),
    from_per_1000: z.number().nonnegative().describe('for each 1,000 faults of its trace; 0 where it has none'),
    to_per_1000: z.number().nonnegative(),
  });

const some = rated(count);
const long = rated(ns);
const name = z.string().nullable().describe('of mappings; null for those without one');

export const DiffTracesSchema = z
  .strictObject({
    schema: z.literal('vmalock.diff-traces/1'),
    model: z.string(),
    timing,
    from: trace.describe('the first trace'),
    to: trace.describe('the second'),
    differs: z.boolean().describe('does anything below differ; what exit status 1 says'),
    faults: z.strictObject({ total: counts, user: counts, kernel: counts }),
    verdicts: z.strictObject({ vma_lock: some, mmap_lock: some, signal: some }),
    fallbacks: some.describe('user faults that took the mmap_lock path'),
    time: z.strictObject({
      makespan_ns: times,
      fault_wait_ns: long,
      op_wait_ns: long,
      longest_wait_ns: times.describe('for a lock, or because of an operation'),
    }),
    reasons: z
      .array(z.strictObject({ counter: counterName.nullable(), site: z.string(), count: some, wait_ns: long }))
      .describe('why faults did not finish under the VMA lock; like all lists, rows that differ, most different first'),
    mappings: z
      .array(z.strictObject({ name, faults: some, fallbacks: some, wait_ns: long }))
      .describe('faults by the name of their mapping'),
    ops: z
      .array(z.strictObject({ op: z.string(), count: some, wait_ns: long, hold_ns: long }))
      .describe('events by kind, and what they did with mmap_lock; `fault` is a kind'),
    blockers: z
      .array(z.strictObject({ op: z.string(), name, victims: some, fallbacks: some, wait_ns: long }))
      .describe('operations that made others wait or fall back, by kind and name of the mapping'),
    warnings: z.array(z.string()),
  })
  .meta({ title: 'vmalock.diff-traces/1', description: 'What diff --format json prints of two traces.' });

/** JSON Schema (draft 2020-12) of a diff of two traces. */
export function diffTracesJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(DiffTracesSchema) as Record<string, unknown>;
}
