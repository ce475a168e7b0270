/** Small pictures inside a line of text: bars for shares and lines of them over time, in blocks or in ASCII. */

/** What a terminal can show. */
export type Marks = 'blocks' | 'ascii';

/** From little to all. */
const LEVELS: Readonly<Record<Marks, readonly string[]>> = {
  blocks: [...'▁▂▃▄▅▆▇█'],
  ascii: [...':-=+*#%@'],
};
const NONE: Readonly<Record<Marks, string>> = { blocks: '·', ascii: '.' };
/** Eighths of a column. */
const EIGHTHS = [...'▏▎▍▌▋▊▉█'];

/** One mark for each share from 0 to 1, that of something is never that of nothing; a space where there is no share. */
export function sparkline(shares: readonly (number | null)[], marks: Marks): string {
  const levels = LEVELS[marks];
  return shares
    .map(share => {
      if (share === null) return ' ';
      if (share <= 0) return NONE[marks];
      return levels[Math.min(levels.length, Math.ceil(share * levels.length)) - 1];
    })
    .join('');
}

/** A bar of at most `width` columns for a share from 0 to 1; something is never nothing. */
export function bar(share: number, width: number, marks: Marks): string {
  if (marks === 'ascii') return '#'.repeat(Math.max(share > 0 ? 1 : 0, Math.round(share * width)));
  const eighths = Math.max(share > 0 ? 1 : 0, Math.round(share * width * 8));
  const rest = eighths % 8;
  return '█'.repeat((eighths - rest) / 8) + (rest === 0 ? '' : EIGHTHS[rest - 1]);
}
