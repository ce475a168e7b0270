/**
 * Sampling: which faults are replayed when only one in so many is. Operations always are, since memory would be another
 * without them.
 */

/**
 * Is the fault at event `i` of the trace replayed when one in `of` is? One index in every `of` in a row, and not the same
 * place each time: threads that take turns are all heard. Knows nothing but the index, so a sample is the same every time.
 */
export function inSample(i: number, of: number): boolean {
  const turn = Math.floor(i / of);
  return i - turn * of === scatter(turn) % of;
}

/** 32 bits that look like chance. */
function scatter(n: number): number {
  let bits = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
