/** What the tests of replays share: events in the trace's own words, a replay of them, and address spaces as pictures. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COSTS, type Costs } from '../src/kernel/costs.js';
import type { Mm } from '../src/kernel/mm.js';
import { defineStage, type Stage } from '../src/kernel/stage.js';
import { resolveModels } from '../src/lineage/resolve.js';
import { Diff, type DiffOptions } from '../src/replay/diff.js';
import { type Choice, Explain, type ExplainOptions } from '../src/replay/explain.js';
import type { Explanation } from '../src/replay/explanation.js';
import { Replay } from '../src/replay/replay.js';
import type { ChangedFault, DiffResult, FaultRow, ModelResult, ReplayResult } from '../src/replay/result.js';
import { Run } from '../src/replay/run.js';
import type { VerifiedFault, VerifyResult } from '../src/replay/verification.js';
import { Verify, type VerifyOptions } from '../src/replay/verify.js';
import { readTrace } from '../src/trace/reader.js';
import { formatAddr, type Page } from '../src/units.js';

/** An event as it stands in a trace. */
export type Event = { op: string; [key: string]: unknown };
type More = Record<string, unknown>;

const dir = mkdtempSync(join(tmpdir(), 'vmalock-'));
let files = 0;

/** A trace of these events on disk; its path. */
export function traceFile(events: readonly Event[]): string {
  const path = join(dir, `${files++}.ndjson`);
  writeFileSync(path, ['{"format":"vmalock-trace","version":1}', ...events.map(e => JSON.stringify(e)), ''].join('\n'));
  return path;
}

export interface ReplayHow {
  timing?: 'closed' | 'recorded';
  costs?: Partial<Costs>;
  /** events of a batch */
  batch?: number;
  /** false: no listener for faults, which lets releases be made up for */
  rows?: boolean;
}

/** What a replay of a few events gave, and where to look in it. */
export class Replayed {
  constructor(
    readonly result: ReplayResult,
    readonly rows: readonly FaultRow[],
  ) {}

  model(id: string): ModelResult {
    const found = this.result.models.find(({ model }) => model === id);
    if (found === undefined) throw new Error(`${id} was not replayed`);
    return found;
  }

  /** The row of event `i` under `model`; a negative `i` counts from the end of the trace. */
  row(model: string, i: number): FaultRow {
    const index = i < 0 ? this.result.trace.events + i : i;
    const found = this.rows.find(row => row.model === model && row.i === index);
    if (found === undefined) throw new Error(`event ${index} is no fault that ${model} finished`);
    return found;
  }

  /** One line of the lock table; zeros when the lock was never taken. */
  lock(model: string, lock: 'mmap_lock' | 'vma_lock', mode: 'read' | 'write') {
    const rows = this.model(model).locks.filter(row => row.lock === lock && row.mode === mode);
    const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
    return {
      acquired: sum(row => row.acquired),
      contended: sum(row => row.contended),
      wait: sum(row => row.wait_ns.total),
    };
  }
}

/** Replays events (or a trace's file) under a list of models such as `mmap_lock,v6.4` or `all`. */
export async function replay(trace: readonly Event[] | string, models: string, how: ReplayHow = {}): Promise<Replayed> {
  return replayUnder(trace, resolveModels(models), how);
}

export async function replayUnder(
  trace: readonly Event[] | string,
  stages: readonly Stage[],
  { timing = 'closed', costs = {}, batch, rows: wanted = true }: ReplayHow = {},
): Promise<Replayed> {
  const rows: FaultRow[] = [];
  const machine = new Replay(stages, {
    timing,
    costs: { ...COSTS, ...costs },
    ...(wanted && { onFault: (row: FaultRow) => rows.push(row) }),
  });
  const path = typeof trace === 'string' ? trace : traceFile(trace);
  const info = await readTrace(path, { batch, onBatch: (columns, soFar) => machine.feed(columns, soFar) });
  return new Replayed(machine.finish(info), rows);
}

/** A stage that answers otherwise than `model` at some sites; its id is `other`. */
export function otherwise(model: string, answers: Readonly<Record<string, string>>): Stage {
  const [stage] = resolveModels(model);
  const { names: _, lock: __, functions: ___, ...rest } = stage;
  const changes = Object.fromEntries(Object.entries(answers).map(([site, answer]) => [site, { answer, by: 'a test' }]));
  return defineStage(
    { ...rest, id: 'other', parent: model, changes, ...(stage.names && { names: stage.names }) },
    stage,
  );
}

/** Compares two models (ids or stages) on a trace; `rows` are the faults that change, as they come. */
export async function diff(
  trace: readonly Event[] | string,
  from: string | Stage,
  to: string | Stage,
  { batch, ...options }: Omit<DiffOptions, 'onChange'> & { batch?: number } = {},
): Promise<{ result: DiffResult; rows: ChangedFault[] }> {
  const rows: ChangedFault[] = [];
  const [first, second] = [from, to].map(model => (typeof model === 'string' ? resolveModels(model)[0] : model));
  const machine = new Diff(first, second, { ...options, onChange: row => rows.push(row) });
  const path = typeof trace === 'string' ? trace : traceFile(trace);
  const info = await readTrace(path, { batch, onBatch: (columns, soFar) => machine.feed(columns, soFar) });
  return { result: machine.finish(info), rows };
}

/** Verifies a recording under one model; `rows` are its user faults, as they come. */
export async function verify(
  trace: readonly Event[] | string,
  model: string,
  { batch, ...options }: Omit<VerifyOptions, 'onFault'> & { batch?: number } = {},
): Promise<{ result: VerifyResult; rows: VerifiedFault[] }> {
  const rows: VerifiedFault[] = [];
  const machine = new Verify(resolveModels(model)[0], { ...options, onFault: row => rows.push(row) });
  const path = typeof trace === 'string' ? trace : traceFile(trace);
  const info = await readTrace(path, { batch, onBatch: (columns, soFar) => machine.feed(columns, soFar) });
  return { result: machine.finish(info), rows };
}

/** Explains faults of a trace under a list of models. */
export async function explain(
  trace: readonly Event[] | string,
  choice: Choice,
  models = 'per-vma',
  options: ExplainOptions = {},
): Promise<Explanation> {
  const machine = new Explain(resolveModels(models), choice, options);
  const path = typeof trace === 'string' ? trace : traceFile(trace);
  const info = await readTrace(path, { onBatch: (columns, soFar) => machine.feed(columns, soFar) });
  return machine.finish(info);
}

/** An address space once everything is over. */
export async function addressSpace(events: readonly Event[], model: string, mm = 1): Promise<Mm> {
  const run = new Run(resolveModels(model)[0], { timing: 'closed', costs: COSTS });
  let fed = 0;
  const info = await readTrace(traceFile(events), {
    onBatch: (columns, soFar) => {
      run.feed(columns, fed, soFar);
      fed += columns.n;
    },
  });
  run.finish();
  return run.kernel.mm(info.mms.indexOf(mm));
}

// ---------------------------------------------------------------------------------------------------------------------
// Events. Pages are counted from BASE, lengths in pages.

export const BASE: Page = 0x7f0000200;
export const at = (page: number, offset = 0): string => formatAddr(BASE + page, offset);
export const len = (pages: number): string => formatAddr(pages);

export const mmap = (page: number, pages: number, more: More = {}): Event => ({
  op: 'mmap',
  tid: 1,
  addr: at(page),
  len: len(pages),
  prot: 'rw-',
  flags: ['private', 'anonymous'],
  ...more,
});

/** A VMA that existed before, and that has been written to unless said otherwise. */
export const vma = (page: number, pages: number, more: More = {}): Event => ({
  ...mmap(page, pages, { anon_vma: true, ...more }),
  op: 'vma',
});

export const fault = (page: number, more: More = {}): Event => ({
  op: 'fault',
  tid: 1,
  addr: at(page),
  access: 'write',
  ...more,
});

/** An operation on `pages` pages from `page` on. */
export const range = (op: string, page: number, pages: number, more: More = {}): Event => ({
  op,
  tid: 1,
  addr: at(page),
  len: len(pages),
  ...more,
});

/** Draws `[BASE, BASE + width)`: each VMA a letter in order of address, a dot where there is none. */
export function draw(mm: Mm, width: number): string {
  const line = Array.from({ length: width }, () => '.');
  let letter = 'A'.charCodeAt(0);
  for (let found = mm.mm_mt.find(BASE); found !== null && found.vm_start < BASE + width; found = mm.mm_mt.next(found)) {
    for (let page = Math.max(found.vm_start, BASE); page < Math.min(found.vm_end, BASE + width); page++) {
      line[page - BASE] = String.fromCharCode(letter);
    }
    letter++;
  }
  return line.join('');
}
