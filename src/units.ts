/**
 * Units and how they are spelled. The only file that knows 4096 and 1e9.
 *
 * Times are integer nanoseconds since the trace's origin, exact to 2^53 (104 days). Addresses keep all 64 bits: a page
 * number (`addr >> 12`, below 2^52, hence exact as a number) and the offset inside that page are kept apart.
 */

/** Integer nanoseconds since the trace's origin. */
export type Ns = number;
/** The last that is exact: behind it a sum of times would be a guess. */
export const LAST_NS: Ns = Number.MAX_SAFE_INTEGER;
/** Page number: a 64-bit address shifted right by 12. An exclusive end may be 2^52. */
export type Page = number;

/**
 * What a field that will hold times or page numbers begins with. V8 fixes how a field is stored by its first value: had it
 * begun as a small integer, objects would change their hidden class one by one as large values arrive, and every access in
 * the hot path would have to look which it is.
 */
export const FRACTION = 0.5;

export const PAGE_SIZE = 4096;
/** One past the last page of a 64-bit address space. */
export const PAGE_END: Page = 2 ** 52;
export const NS_PER_SEC = 1e9;

/** `0x` and the hex digits of a page number's first byte plus `offset`: lower case, no leading zeros. */
export function formatAddr(page: Page, offset = 0): string {
  if (page < 2 ** 41) return '0x' + (page * PAGE_SIZE + offset).toString(16);
  return '0x' + page.toString(16) + offset.toString(16).padStart(3, '0');
}

/** `0x` and the hex digits of a length given in pages. */
export function formatLen(pages: number): string {
  return formatAddr(pages);
}

const UNITS: readonly [limit: number, scale: number, unit: string][] = [
  [1e3, 1, 'ns'],
  [1e6, 1e3, 'us'],
  [1e9, 1e6, 'ms'],
  [Number.POSITIVE_INFINITY, 1e9, 's'],
];

/** A duration for people: `0`, `640 ns`, `12.4 us`, `3.05 ms`, `2.10 s`: three significant digits. */
export function formatNs(ns: Ns): string {
  if (ns === 0) return '0';
  const [, scale, unit] = UNITS.find(([limit]) => Math.abs(ns) < limit) ?? UNITS[3];
  const value = ns / scale;
  const text = scale === 1 ? String(Math.round(value)) : value.toPrecision(3);
  return `${text.includes('e') ? Math.round(value) : text} ${unit}`;
}

/** A count for people: `1,204`. Independent of the locale. */
export function formatCount(n: number): string {
  const digits = String(Math.trunc(n));
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A share for people: `1.3 %`; `-` when there is nothing to divide by. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return '-';
  const percent = (100 * part) / whole;
  if (percent !== 0 && percent < 0.1) return percent.toPrecision(1) + ' %';
  return (percent === 100 || percent === 0 ? String(percent) : percent.toFixed(1)) + ' %';
}
