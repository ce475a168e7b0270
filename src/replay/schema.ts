/** The published schemas of results, `vmalock.replay/1`, `diff/1` and `verify/1`: the shapes of result.ts, strict, for `vmalock schema`. */
import * as z from 'zod';
import { COUNTERS, PATHS, VERDICTS } from '../vocab.js';
import { HOT_KEYS } from './result.js';

export const count = z.int().nonnegative();
export const ns = z.number().nonnegative().describe('nanoseconds');
export const address = z
  .string()
  .regex(/^0x[0-9a-f]{1,17}$/)
  .describe('hexadecimal; an exclusive end may be 2^64');

export const counterName = z.enum(COUNTERS);

const times = z
  .strictObject({ total: ns, mean: ns, p50: ns, p99: ns, max: ns })
  .describe('percentiles are the upper edge of a bucket at most 1/64 wide');

const reason = z
  .strictObject({
    counter: counterName.nullable().describe('null when that kernel counts nothing for the outcome'),
    site: z.string().describe('kernel function that decided, with a sub-case after a dot'),
    count,
    wait_ns: ns,
  })
  .describe('reasons add up to the faults that did not finish under the VMA lock');

const lockRow = z.strictObject({
  lock: z.enum(['mmap_lock', 'vma_lock']),
  mm: z.int(),
  start: z.exactOptional(address),
  end: z.exactOptional(address),
  name: z.exactOptional(z.string()),
  mode: z.enum(['read', 'write']),
  acquired: count,
  contended: count,
  wait_ns: times,
  hold_ns: times,
});

const blocker = z.strictObject({
  op: z.string(),
  tid: z.int(),
  start: z.exactOptional(address),
  end: z.exactOptional(address),
  name: z.exactOptional(z.string()),
  victims: count.describe('faults and operations that waited for it or fell back because of it'),
  fallbacks: count.describe('faults among them that left the VMA lock because of it'),
  wait_ns: ns,
  max_wait_ns: ns,
  times: count.describe('how many operations these were, as far as they were under way when they were blamed'),
  period_ns: z.exactOptional(ns).describe('from one to the next, where the gaps of three or more are alike'),
});

const opRow = z
  .strictObject({
    op: z.string(),
    count,
    read: count.describe('how often it took mmap_lock for reading; a downgrade counts'),
    write: count,
    wait_ns: ns,
    read_hold_ns: ns,
    write_hold_ns: ns,
  })
  .describe('what the events of a kind did with mmap_lock; `fault` is a kind');

const blockedBy = z
  .strictObject({ i: count, op: z.string(), tid: z.int() })
  .nullable()
  .describe('the event that made it wait or fall back');

const queued = z.strictObject({
  i: count,
  op: z.string().describe('of a system call that changed nothing, its name'),
  kind: z.exactOptional(z.string()).describe('which advice, or which file of /proc'),
  tid: z.int(),
  comm: z.exactOptional(z.string()),
  mode: z.enum(['read', 'write']),
  start: z.exactOptional(address),
  end: z.exactOptional(address),
  name: z.exactOptional(z.string()),
  from_ns: ns.describe('since when it slept, or held the lock, on the clock of the replay'),
});

const convoy = z
  .strictObject({
    mm: z.int(),
    from_ns: ns,
    to_ns: ns,
    threads: count.describe('that waited'),
    waits: count.describe('how often they did'),
    wait_ns: ns,
    max_wait_ns: ns,
    deepest: count.describe('most threads asleep at once'),
    holder: queued.nullable().describe('who had mmap_lock when the first one fell asleep'),
    members: z
      .array(queued.extend({ wait_ns: ns, blocked_by: blockedBy }))
      .describe('the first, in the order in which they fell asleep'),
  })
  .nullable()
  .describe('of the stretches of time in which somebody slept for mmap_lock that with most waiting, added up');

const hotSpot = z
  .strictObject({
    key: z.string().nullable().describe('counter and site, mapping, tid, operation to blame, or site'),
    counter: z.exactOptional(counterName.nullable()),
    site: z.exactOptional(z.string().nullable()),
    mm: z.exactOptional(z.int()),
    start: z.exactOptional(address),
    end: z.exactOptional(address),
    name: z.exactOptional(z.string()),
    tid: z.exactOptional(z.int()),
    faults: count,
    fallbacks: count.describe('user faults among them that took the mmap_lock path'),
    wait_ns: ns,
    max_wait_ns: ns,
  })
  .describe('the faults of one key that fell back or waited');

const modelResult = z.strictObject({
  model: z.string(),
  faults: z.strictObject({
    total: count,
    user: count,
    kernel: count,
    vma_lock: count.describe('finished under the VMA lock; under spf_* models, speculatively'),
    mmap_lock: count,
    signal: count,
  }),
  counters: z
    .object({
      vma_lock_success: count,
      vma_lock_abort: count,
      vma_lock_retry: count,
      vma_lock_miss: count,
    })
    .catchall(count)
    .describe('by its name in /proc/vmstat; speculative page faults have counters of their own'),
  fallback_ratio: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe('user faults that took the mmap_lock path over all user faults; null without user faults'),
  reasons: z.array(reason),
  locks: z.array(lockRow),
  blockers: z.array(blocker),
  ops: z.array(opRow).describe('those that held mmap_lock for writing longest first'),
  convoy,
  by: z.exactOptional(z.array(hotSpot)).describe('with --by; most waited for first'),
  time: z.strictObject({ makespan_ns: ns, fault_wait_ns: ns, op_wait_ns: ns }),
  over_time: z
    .strictObject({ from_ns: ns, bin_ns: ns, faults: z.array(count), fallbacks: z.array(count) })
    .describe('faults by when they began, in bins of equal width from `from_ns` on'),
});

const expectFailure = z.strictObject({
  model: z.string(),
  i: count.describe("index of the fault's event in the trace"),
  expected: z.strictObject({
    verdict: z.string(),
    site: z.string().optional(),
    counter: z.string().nullable().optional(),
  }),
  got: z
    .strictObject({ verdict: z.string(), site: z.string().nullable(), counter: z.string().nullable() })
    .nullable()
    .describe('null when that event is no fault'),
});

export const trace = z.strictObject({
  file: z.string(),
  events: count,
  faults: count,
  threads: count,
  mms: count,
  span_ns: ns,
  lost: count.describe('events the recording lost'),
  sample: z
    .exactOptional(z.string().regex(/^1\/\d+$/))
    .describe('one in so many faults was replayed; `faults` counts all'),
});

export const timing = z.enum(['closed', 'recorded']);

export const ReplaySchema = z
  .strictObject({
    schema: z.literal('vmalock.replay/1'),
    trace,
    timing,
    by: z.exactOptional(z.enum(HOT_KEYS)).describe('what `models[].by` adds up by'),
    models: z.array(modelResult),
    expect: z.exactOptional(z.strictObject({ checked: count, failed: z.array(expectFailure) })),
    warnings: z.array(z.string()),
  })
  .meta({
    title: 'vmalock.replay/1',
    description: 'What replay --format json prints for one trace; for several traces it prints an array of these.',
  });

export const verdict = z.enum(VERDICTS);
export const site = z.string().nullable().describe('null where the fault did not leave the fast path');
const nsChange = z.strictObject({ from: ns, to: ns });
const countChange = z.strictObject({ from: count, to: count });

const verdicts = {
  from: verdict.describe('where the fault is finished under the first model'),
  to: verdict.describe('and under the second'),
  site: z
    .string()
    .nullable()
    .describe('kernel function that decided: to_site, or from_site where the second model has none'),
};

const ends = {
  from_site: site,
  to_site: site,
  from_counter: counterName.nullable(),
  to_counter: counterName.nullable(),
};

const waited = {
  from_wait_ns: ns.describe('waited under the first model'),
  to_wait_ns: ns.describe('waited under the second model'),
};

const transition = z
  .strictObject({ ...verdicts, count, ...ends, ...waited })
  .describe('faults that all change in the same way; transitions add up to changed');

const changedFault = z.strictObject({
  i: count.describe("index of the fault's event in the trace"),
  t: ns.describe('nanoseconds, as recorded; where the event has no time, when it started under the first model'),
  tid: z.int(),
  mm: z.int(),
  addr: address,
  ...verdicts,
  ...ends,
  from_fallback: z.boolean().describe('did it take the mmap_lock path'),
  to_fallback: z.boolean(),
  ...waited,
  from_blocked_by: blockedBy,
  to_blocked_by: blockedBy,
});

const blockerChange = z.strictObject({
  op: z.string(),
  tid: z.int(),
  start: z.exactOptional(address),
  end: z.exactOptional(address),
  name: z.exactOptional(z.string()),
  victims: countChange.describe('faults and operations that waited for it or fell back because of it'),
  fallbacks: countChange.describe('faults among them that left the VMA lock because of it'),
  wait_ns: nsChange,
  max_wait_ns: nsChange,
});

export const DiffSchema = z
  .strictObject({
    schema: z.literal('vmalock.diff/1'),
    trace,
    timing,
    from: z.string().describe('the first model'),
    to: z.string().describe('the second model'),
    differs: z.boolean().describe('does anything below differ; what exit status 1 says'),
    changed: count.describe('faults whose verdict, fallback, counter or site differs'),
    transitions: z.array(transition),
    verdicts: z.strictObject({ vma_lock: countChange, mmap_lock: countChange, signal: countChange }),
    counters: z
      .object({
        vma_lock_success: countChange,
        vma_lock_abort: countChange,
        vma_lock_retry: countChange,
        vma_lock_miss: countChange,
      })
      .catchall(countChange)
      .describe('by its name in /proc/vmstat; what only one of the models counts is 0 under the other'),
    time: z.strictObject({ makespan_ns: nsChange, fault_wait_ns: nsChange, op_wait_ns: nsChange }),
    waits: z
      .strictObject({ less: count, more: count })
      .describe('faults that wait less under the second model, and more, whether or not they end alike'),
    blockers: z
      .array(blockerChange)
      .describe('operations that did something else to others; where nothing changed none'),
    faults: z.array(changedFault).describe('the first that change, as many as --top says'),
    warnings: z.array(z.string()),
  })
  .meta({ title: 'vmalock.diff/1', description: 'What diff --format json prints.' });

const path = z.enum(['vma_lock', 'mmap_lock']).describe('did it leave the VMA lock for mmap_lock');
const undecided = z.enum([
  'vma_lock_race',
  'mmap_lock_race',
  'anon_vma_race',
  'swap_io',
  'page_race',
  'hidden_vma',
  'hidden_page',
  'hidden_memory',
  'lost',
]);
const unscored = z.enum([...undecided.options, 'kernel_mode', 'no_truth', 'killed', 'interrupted']);
const agreement = { scored: count, agree: count };
const predictions = z.strictObject({ vma_lock: count, mmap_lock: count });

const nearSection = z
  .strictObject({
    i: count,
    op: z.string(),
    tid: z.int(),
    ask: ns,
    got: ns,
    end: ns.nullable().describe('null when it was not over yet'),
    marks: z.boolean().describe('did it mark the VMA of the fault'),
  })
  .nullable()
  .describe('the write section of another thread that was nearest, of those within a millisecond');

const disagreement = z.strictObject({
  i: count.describe("index of the fault's event in the trace"),
  t: ns.describe('nanoseconds, as recorded; where the event has no time, when it started'),
  tid: z.int(),
  mm: z.int(),
  addr: address,
  truth: path.describe('what the kernel did'),
  predicted: path.describe('what the model says'),
  site,
  counter: counterName.nullable(),
  verdict,
  wait_ns: ns.describe('waited under the model'),
  blocked_by: blockedBy,
  recorded: z
    .strictObject({
      path: z.enum(PATHS).nullable(),
      via: z.string().nullable(),
      wait_ns: ns.nullable(),
    })
    .describe('what else the recording says of it; null where it does not'),
  writer: nearSection,
});

export const VerifySchema = z
  .strictObject({
    schema: z.literal('vmalock.verify/1'),
    trace,
    timing: z.literal('recorded'),
    model: z.string(),
    kernel: z.string().nullable().describe('kernel of the recording, where the trace says it'),
    scored: count.describe('user faults predicted from facts alone'),
    agree: count.describe('of which the model says what the kernel did'),
    agreement: z.number().min(0).max(1).nullable().describe('agree over scored; null when none is scored'),
    inferred: z.strictObject(agreement).describe('user faults whose prediction rests on what an importer inferred'),
    undecided: z
      .strictObject({
        faults: count,
        agree: count.describe('on which the model is right anyway'),
        reasons: z.array(z.strictObject({ reason: undecided, faults: count, agree: count })),
      })
      .describe('user faults of which the recording cannot tell what they met'),
    unscored: z
      .partialRecord(unscored, count)
      .describe('faults that are neither scored nor inferred, by reason; those undecided are among them'),
    confusion: z
      .strictObject({ vma_lock: predictions, mmap_lock: predictions })
      .describe('scored faults: by what the kernel did, then by what the model says'),
    disagreements: z.array(disagreement).describe('scored faults, the first, as many as --top says'),
    truth: z
      .exactOptional(z.strictObject({ rows: count, joined: count }))
      .describe('rows of the file of --truth, and how many of them met a fault'),
    slack_ns: z
      .strictObject({ lookup: ns, trylock: ns, marking: ns.nullable(), releasing: ns })
      .describe('how much later than its tracepoint a thing may have happened; null: as long as mmap_lock was held'),
    warnings: z.array(z.string()),
  })
  .meta({
    title: 'vmalock.verify/1',
    description: 'What verify --format json prints for one trace; for several traces it prints an array of these.',
  });

/** JSON Schema (draft 2020-12) of a verification's result. */
export function verifyJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(VerifySchema) as Record<string, unknown>;
}

/** JSON Schema (draft 2020-12) of a diff's result. */
export function diffJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(DiffSchema) as Record<string, unknown>;
}

/** JSON Schema (draft 2020-12) of a replay's result. */
export function replayJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(ReplaySchema) as Record<string, unknown>;
}
