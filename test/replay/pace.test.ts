/** How far the clock is ahead of the recording for everybody, and that nothing depends on it in a short trace. */
import { describe, expect, it } from 'vitest';
import { LOOKAHEAD } from '../../src/replay/backlog.js';
import { Pace } from '../../src/replay/pace.js';

/** Lets `threads` act in every epoch of `events` events. */
function run(pace: Pace, events: number, threads: { epoch: number; shift: number }[], closed = true): void {
  for (let i = 0; i < events; i++) {
    if (i >= pace.due) pace.next(i, closed);
    for (const thread of threads) if (thread.epoch !== pace.epoch) pace.saw(thread);
  }
}

const late = (shift: number) => ({ epoch: -1, shift });

describe('what everybody is late by', () => {
  it('is unknown before the lookahead is over', () => {
    const pace = new Pace();
    run(pace, LOOKAHEAD, [late(500), late(700)]);
    expect(pace.base).toBe(0);
  });

  it('is then the least of those who act', () => {
    const pace = new Pace();
    run(pace, LOOKAHEAD + 1, [late(500), late(700)]);
    expect(pace.base).toBe(500);
  });

  it('is nothing while somebody who acts is in time', () => {
    const pace = new Pace();
    run(pace, 3 * LOOKAHEAD, [late(500), late(0)]);
    expect(pace.base).toBe(0);
  });

  it('forgets a thread that has been silent for the lookahead', () => {
    const pace = new Pace();
    const silent = late(0);
    pace.saw(silent);
    run(pace, 2 * LOOKAHEAD, [late(500)]);
    expect(pace.base).toBe(500);
  });

  it('never goes back', () => {
    const pace = new Pace();
    const thread = late(500);
    run(pace, 2 * LOOKAHEAD, [thread]);
    thread.shift = 100;
    pace.next(pace.due, true);
    expect(pace.base).toBe(500);
  });

  it('is nothing at recorded times', () => {
    const pace = new Pace();
    run(pace, 3 * LOOKAHEAD, [late(500)], false);
    expect(pace.base).toBe(0);
  });
});
