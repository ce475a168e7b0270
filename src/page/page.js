/** The page comes alive: canvases are drawn when they are seen, and all of a trace show the same part of its time. */
import { drawMap, drawTimeline, LEFT, placer, scaleOf } from './draw.js';
import { describe, eventAt, laneAt, layOut, longestFirst } from './lanes.js';
import { around, moved, within, zoomed } from './scale.js';

/** @typedef {import('../report/scene.js').Scene} Scene */
/** @typedef {import('./scale.js').View} View */

const MAP_HEIGHT = 360;
const KINDS = ['vma_lock', 'mmap_lock', 'signal', 'operation'];

/** What the canvases of one trace share. */
class Clock {
  /** @param {number} span */
  constructor(span) {
    this.span = span;
    /** @type {View} */
    this.view = within(0, span, span);
    /** @type {(() => void)[]} */
    this.listeners = [];
  }

  /** @param {View} view */
  show(view) {
    this.view = view;
    for (const listener of this.listeners) listener();
  }
}

/** One canvas, its line of words, and what keys and pointers do to it. */
class Picture {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Scene} scene
   * @param {Clock} clock
   */
  constructor(canvas, scene, clock) {
    this.canvas = canvas;
    this.scene = scene;
    this.clock = clock;
    this.isMap = canvas.dataset.kind === 'map';
    this.said = /** @type {HTMLElement} */ (canvas.nextElementSibling);
    this.layout = layOut(scene);
    this.chosen = -1;
    this.longest = longestFirst(scene);
    this.place = -1;
    this.seen = false;
    this.asked = false;
    canvas.style.height = `${this.isMap ? MAP_HEIGHT : this.layout.height}px`;
    clock.listeners.push(() => this.ask());
    this.listen();
  }

  /** Draws with the next frame, if anybody can see it. */
  ask() {
    if (!this.seen || this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  paper() {
    const { canvas } = this;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    return { context, width: canvas.clientWidth, height: canvas.clientHeight, ink: inkOf(canvas) };
  }

  draw() {
    const { canvas, scene, clock } = this;
    const paper = this.paper();
    const sharp = window.devicePixelRatio || 1;
    canvas.width = Math.round(paper.width * sharp);
    canvas.height = Math.round(paper.height * sharp);
    paper.context.setTransform(sharp, 0, 0, sharp, 0, 0);
    if (this.isMap) drawMap(paper, scene, clock.view, this.chosen);
    else drawTimeline(paper, scene, this.layout.rows, clock.view, this.chosen);
  }

  listen() {
    const { canvas, clock } = this;
    /** @type {{ x: number, view: View } | null} */
    let held = null;
    canvas.addEventListener('pointerdown', event => {
      held = { x: event.offsetX, view: clock.view };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointerup', () => {
      held = null;
    });
    canvas.addEventListener('pointermove', event => {
      if (held === null) this.choose(this.under(event.offsetX, event.offsetY));
      else clock.show(moved(held.view, (held.x - event.offsetX) * this.nsPerPixel(), clock.span));
    });
    canvas.addEventListener('dblclick', () => clock.show(within(0, clock.span, clock.span)));
    canvas.addEventListener(
      'wheel',
      event => {
        // Who scrolls past is left alone.
        if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          clock.show(moved(clock.view, (event.deltaX || event.deltaY) * this.nsPerPixel(), clock.span));
        } else clock.show(zoomed(clock.view, 1.0015 ** event.deltaY, this.timeAt(event.offsetX), clock.span));
      },
      { passive: false },
    );
    canvas.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.key(event.key)) return;
      event.preventDefault();
    });
  }

  /**
   * @param {string} key
   * @returns {boolean} did it mean anything?
   */
  key(key) {
    const { clock } = this;
    const { view, span } = clock;
    const length = view.to - view.from;
    const middle = (view.from + view.to) / 2;
    if (key === 'ArrowLeft') clock.show(moved(view, -length / 8, span));
    else if (key === 'ArrowRight') clock.show(moved(view, length / 8, span));
    else if (key === '+' || key === '=') clock.show(zoomed(view, 1 / 2, middle, span));
    else if (key === '-') clock.show(zoomed(view, 2, middle, span));
    else if (key === '0' || key === 'Home') clock.show(within(0, span, span));
    else if (key === 'n') this.visit(this.place + 1);
    else if (key === 'p') this.visit(this.place - 1);
    else return false;
    return true;
  }

  /**
   * Shows the wait that is the `place`th of the longest.
   * @param {number} place
   */
  visit(place) {
    const { waits } = this.scene;
    const wait = this.longest[place];
    if (wait === undefined) return;
    this.place = place;
    this.chosen = waits.event[wait];
    this.say(`wait ${place + 1} of ${this.longest.length}: ${describe(this.scene, this.chosen)}`);
    this.clock.show(around(waits.start[wait], waits.length[wait], this.clock.span));
  }

  /** @param {number} event */
  choose(event) {
    if (event === this.chosen) return;
    this.chosen = event;
    this.say(event < 0 ? '' : describe(this.scene, event));
    this.ask();
  }

  /** @param {string} text */
  say(text) {
    this.said.textContent = text;
  }

  /**
   * The event under a point, or -1.
   * @param {number} x
   * @param {number} y
   */
  under(x, y) {
    if (x < LEFT) return -1;
    if (!this.isMap) {
      const lane = laneAt(this.layout.rows, y);
      return lane < 0 ? -1 : eventAt(this.scene, lane, this.timeAt(x), 4 * this.nsPerPixel());
    }
    const { events } = this.scene;
    const paper = this.paper();
    const [scale, place] = [scaleOf(paper, this.clock.view), placer(paper.height)];
    let best = -1;
    let nearest = 8 ** 2;
    events.low.forEach((low, i) => {
      if (low < 0 || events.kind[i] === KINDS.length - 1) return;
      const off = (scale(events.start[i]) - x) ** 2 + (place((low + events.high[i]) / 2) - y) ** 2;
      if (off >= nearest) return;
      nearest = off;
      best = i;
    });
    return best;
  }

  /** @param {number} x */
  timeAt(x) {
    return this.clock.view.from + (x - LEFT) * this.nsPerPixel();
  }

  nsPerPixel() {
    const { view } = this.clock;
    return (view.to - view.from) / Math.max(1, this.canvas.clientWidth - LEFT);
  }
}

/**
 * @param {Element} element
 * @returns {import('./draw.js').Ink}
 */
function inkOf(element) {
  const style = getComputedStyle(element);
  /** @param {string} name */
  const colour = name => style.getPropertyValue(`--${name}`).trim();
  const [text, faint, paper, wait, cursor] = ['text', 'faint', 'paper', 'wait', 'cursor'].map(colour);
  return { text, faint, paper, wait, cursor, kinds: KINDS.map(colour) };
}

function start() {
  /** @type {Scene[][]} */
  const traces = JSON.parse(document.getElementById('scenes')?.textContent ?? '[]');
  const clocks = traces.map(scenes => new Clock(scenes.reduce((longest, { span }) => Math.max(longest, span), 1)));
  /** @type {Map<Element, Picture>} */
  const pictures = new Map();
  for (const canvas of document.querySelectorAll('canvas')) {
    const [trace, scene] = [Number(canvas.dataset.trace), Number(canvas.dataset.scene)];
    pictures.set(canvas, new Picture(canvas, traces[trace][scene], clocks[trace]));
  }
  const watch = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      const picture = pictures.get(target);
      if (picture === undefined) continue;
      picture.seen = isIntersecting;
      picture.ask();
    }
  });
  for (const canvas of pictures.keys()) watch.observe(canvas);
  const again = () => {
    for (const picture of pictures.values()) picture.ask();
  };
  window.addEventListener('resize', again);
  window.addEventListener('beforeprint', () => {
    for (const picture of pictures.values()) if (picture.canvas.clientWidth > 0) picture.draw();
  });
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
}

start();
