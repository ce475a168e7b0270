/** Time on the screen: which part of a run is shown, how it moves, and where its ticks are. Pure. */

/**
 * The part of a run that is shown, in ns from its first event.
 * @typedef {{ from: number, to: number }} View
 */

/** The shortest part that can be shown, in ns. */
const SHORTEST = 20;

/**
 * The view nearest to `[from, to)` that lies within a run of `span` ns.
 * @param {number} from
 * @param {number} to
 * @param {number} span
 * @returns {View}
 */
export function within(from, to, span) {
  const length = Math.min(Math.max(to - from, Math.min(SHORTEST, span)), span);
  const start = Math.min(Math.max(from, 0), span - length);
  return { from: start, to: start + length };
}

/**
 * Shows `factor` times as much; the time `at` stays where it is.
 * @param {View} view
 * @param {number} factor
 * @param {number} at
 * @param {number} span
 */
export function zoomed(view, factor, at, span) {
  return within(at - (at - view.from) * factor, at + (view.to - at) * factor, span);
}

/**
 * Moves by `by` ns, as far as there is something to see.
 * @param {View} view
 * @param {number} by
 * @param {number} span
 */
export function moved(view, by, span) {
  return within(view.from + by, view.to + by, span);
}

/**
 * Shows what happened from `start` on for `length`, with room on both sides.
 * @param {number} start
 * @param {number} length
 * @param {number} span
 */
export function around(start, length, span) {
  const room = Math.max(length, SHORTEST);
  return within(start - room, start + length + room, span);
}

/**
 * Round times within a view, about `count` of them.
 * @param {View} view
 * @param {number} count
 */
export function ticks({ from, to }, count) {
  const rough = (to - from) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5].find(n => n * power >= rough) ?? 10) * power);
  const times = [];
  for (let n = Math.ceil(from / step); n * step <= to; n++) times.push(n * step);
  return times;
}

/**
 * `1.25 ms`: a time to three digits, or to as many as tell ticks apart that are `step` ns from each other.
 * @param {number} ns
 * @param {number} step
 */
export function timeText(ns, step = 0) {
  if (ns === 0) return '0';
  const [unit, scale] = ns < 1e3 ? ['ns', 1] : ns < 1e6 ? ['us', 1e3] : ns < 1e9 ? ['ms', 1e6] : ['s', 1e9];
  const value = ns / scale;
  const whole = Math.max(1, Math.ceil(Math.log10(value + 1)));
  const digits = step > 0 ? Math.ceil(Math.log10(scale / step)) : 3 - whole;
  return `${value.toFixed(Math.min(9, Math.max(0, digits)))} ${unit}`;
}
