/** The pictures themselves: a timeline of lanes, and a map of faults. A verdict is told by shape as well as by colour. */
import { TOP } from './lanes.js';
import { ticks, timeText } from './scale.js';

/** @typedef {import('../report/scene.js').Scene} Scene */
/** @typedef {import('./scale.js').View} View */
/**
 * @typedef {object} Paper
 * @property {CanvasRenderingContext2D} context
 * @property {number} width
 * @property {number} height
 * @property {Ink} ink
 */
/**
 * Colours by name; those of events in the order of a scene's kinds.
 * @typedef {{ text: string, faint: string, paper: string, wait: string, cursor: string, kinds: string[] }} Ink
 */

/** Room for titles on the left. */
export const LEFT = 210;
const FONT = '12px system-ui, sans-serif';
const MARGIN = 8;
/** pixels between two lines of a map */
const LEAST_GAP = 6;
const VMA_LOCK = 0;
const SIGNAL = 2;
const OPERATION = 3;

/**
 * @param {Paper} paper
 * @param {View} view
 * @returns {(t: number) => number}
 */
export function scaleOf({ width }, { from, to }) {
  const perNs = (width - LEFT - MARGIN) / (to - from);
  return t => LEFT + (t - from) * perNs;
}

/**
 * @param {Paper} paper
 * @param {Scene} scene
 * @param {readonly import('./lanes.js').Row[]} rows
 * @param {View} view
 * @param {number} chosen event that is pointed out, or -1
 */
export function drawTimeline(paper, scene, rows, view, chosen) {
  const { context, width, ink } = paper;
  const { events, waits, holds, words, lanes, threads } = scene;
  const x = scaleOf(paper, view);
  drawAxis(paper, view, scene.origin);
  context.fillStyle = ink.text;
  context.font = `bold ${FONT}`;
  if (threads > 0) context.fillText('Threads', MARGIN, TOP + 12);
  if (lanes.length > threads) context.fillText('Locks', MARGIN, rows[threads].y - 10);
  context.font = FONT;
  rows.forEach(({ y, height }, lane) => {
    context.fillStyle = ink.text;
    context.fillText(cut(context, words[lanes[lane]], LEFT - 2 * MARGIN), MARGIN, y + height - 4);
    context.fillStyle = ink.faint;
    context.fillRect(LEFT, y + height, width - LEFT - MARGIN, 1);
  });
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT - MARGIN, paper.height);
  context.clip();
  const striped = stripes(paper);
  /** @param {number} start @param {number} length @param {(left: number, wide: number) => void} draw */
  const shown = (start, length, draw) => {
    if (start > view.to || start + length < view.from) return;
    const left = Math.max(x(start), LEFT - 2);
    draw(left, Math.max(1, Math.min(x(start + length), width) - left));
  };
  events.lane.forEach((lane, i) => {
    if (lane >= 0)
      shown(events.start[i], events.length[i], (left, wide) =>
        drawEvent(paper, rows[lane], events.kind[i], left, wide),
      );
  });
  holds.lane.forEach((lane, i) => {
    const { y, height } = rows[lane];
    shown(holds.start[i], holds.length[i], (left, wide) => {
      context.fillStyle = ink.kinds[holds.mode[i] === 1 ? 1 : 0];
      if (holds.mode[i] === 1) context.fillRect(left, y + 4, wide, height - 4);
      else context.fillRect(left, y + height - 5, wide, 5);
    });
  });
  context.fillStyle = striped;
  waits.event.forEach((event, i) => {
    for (const lane of [events.lane[event], waits.lane[i]]) {
      if (lane < 0) continue;
      const { y, height } = rows[lane];
      shown(waits.start[i], waits.length[i], (left, wide) =>
        context.fillRect(left, y, wide, lane < threads ? height : 5),
      );
    }
  });
  if (chosen >= 0 && events.lane[chosen] >= 0) {
    const { y, height } = rows[events.lane[chosen]];
    shown(events.start[chosen], events.length[chosen], (left, wide) => {
      context.strokeStyle = ink.cursor;
      context.lineWidth = 2;
      context.strokeRect(left - 2, y - 2, wide + 4, height + 4);
    });
  }
  context.restore();
}

/**
 * Full height where a fault took mmap_lock, less where it did not; a signal has a gap; an operation is a frame.
 * @param {Paper} paper
 * @param {import('./lanes.js').Row} row
 * @param {number} kind
 * @param {number} left
 * @param {number} wide
 */
function drawEvent({ context, ink }, { y, height }, kind, left, wide) {
  context.fillStyle = ink.kinds[kind];
  if (kind === VMA_LOCK) context.fillRect(left, y + height / 2, wide, height / 2);
  else if (kind === SIGNAL) {
    context.fillRect(left, y, wide, height / 2 - 2);
    context.fillRect(left, y + height / 2 + 2, wide, height / 2 - 2);
  } else if (kind === OPERATION && wide > 3) {
    context.fillRect(left, y, wide, 3);
    context.fillRect(left, y + height - 3, wide, 3);
    context.fillRect(left, y, 1.5, height);
    context.fillRect(left + wide - 1.5, y, 1.5, height);
  } else context.fillRect(left, y, wide, height);
}

/**
 * Faults by time and address: a dot under the VMA lock, a cross under mmap_lock, a triangle for a signal; a frame is the
 * range an operation works on.
 * @param {Paper} paper
 * @param {Scene} scene
 * @param {View} view
 * @param {number} chosen
 */
export function drawMap(paper, scene, view, chosen) {
  const { context, width, height, ink } = paper;
  const { events, stretches } = scene;
  const x = scaleOf(paper, view);
  const y = placer(height);
  drawAxis(paper, view, scene.origin);
  context.font = FONT;
  let free = Number.POSITIVE_INFINITY;
  let line = Number.POSITIVE_INFINITY;
  for (const { title, at, size } of stretches) {
    const [bottom, top] = [y(at), y(at + size)];
    if (line - bottom >= LEAST_GAP) {
      line = bottom;
      context.fillStyle = ink.faint;
      context.fillRect(LEFT, bottom, width - LEFT - MARGIN, 1);
    }
    const middle = (bottom + top) / 2 + 4;
    if (middle > free - 13) continue;
    free = middle;
    context.fillStyle = ink.text;
    context.fillText(cut(context, title, LEFT - 2 * MARGIN), MARGIN, middle);
  }
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT - MARGIN, height);
  context.clip();
  // Rare verdicts last, so that they lie on top.
  for (const kind of [OPERATION, VMA_LOCK, 1, SIGNAL]) {
    context.fillStyle = ink.kinds[kind];
    context.strokeStyle = ink.kinds[kind];
    context.lineWidth = 1.5;
    context.beginPath();
    events.kind.forEach((own, i) => {
      if (own !== kind || events.low[i] < 0) return;
      const [start, end] = [events.start[i], events.start[i] + events.length[i]];
      if (start > view.to || end < view.from) return;
      markPath(context, kind, x(start), y((events.low[i] + events.high[i]) / 2), {
        wide: x(end) - x(start),
        tall: y(events.low[i]) - y(events.high[i]),
      });
    });
    if (kind === VMA_LOCK || kind === SIGNAL) context.fill();
    else context.stroke();
  }
  if (chosen >= 0 && events.low[chosen] >= 0) {
    context.strokeStyle = ink.cursor;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x(events.start[chosen]), y((events.low[chosen] + events.high[chosen]) / 2), 8, 0, 2 * Math.PI);
    context.stroke();
  }
  context.restore();
}

/**
 * Where a place in the address space lies in a map: low addresses at the bottom.
 * @param {number} height
 * @returns {(place: number) => number}
 */
export function placer(height) {
  return place => height - MARGIN - place * (height - TOP - 2 * MARGIN);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} kind
 * @param {number} x
 * @param {number} y
 * @param {{ wide: number, tall: number }} frame
 */
function markPath(context, kind, x, y, { wide, tall }) {
  if (kind === OPERATION) context.rect(x, y - tall / 2, Math.max(1, wide), Math.max(1, tall));
  else if (kind === VMA_LOCK) context.rect(x - 1.5, y - 1.5, 3, 3);
  else if (kind === SIGNAL) {
    context.moveTo(x, y - 6);
    context.lineTo(x + 6, y + 5);
    context.lineTo(x - 6, y + 5);
    context.closePath();
  } else {
    context.moveTo(x - 4, y - 4);
    context.lineTo(x + 4, y + 4);
    context.moveTo(x - 4, y + 4);
    context.lineTo(x + 4, y - 4);
  }
}

/**
 * @param {Paper} paper
 * @param {View} view
 * @param {number} origin where the scene begins, on the clock of the replay
 */
function drawAxis(paper, view, origin) {
  const { context, width, height, ink } = paper;
  const x = scaleOf(paper, view);
  const times = ticks({ from: view.from + origin, to: view.to + origin }, (width - LEFT) / 110);
  const step = times.length > 1 ? times[1] - times[0] : 0;
  context.fillStyle = ink.paper;
  context.fillRect(0, 0, width, height);
  context.font = FONT;
  for (const t of times) {
    const at = x(t - origin);
    context.fillStyle = ink.faint;
    context.fillRect(at, TOP - 6, 1, height);
    context.fillStyle = ink.text;
    const text = timeText(t, step);
    context.fillText(text, Math.min(at, width - context.measureText(text).width - MARGIN), 13);
  }
}

/**
 * Diagonal stripes: waiting.
 * @param {Paper} paper
 * @returns {CanvasPattern | string}
 */
function stripes({ context, ink }) {
  const tile = document.createElement('canvas');
  tile.width = 6;
  tile.height = 6;
  const small = /** @type {CanvasRenderingContext2D} */ (tile.getContext('2d'));
  small.fillStyle = ink.paper;
  small.fillRect(0, 0, 6, 6);
  small.strokeStyle = ink.wait;
  small.lineWidth = 2.5;
  for (const shift of [-6, 0, 6]) {
    small.moveTo(shift - 1, 7);
    small.lineTo(shift + 7, -1);
  }
  small.stroke();
  return context.createPattern(tile, 'repeat') ?? ink.wait;
}

/**
 * `text` in at most `room` pixels: both its ends, where it is longer.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} room
 */
function cut(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  const characters = [...text];
  for (let kept = characters.length - 1; kept > 1; kept--) {
    const head = Math.ceil(kept / 2);
    const short = `${characters.slice(0, head).join('')}...${characters.slice(head - kept).join('')}`;
    if (context.measureText(short).width <= room) return short;
  }
  return '...';
}
