/** The style of stdout, from the options and the terminal behind it, if one is. */
import { createStyle, DEFAULT_WIDTH, type Style } from '../report/style.js';
import { colorLevel } from './color.js';
import type { BaseOptions } from './options.js';

/** Narrower than this, a terminal is taken not to know its width. */
const MIN_WIDTH = 40;

export function outputStyle(options: BaseOptions): Style {
  const isTTY = options.out === undefined && process.stdout.isTTY === true;
  const columns = isTTY ? process.stdout.columns : DEFAULT_WIDTH;
  const width = columns >= MIN_WIDTH ? columns : DEFAULT_WIDTH;
  return createStyle(colorLevel(options.color, process.env, isTTY), width);
}
