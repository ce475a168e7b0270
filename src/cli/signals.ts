/** Signals that ask the run to end. It does, with their status; work that can end well may take the first one instead. */

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;

/** A signal that work may take: after a hang-up there is nobody left to tell, and SIGQUIT is for who cannot wait. */
export type StopSignal = 'SIGINT' | 'SIGTERM';

let taker: ((signal: StopSignal) => void) | null = null;

/** Gives the next SIGINT or SIGTERM to `take`; the one after that ends the run. */
export function takeSignal(take: (signal: StopSignal) => void): void {
  taker = take;
}

/** From here on the next signal ends the run again. */
export function releaseSignal(): void {
  taker = null;
}

export function watchSignals(): void {
  for (const signal of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) process.on(signal, () => hear(signal));
}

function hear(signal: keyof typeof NUMBERS): void {
  const take = taker;
  taker = null;
  if (take === null || signal === 'SIGHUP' || signal === 'SIGQUIT') process.exit(128 + NUMBERS[signal]);
  take(signal);
}
