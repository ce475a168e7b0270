/** The style of stdout, from the options and the terminal behind it, if one is. */
import type { Marks } from '../report/spark.js';
import { createStyle, DEFAULT_WIDTH, type Style } from '../report/style.js';
import { colorLevel } from './color.js';
import type { BaseOptions } from './options.js';

/** Narrower than this, a terminal is taken not to know its width. */
const MIN_WIDTH = 40;

export function outputStyle(options: BaseOptions): Style {
  const isTTY = options.out === undefined && process.stdout.isTTY === true;
  const columns = isTTY ? process.stdout.columns : DEFAULT_WIDTH;
  const width = columns >= MIN_WIDTH ? columns : DEFAULT_WIDTH;
  return createStyle(colorLevel(options.color, process.env, isTTY), width, isTTY ? marksOf(process.env) : null);
}

/** What bars are made of on a terminal: blocks where its locale has them. */
export function marksOf({ LC_ALL, LC_CTYPE, LANG, TERM }: NodeJS.ProcessEnv): Marks {
  return TERM !== 'dumb' && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '') ? 'blocks' : 'ascii';
}
