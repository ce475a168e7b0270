/** The published schema `vmalock.explain/1`: the shape of explanation.ts, strict, for `vmalock schema`. */
import * as z from 'zod';
import { ACCESSES, ENTRIES, FOLIOS, HUGES, RACES } from '../vocab.js';
import { ENTRY_FLAGS, ENTRY_KINDS, OUTCOMES } from './explanation.js';
import { address, count, counterName, ns, site, timing, trace, verdict } from './schema.js';

const when = ns.nullable().describe('on the clock of the replay; null where it is not known');

const rule = z
  .strictObject({
    site: z.string().describe('where kernels differ; lock is the VMA lock itself'),
    answer: z.string(),
    stage: z.string().describe('the model that brought the answer'),
    by: z.string().describe('its patch'),
  })
  .nullable()
  .describe('the answer that decided; null where no model of the lineage would have decided otherwise');

const vma = z.strictObject({
  start: address,
  end: address,
  prot: z.string().regex(/^[r-][w-][x-]$/),
  name: z.exactOptional(z.string()),
  shared: z.boolean(),
  anonymous: z.boolean(),
  anon_vma: z.boolean(),
  flags: z.array(z.string()),
});

const entry = z.strictObject({
  kind: z.enum(ENTRY_KINDS),
  flags: z.array(z.enum(ENTRY_FLAGS)),
  from: z.enum(['trace', 'history']).describe('does the trace say so, or what it showed before'),
});

const step = z.strictObject({
  t: ns.describe('when, on the clock of the replay'),
  function: z.string().describe('kernel function'),
  outcome: z.enum(OUTCOMES),
  held: z.array(z.enum(['vma_lock', 'mmap_lock:read', 'mmap_lock:write'])).describe('once the step is done'),
  site: site.describe('where the step decided to leave the fast path; null elsewhere'),
  signal: site.describe('what decided that there is a signal; null where there is none'),
  vma: vma.nullable().describe('looked up in this step'),
  entry: entry.nullable().describe('the page-table entry it met'),
  path: z.array(z.string()).describe('functions of handle_mm_fault() it went through'),
  trylock: z.enum(['ok', 'failed']).nullable().describe('mmap_read_trylock() inside the fault'),
  asked: z.array(rule.unwrap()).describe('what kernels differ in that the step looked at'),
  wait_ns: ns.describe('asleep because of this step; the steps add up to what the fault waited'),
  wait_from: z
    .enum(['lock', 'monitor', 'trace', 'costs'])
    .nullable()
    .describe('where the length of the wait comes from'),
  work_ns: ns,
  blocked_by: count.nullable().describe('who stands in the way: an index into others'),
});

const other = z.strictObject({
  i: count,
  op: z.string(),
  tid: z.int(),
  start: z.exactOptional(address),
  end: z.exactOptional(address),
  name: z.exactOptional(z.string()),
  role: z.enum(['writer', 'queued', 'reader', 'resolver']),
  queued: when.describe('when it began to wait for the lock; null where that is not known, or it did not'),
  since: when.describe('since when it had the lock; of a resolver, when it acted'),
  until: when.describe('null where it is not known, or was not over when the fault was'),
});

const ending = { verdict, counter: counterName.nullable(), site };

const model = z.strictObject({
  model: z.string(),
  start: ns,
  end: ns,
  ...ending,
  fallback: z.boolean().describe('did it take the mmap_lock path'),
  wait_ns: ns,
  hold_ns: ns,
  tries: count,
  steps: z.array(step),
  others: z.array(other).describe('events of other threads that stood in the way, or resolved the page'),
  rule,
});

const page = z
  .strictObject({
    entry: z.exactOptional(z.enum(ENTRIES)),
    folio: z.exactOptional(z.enum(FOLIOS)),
    huge: z.exactOptional(z.enum(HUGES)),
    race: z.exactOptional(z.enum(RACES)),
    readahead: z.exactOptional(z.boolean()),
    swap_sync: z.exactOptional(z.boolean()),
    shared: z.exactOptional(z.boolean()),
    numa_hint: z.exactOptional(z.boolean()),
    eof: z.exactOptional(z.boolean()),
    hole_punch: z.exactOptional(z.boolean()),
    oom: z.exactOptional(z.boolean()),
    wait: z.exactOptional(ns),
  })
  .describe('what the trace says of the page, as the trace has it');

const fault = z.strictObject({
  i: count.describe("index of the fault's event in the trace"),
  t: ns.nullable().describe('as recorded'),
  tid: z.int(),
  mm: z.int(),
  addr: address,
  access: z.enum(ACCESSES),
  mode: z.enum(['user', 'kernel']),
  page,
  models: z.array(model),
  lineage: z
    .array(z.strictObject({ models: z.array(z.string()), ...ending, rule }))
    .describe('every model, in order; neighbours under which the fault ends alike are taken together'),
});

export const ExplainSchema = z
  .strictObject({
    schema: z.literal('vmalock.explain/1'),
    trace,
    timing,
    faults: z.array(fault),
    further: z.array(count).describe('events of later faults on the page that --addr asks for'),
    warnings: z.array(z.string()),
  })
  .meta({ title: 'vmalock.explain/1', description: 'What explain --format json prints.' });

/** JSON Schema (draft 2020-12) of an explanation. */
export function explainJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(ExplainSchema) as Record<string, unknown>;
}
