/** How text for a terminal looks: colours through one chalk of a given level, and the width it may take. */
import { Chalk, type ChalkInstance } from 'chalk';

import type { Marks } from './spark.js';

export type ColorLevel = 0 | 1 | 2 | 3;

export interface Style {
  readonly chalk: ChalkInstance;
  /** columns a line should fit in */
  readonly width: number;
  /** of what bars are made; null where there are to be none */
  readonly marks: Marks | null;
}

export const DEFAULT_WIDTH = 80;

/** @param level chalk's: 0 none, 1 sixteen colours, 2 256 colours, 3 true colour; the caller has decided */
export function createStyle(level: ColorLevel, width = DEFAULT_WIDTH, marks: Marks | null = null): Style {
  return { chalk: new Chalk({ level }), width, marks };
}

/** Terminal columns `text` takes, near enough to decide what to cut: wide scripts and emoji two, marks none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const c of text) {
    if (c >= ' ' && c <= '~') width++;
    else if (!/\p{M}/u.test(c)) width += WIDE.test(c) ? 2 : 1;
  }
  return width;
}

const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;

/** `text` in at most `width` columns: the middle is left out, since names and ranges are told apart by both their ends. */
export function keepEnds(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const characters = [...text];
  const room = Math.max(0, width - GAP.length);
  const head = take(characters, Math.floor(room / 2));
  return head + GAP + [...take(characters.reverse(), room - displayWidth(head))].reverse().join('');
}

const GAP = '...';

/** As many of the first characters as `width` columns hold. */
function take(characters: readonly string[], width: number): string {
  let taken = '';
  let left = width;
  for (const c of characters) {
    left -= displayWidth(c);
    if (left < 0) break;
    taken += c;
  }
  return taken;
}
