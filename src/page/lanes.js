/** What lies where in a timeline, and what is said about it. Pure. */
import { timeText } from './scale.js';

/** @typedef {import('../report/scene.js').Scene} Scene */
/** @typedef {{ y: number, height: number }} Row */

const ROW = 20;
/** between the lanes of threads and those of locks, where their titles stand */
const GROUP = 22;
export const TOP = 24;

/**
 * Where each lane is, from the top of the canvas.
 * @param {Scene} scene
 * @returns {{ rows: Row[], height: number }}
 */
export function layOut(scene) {
  const rows = scene.lanes.map((_, lane) => ({
    y: TOP + GROUP + lane * ROW + (lane >= scene.threads ? GROUP : 0),
    height: ROW - 4,
  }));
  const last = rows[rows.length - 1];
  return { rows, height: (last === undefined ? TOP + GROUP : last.y + ROW) + 4 };
}

/**
 * The lane at a height; -1 between lanes.
 * @param {readonly Row[]} rows
 * @param {number} y
 */
export function laneAt(rows, y) {
  return rows.findIndex(row => y >= row.y && y < row.y + row.height);
}

/**
 * The event in `lane` at the time `t` or nearest to it within `slack` ns, else -1: in a thread's lane its own, in a lock's
 * lane the one that held it or waited for it.
 * @param {Scene} scene
 * @param {number} lane
 * @param {number} t
 * @param {number} slack
 */
export function eventAt(scene, lane, t, slack) {
  const { events, waits, holds } = scene;
  let best = -1;
  let nearest = slack;
  /** @param {number} start @param {number} length @param {number} event */
  const look = (start, length, event) => {
    const off = t < start ? start - t : Math.max(0, t - start - length);
    if (off > nearest || (off === nearest && best >= 0 && off > 0)) return;
    nearest = off;
    best = event;
  };
  const columns = lane < scene.threads ? [{ ...events, event: null }] : [holds, waits];
  for (const { lane: lanes, start, length, event } of columns) {
    for (let i = 0; i < lanes.length; i++)
      if (lanes[i] === lane) look(start[i], length[i], event === null ? i : event[i]);
  }
  return best;
}

/**
 * Indexes of the waits, longest first.
 * @param {Scene} scene
 */
export function longestFirst({ waits }) {
  return waits.length.map((_, i) => i).sort((a, b) => waits.length[b] - waits.length[a] || a - b);
}

/**
 * An event in words: what and where it was, when, how long, and what it waited for.
 * @param {Scene} scene
 * @param {number} event
 */
export function describe(scene, event) {
  const { events, waits, words, lanes } = scene;
  const addr = words[events.addr[event]];
  const lane = events.lane[event];
  const parts = [
    `event ${events.i[event]}`,
    ...(lane < 0 ? [] : [words[lanes[lane]]]),
    words[events.what[event]] + (addr === '' ? '' : ` at ${addr}`),
    `from ${timeText(scene.origin + events.start[event])} for ${timeText(events.length[event])}`,
  ];
  waits.event.forEach((own, i) => {
    if (own === event) parts.push(`${words[waits.what[i]]} for ${timeText(waits.length[i])}`);
  });
  return parts.join('; ');
}
