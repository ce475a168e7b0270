/**
 * The trace format, version 1, as zod: the single source of its types, of the published JSON Schema and of every
 * complaint about an event's shape. Loaded only when one of these is wanted; encode.ts accepts the same by hand.
 */
import { z } from 'zod';
import {
  ACCESSES,
  COUNTERS,
  ENTRIES,
  type FACT_BITS,
  FILE_OPS,
  FOLIOS,
  HUGES,
  MAP_FLAGS,
  MAPS_KINDS,
  MREMAP_FLAGS,
  OPS,
  type OpName,
  PATHS,
  RACES,
  UFFD_MODES,
  VERDICTS,
} from '../vocab.js';
import { COMMON_KEYS, type KeyName, OP_KEYS, TID_OPTIONAL } from './draft.js';
import { EVENT_INDEX, FORMAT, VERSION } from './header.js';
import { ANON_PREPARES, LOCK_MODES, PROTS } from './words.js';

const NOT_NEGATIVE_ZERO = (n: number): boolean => !Object.is(n, -0);

/** An exact integer from 0 to `max`. */
function integer(what: string, max = Number.MAX_SAFE_INTEGER) {
  const error = `must be an integer from 0 to ${max === Number.MAX_SAFE_INTEGER ? '2^53-1' : max} (${what})`;
  return z.int({ error }).min(0, { error }).max(max, { error }).refine(NOT_NEGATIVE_ZERO, { error }).describe(what);
}

function oneOf<const T extends readonly [string, ...string[]]>(what: string, words: T) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` }).describe(what);
}

function listOf<const T extends readonly [string, ...string[]]>(what: string, words: T) {
  return z.array(oneOf(what, words), { error: `must be a list of ${words.join(', ')}` }).describe(what);
}

const text = (what: string) => z.string({ error: 'must be a string' }).describe(what);
const flag = (what: string) => z.boolean({ error: 'must be true or false' }).describe(what);
const ns = (what: string) => integer(`${what}, ns`);

const ADDRESS = 'must be lower-case hex such as "0x7f12a000" (at most 16 digits) or an integer from 0 to 2^53-1';
const address = (what: string) => {
  const error = { error: ADDRESS };
  const number = z.int(error).min(0, error).refine(NOT_NEGATIVE_ZERO, error);
  return z.union([z.string().regex(/^0x[0-9a-f]{1,16}$/, error), number], error).describe(what);
};

const object = <T extends z.core.$ZodLooseShape>(what: string, shape: T) =>
  z.looseObject(shape, { error: 'must be an object' }).describe(what);

export const PageFacts = object('what this fault met; what is left out is derived from the history', {
  entry: oneOf('the page table entry', ENTRIES).optional(),
  folio: oneOf('the folio of the page', FOLIOS).optional(),
  huge: oneOf('faulted at this level', HUGES).optional(),
  readahead: flag('the folio carries the readahead mark').optional(),
  swap_sync: flag('the swap device is synchronous (zram, brd, pmem)').optional(),
  shared: flag('a write needs a copy').optional(),
  numa_hint: flag('a NUMA hinting fault').optional(),
  eof: flag('the address lies beyond the end of the file').optional(),
  hole_punch: flag('a hole is being punched into the shmem file here').optional(),
  oom: flag('no memory could be allocated').optional(),
  race: oneOf('the VMA, between lookup and lock: left the tree, or was resized', RACES).optional(),
  wait: ns('waited for I/O or a folio lock; 0: it was over before the fault got to it').optional(),
} satisfies Record<(typeof FACT_BITS)[number] | 'entry' | 'folio' | 'huge' | 'wait' | 'race', z.ZodType>);

export const Truth = object('what the recorded kernel did; absence means unknown', {
  path: oneOf('where the fault was finished', PATHS).optional(),
  fallback: flag('did it take the mmap_lock path').optional(),
  anon_prepare: oneOf('__vmf_anon_prepare and its trylock', ANON_PREPARES).optional(),
  via: text('kernel function that took mmap_lock').optional(),
  wait: ns('waited').optional(),
});

export const FileFacts = object('the mapped file; booleans say which vm_ops exist, by default those of fs', {
  name: text('path').optional(),
  fs: text(
    'file system or kind: ext4, xfs, tmpfs, shmem, hugetlbfs, sysv_shm, secretmem, device-dax, vfio ...',
  ).optional(),
  ...(Object.fromEntries(FILE_OPS.map(op => [op, flag(`vm_ops: ${op}`).optional()])) as Record<
    (typeof FILE_OPS)[number],
    z.ZodOptional<z.ZodBoolean>
  >),
});

export const LockSection = object('one recorded mmap_lock section', {
  mode: oneOf('how it was held', LOCK_MODES),
  ask: ns('asked for'),
  got: ns('acquired'),
  end: ns('released'),
});

const FAULT_MODES = ['user', 'kernel'] as const;
const prot = z
  .enum(PROTS as [string, ...string[]], { error: 'must be rwx with - for what is missing' })
  .describe('protection, rwx with - for what is missing');

const MODE = { error: 'must be a word, a number or a list of words' };

const FIELDS = {
  t: ns("time since the trace's origin"),
  tid: integer('thread id'),
  mm: integer('address space, 1 when absent'),
  cpu: integer('cpu', 0x7fffffff),
  dur: ns('the recorded call took'),
  locks: z.array(LockSection, { error: 'must be a list of lock sections' }).describe('recorded mmap_lock sections'),
  addr: address('address'),
  len: address('length in bytes'),
  access: oneOf('what the instruction did', ACCESSES),
  mode: z
    .union([z.string(), z.int(MODE).min(0, MODE).refine(NOT_NEGATIVE_ZERO, MODE), z.array(z.string())], MODE)
    .describe('how, as the call was given it'),
  page: PageFacts,
  truth: Truth,
  prot,
  flags: listOf('mapping flags', MAP_FLAGS),
  file: FileFacts,
  name: text('name'),
  offset: address('offset in the file in bytes, page aligned'),
  anon_vma: flag('the VMA had an anon_vma'),
  old_len: address('old length in bytes'),
  new_len: address('new length in bytes'),
  new_addr: address('new address'),
  advice: text('MADV_ word in lower case'),
  child_tid: integer('thread id of the child'),
  child_mm: integer('address space of the child; the same one for a thread'),
  new_mm: integer('address space after exec'),
  modes: listOf('userfaultfd modes', UFFD_MODES),
  src: address('source address'),
  kind: oneOf('which file or ioctl', MAPS_KINDS),
  reader_pid: integer('process that reads', 0x7fffffff),
  'x-inferred': z.unknown().describe('the evidence by which an importer concluded this event, or what its page says'),
  'x-hidden': z
    .unknown()
    .describe(
      'what the fault met, or when the operation did what it did, that the recording does not show; of a fault, `memory` first: of its VMA as well',
    ),
} satisfies Record<Exclude<KeyName, 'op'>, z.ZodType>;

/** `flags` and `mode` mean different things to different operations. */
function field(op: OpName, key: Exclude<KeyName, 'op'>): z.ZodType {
  if (key === 'mode' && op === 'fault') return oneOf('who faulted, user when absent', FAULT_MODES);
  if (key === 'flags' && op === 'mremap') return listOf('mremap flags', MREMAP_FLAGS);
  return FIELDS[key];
}

function eventSchema(op: OpName) {
  const [required, optional] = OP_KEYS[op];
  const shape: Record<string, z.ZodType> = { op: z.literal(op).describe('operation') };
  for (const key of [...COMMON_KEYS, ...required, ...optional]) {
    if (key === 'op') continue;
    const must = required.includes(key) || (key === 'tid' && !TID_OPTIONAL.includes(op));
    shape[key] = must ? field(op, key) : field(op, key).optional();
  }
  return z.looseObject(shape as { op: z.ZodLiteral<OpName> });
}

const [FIRST, ...REST] = OPS.map(eventSchema);

/** One event of a known operation. */
export const TraceEventSchema = z
  .discriminatedUnion('op', [FIRST, ...REST])
  .meta({ id: 'TraceEvent', title: 'event of a vmalock trace' });

type FieldTypes = { [K in keyof typeof FIELDS]: z.infer<(typeof FIELDS)[K]> };
/** An event as an object, unknown keys kept. Which keys an operation must have is `OP_KEYS`. */
export type TraceEvent = { op: string } & Partial<FieldTypes> & { [key: string]: unknown };

const Expect = z
  .record(
    z.string(),
    z.record(
      z.string().regex(EVENT_INDEX),
      object('what a model must say of a fault', {
        verdict: oneOf('verdict', VERDICTS),
        site: text('kernel function that decides').optional(),
        counter: z
          .enum(COUNTERS, { error: `must be null or one of ${COUNTERS.join(', ')}` })
          .nullable()
          .describe('counter, null where there is none')
          .optional(),
      }),
      { error: 'must be an object of expectations by event index' },
    ),
    { error: 'must be an object of expectations by model' },
  )
  .describe('litmus expectations: by model id, by event index');

const MetaSchema = object('about the trace', {
  name: text('name').optional(),
  producer: text('what wrote it').optional(),
  kernel: text('kernel release').optional(),
  arch: text('machine').optional(),
  pageSize: integer('bytes').optional(),
  cpus: integer('number of cpus').optional(),
  clock: z
    .union([z.string(), z.looseObject({})], { error: 'must be a string or an object' })
    .describe('clock of t')
    .optional(),
  lost: integer('events the recording lost').optional(),
  command: z
    .union([z.string(), z.array(z.string())], { error: 'must be a string or a list of strings' })
    .describe('what ran')
    .optional(),
});

/** Line 1 of a stream. */
export const TraceHeaderSchema = z
  .looseObject({
    $schema: text('where this schema is').optional(),
    format: z.literal(FORMAT, { error: `must be "${FORMAT}"` }).describe('which format'),
    version: z
      .literal(VERSION, { error: `must be ${VERSION}, the only version there is` })
      .describe('version of the format'),
    meta: MetaSchema.optional(),
    expect: Expect.optional(),
    events: z.undefined({ error: 'must be a list of events' }).optional(),
  })
  .describe('header of a vmalock trace');
export type TraceHeader = z.infer<typeof TraceHeaderSchema>;

const ForeignEvent = z
  .looseObject({ op: z.string().regex(/^x-/).describe('operation of your own') })
  .describe("an event of the user's own: counted, never looked at");

/** The document spelling: what is published. */
export const TraceDocumentSchema = TraceHeaderSchema.extend({
  events: z.array(z.union([TraceEventSchema, ForeignEvent])).describe('events in time order'),
}).meta({ title: 'vmalock-trace version 1' });

/** The published JSON Schema of a document. */
export function traceJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(TraceDocumentSchema, { io: 'input', reused: 'ref' }) as Record<string, unknown>;
}
