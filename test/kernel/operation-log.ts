/** What one operation does to the locks of one address space, in order, heard where the kernel floor reports it. */
import { COSTS } from '../../src/kernel/costs.js';
import type { Mm } from '../../src/kernel/mm.js';
import type { Task } from '../../src/kernel/task.js';
import type { Vma } from '../../src/kernel/vma.js';
import { resolveModels } from '../../src/lineage/resolve.js';
import { Run } from '../../src/replay/run.js';
import { readTrace } from '../../src/trace/reader.js';
import { BASE, type Event, traceFile } from '../helpers.js';

type Method = (...args: never[]) => unknown;

/** Calls `listener` with the arguments before every call of `on[name]`. */
function tap<T, N extends keyof T>(on: T, name: N, listener: (...args: Parameters<T[N] & Method>) => void): void {
  const call = (on[name] as (...args: unknown[]) => unknown).bind(on);
  const tapped = (...args: Parameters<T[N] & Method>) => {
    listener(...args);
    return call(...args);
  };
  on[name] = tapped as T[N];
}

/** One call of tryEnter() or tryLock(): how mmap_lock was asked for. */
export interface Asked {
  at: number;
  mm: number;
  /** `k` killably, `?` only tried */
  manner: string;
}

export interface Log {
  /** mmap_lock sections in the notation of operation-case.ts */
  sections: string;
  /** `m` and `r` at the first pages of the VMAs that were marked and read-locked */
  took: string;
}

/**
 * Replays `events` under `model` and hears what happens to address space `mm` from `from` on. `asked` is where the calls that
 * ask for mmap_lock are put down.
 */
export async function logOf(
  events: readonly Event[],
  model: string,
  mm: number,
  from: number,
  asked: Asked[],
): Promise<Log> {
  const run = new Run(resolveModels(model)[0], { timing: 'closed', costs: COSTS });
  const { kernel } = run;
  const taken: string[] = [];
  const took = new Map<number, string>();
  let index = -1;
  let downgraded = false;
  const hears = (of: Mm) => of.id === index && kernel.engine.now >= from;
  asked.length = 0;
  tap(kernel, 'mmap_write_downgrade', (_, of) => {
    downgraded = hears(of);
  });
  tap(kernel.ledger, 'mmapLocked', (_, of, write) => {
    if (!hears(of)) return;
    if (downgraded) taken.push(`${taken.pop()}>R`);
    else {
      const manner = asked.findLast(({ at, mm }) => at >= from && mm === index)?.manner ?? '';
      taken.push((write ? 'W' : 'R') + manner);
    }
    downgraded = false;
  });
  const takes = (letter: string) => (_: Task, of: Mm, vma: Vma) => {
    if (hears(of)) took.set(vma.vm_start - BASE, letter);
  };
  tap(kernel.ledger, 'vmaMarked', takes('m'));
  tap(kernel.ledger, 'vmaRead', takes('r'));
  let fed = 0;
  await readTrace(traceFile(events), {
    onBatch: (columns, soFar) => {
      index = soFar.mms.indexOf(mm);
      run.feed(columns, fed, soFar);
      fed += columns.n;
    },
  });
  run.finish();
  const width = Math.max(-1, ...took.keys()) + 1;
  return {
    sections: taken.join(' ') || '-',
    took: Array.from({ length: width }, (_, page) => took.get(page) ?? '.').join(''),
  };
}
