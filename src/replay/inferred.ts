/** A trace without what an importer concluded (`x-inferred`): such operations change nothing, such pages are derived. */
import type { Columns } from '../trace/columns.js';
import { OP } from '../vocab.js';

/** Calls `take` while `columns` look as if nothing had been inferred. */
export function withoutInferences(columns: Columns, take: () => void): void {
  const { n, inferred, op, facts, wait } = columns;
  const hidden: { row: number; op: number; facts: number; wait: number }[] = [];
  for (let row = 0; row < n; row++) {
    if (inferred[row] === 0) continue;
    hidden.push({ row, op: op[row], facts: facts[row], wait: wait[row] });
    if (op[row] !== OP.fault) op[row] = OP.other;
    facts[row] = 0;
    wait[row] = -1;
  }
  take();
  for (const { row, ...was } of hidden) {
    op[row] = was.op;
    facts[row] = was.facts;
    wait[row] = was.wait;
  }
}
