/** The first rows of a trace, whatever the order in which they become known. */

/** Puts `row` in its place among the first `top` by event; nearly always that is the last one. */
export function keepFirst<Row extends { readonly i: number }>(rows: Row[], top: number, row: Row): void {
  let place = rows.length;
  while (place > 0 && rows[place - 1].i > row.i) place--;
  if (place >= top) return;
  rows.splice(place, 0, row);
  if (rows.length > top) rows.pop();
}
