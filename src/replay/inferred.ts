/**
 * A trace without what an importer concluded (`x-inferred`): such operations change nothing, such pages are derived. Of a
 * VMA that a fault proves only that page is certain, so it is tried as everything it may be.
 */
import type { Columns, TraceInfo } from '../trace/columns.js';
import { MAP, OP, PROT_EXEC, PROT_WRITE } from '../vocab.js';

/** What an inferred VMA is tried as: anonymous memory, before or after its first fault, or a private mapping of a file. */
export const ALTERNATIVES = ['anon_vma', 'no anon_vma', 'file'] as const;
export type Alternative = (typeof ALTERNATIVES)[number];

interface Kept {
  readonly row: number;
  readonly op: number;
  readonly facts: number;
  readonly wait: number;
  readonly a: number;
  readonly file: number;
}

const PROT_BITS = 3;

/** Calls `take` while `columns` look as if nothing had been inferred. */
export function withoutInferences(columns: Columns, { files }: TraceInfo, as: Alternative, take: () => void): void {
  const { n, inferred, op, facts, wait, a, file, code } = columns;
  const kept: Kept[] = [];
  for (let row = 0; row < n; row++) {
    if (inferred[row] === 0) continue;
    const was = { op: op[row], facts: facts[row], wait: wait[row], a: a[row], file: file[row] };
    kept.push({ row, ...was });
    if (was.op === OP.vma) {
      // what execve mapped to be executed is a file's; where the vDSO may be the loader it could be written as well
      if ((code[row] & (PROT_EXEC | PROT_WRITE)) === PROT_EXEC) continue;
      // a stack is as execve makes it
      if ((code[row] >> PROT_BITS) & MAP.growsdown) continue;
      a[row] = as === 'anon_vma' ? 1 : 0;
      if (as !== 'file') file[row] = -1;
      else file[row] = regularFile(files, file[row]);
      continue;
    }
    if (was.op !== OP.fault) op[row] = OP.other;
    facts[row] = 0;
    wait[row] = -1;
  }
  take();
  for (const { row, ...was } of kept) {
    op[row] = was.op;
    facts[row] = was.facts;
    wait[row] = was.wait;
    a[row] = was.a;
    file[row] = was.file;
  }
}

/** A file of the trace that nothing is said of; where there is none, what was concluded. */
function regularFile(files: TraceInfo['files'], concluded: number): number {
  const found = files.findIndex(({ fs, name }) => fs === null && name === null);
  return found < 0 ? concluded : found;
}
