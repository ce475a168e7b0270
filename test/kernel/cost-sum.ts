/** Costs that no sum hides: each has digits of its own, so that a time says what it is made of, and how often. */
import type { CostName } from '../../src/kernel/costs.js';

/** What a trace says, ns, is less. */
const UNIT = 2 ** 20;

export interface CostSums {
  readonly costs: Readonly<Partial<Record<CostName, number>>>;
  /** `op + 3 zap_page`, and the rest of `ns` as that */
  spell(ns: number): string;
}

/** Of each cost a sum has `most` at most. */
export function costSums(names: readonly CostName[], most: number): CostSums {
  const costs = Object.fromEntries(names.map((name, i) => [name, UNIT * (most + 1) ** i]));
  const spell = (ns: number): string => {
    const parts = names.map(name => [Math.floor(ns / costs[name]) % (most + 1), name] as const);
    const said = parts.filter(([n]) => n > 0).map(([n, name]) => (n === 1 ? name : `${n} ${name}`));
    return [...said, ...(ns % UNIT === 0 ? [] : [`${ns % UNIT} ns`])].join(' + ');
  };
  return { costs, spell };
}
