/** XXH64 with seed 0, the check sum of zstd frames, in 32-bit halves: BigInt would take longer than unpacking does. */

/** The halves of the two constants of the rounds, high and low. */
const P1 = [0x9e3779b1, 0x85ebca87] as const;
const P2 = [0xc2b2ae3d, 0x27d4eb4f] as const;
const P1_BIG = 0x9e3779b185ebca87n;
const P2_BIG = 0xc2b2ae3d27d4eb4fn;
const P3_BIG = 0x165667b19e3779f9n;
const P4_BIG = 0x85ebca77c2b2ae63n;
const P5_BIG = 0x27d4eb2f165667c5n;
/** Bytes that a round of all four lanes takes. */
const STRIPE = 32;

const wrap = (n: bigint): bigint => BigInt.asUintN(64, n);
const rotate = (n: bigint, by: bigint): bigint => wrap(n << by) | (n >> (64n - by));
const round = (lane: bigint, input: bigint): bigint => wrap(rotate(wrap(lane + input * P2_BIG), 31n) * P1_BIG);

/** The high half of the low 64 bits of a product. */
function high(ah: number, al: number, bh: number, bl: number): number {
  const [a1, a0, b1, b0] = [al >>> 16, al & 0xffff, bl >>> 16, bl & 0xffff];
  const middle = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) | 0;
  const other = (Math.imul(a0, b1) + (middle & 0xffff)) | 0;
  const carried = Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16);
  return (carried + Math.imul(al, bh) + Math.imul(ah, bl)) | 0;
}

export class Xxh64 {
  /** high and low half of each lane */
  private readonly lanes = new Int32Array(8);
  private readonly rest = new Uint8Array(STRIPE);
  private held = 0;
  private length = 0;

  constructor() {
    [P1_BIG + P2_BIG, P2_BIG, 0n, -P1_BIG].forEach((lane, i) => {
      this.lanes[2 * i] = Number(BigInt.asIntN(32, lane >> 32n));
      this.lanes[2 * i + 1] = Number(BigInt.asIntN(32, lane));
    });
  }

  update(bytes: Uint8Array): void {
    this.length += bytes.length;
    let at = 0;
    if (this.held > 0) {
      at = Math.min(STRIPE - this.held, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.held);
      this.held += at;
      if (this.held < STRIPE) return;
      this.stripes(this.rest, 0, STRIPE);
    }
    const end = at + Math.floor((bytes.length - at) / STRIPE) * STRIPE;
    this.stripes(bytes, at, end);
    this.rest.set(bytes.subarray(end));
    this.held = bytes.length - end;
  }

  private stripes(bytes: Uint8Array, from: number, to: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [p1h, p1l] = P1;
    const [p2h, p2l] = P2;
    for (let lane = 0; lane < 4; lane++) {
      let hi = this.lanes[2 * lane];
      let lo = this.lanes[2 * lane + 1];
      for (let at = from + 8 * lane; at < to; at += STRIPE) {
        const low = view.getInt32(at, true);
        const added = Math.imul(low, p2l);
        const sum = (lo + added) | 0;
        hi = (hi + high(view.getInt32(at + 4, true), low, p2h, p2l) + (sum >>> 0 < added >>> 0 ? 1 : 0)) | 0;
        const turned = (sum << 31) | (hi >>> 1);
        hi = (hi << 31) | (sum >>> 1);
        hi = high(hi, turned, p1h, p1l);
        lo = Math.imul(turned, p1l);
      }
      this.lanes[2 * lane] = hi;
      this.lanes[2 * lane + 1] = lo;
    }
  }

  digest(): bigint {
    const { lanes, rest, held, length } = this;
    let hash = P5_BIG;
    if (length >= STRIPE) {
      const values = [0, 1, 2, 3].map(i => wrap((BigInt(lanes[2 * i]) << 32n) | BigInt(lanes[2 * i + 1] >>> 0)));
      hash = wrap(values.reduce((sum, lane, i) => sum + rotate(lane, [1n, 7n, 12n, 18n][i]), 0n));
      for (const lane of values) hash = wrap((hash ^ round(0n, lane)) * P1_BIG + P4_BIG);
    }
    hash = wrap(hash + BigInt(length));
    const view = new DataView(rest.buffer, 0, held);
    let at = 0;
    for (; at + 8 <= held; at += 8)
      hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1_BIG + P4_BIG);
    for (; at + 4 <= held; at += 4)
      hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * P1_BIG), 23n) * P2_BIG + P3_BIG);
    for (; at < held; at++) hash = wrap(rotate(hash ^ wrap(BigInt(rest[at]) * P5_BIG), 11n) * P1_BIG);
    hash = wrap((hash ^ (hash >> 33n)) * P2_BIG);
    hash = wrap((hash ^ (hash >> 29n)) * P3_BIG);
    return hash ^ (hash >> 32n);
  }
}
