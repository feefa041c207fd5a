// How full the queues of a listener were, in columns: on a busy host they change a hundred thousand times.

import { before, type Point } from './records';

export interface Queued extends Point { syn: number; accept: number; limit: number | undefined; drops: number; overflow: boolean }

/** Stands for a limit that is not told. */
const NONE = 0xffff_ffff;

export class Depth {
  length = 0;
  t = new Float64Array(16);
  n = new Float64Array(16);
  syn = new Uint32Array(16);
  accept = new Uint32Array(16);
  limit = new Uint32Array(16);
  drops = new Uint32Array(16);
  overflow = new Uint8Array(16);

  add(q: Queued): void {
    if (this.length === this.t.length) this.#grow();
    let i = this.length++;
    // Only a `late` record walks back, and not far.
    for (; i > 0 && before(q, this.#point(i - 1)); i--) this.#move(i - 1, i, 1);
    this.t[i] = q.t;
    this.n[i] = q.n;
    this.syn[i] = q.syn;
    this.accept[i] = q.accept;
    this.limit[i] = q.limit ?? NONE;
    this.drops[i] = q.drops;
    this.overflow[i] = Number(q.overflow);
  }

  /** The last change at or before the point. */
  at(p: Point): Queued | undefined {
    let lo = 0;
    let hi = this.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (before(p, this.#point(mid))) hi = mid;
      else lo = mid + 1;
    }
    const i = lo - 1;
    if (i < 0) return undefined;
    const limit = this.limit[i]!;
    return {
      ...this.#point(i), syn: this.syn[i]!, accept: this.accept[i]!, limit: limit === NONE ? undefined : limit,
      drops: this.drops[i]!, overflow: this.overflow[i] === 1,
    };
  }

  /** Number of the overflow nearest to a time, no further away than `reach`. */
  overflowNear(t: number, reach: number): number | undefined {
    let best = -1;
    for (let i = 0; i < this.length; i++) {
      const apart = Math.abs(this.t[i]! - t);
      if (this.overflow[i] && apart <= reach && (best < 0 || apart < Math.abs(this.t[best]! - t))) best = i;
    }
    return best < 0 ? undefined : this.n[best];
  }

  /** Forgets what was before the time. */
  drop(t: number): void {
    let gone = 0;
    while (gone < this.length && this.t[gone]! < t) gone++;
    this.#move(gone, 0, this.length - gone);
    this.length -= gone;
  }

  #point(i: number): Point {
    return { t: this.t[i]!, n: this.n[i]! };
  }

  #move(from: number, to: number, count: number): void {
    for (const column of [this.t, this.n, this.syn, this.accept, this.limit, this.drops, this.overflow]) {
      column.copyWithin(to, from, from + count);
    }
  }

  #grow(): void {
    const room = Math.ceil(this.length * 1.5);
    const wider = <T extends { set(old: T): void }>(old: T, to: T): T => {
      to.set(old);
      return to;
    };
    this.t = wider(this.t, new Float64Array(room));
    this.n = wider(this.n, new Float64Array(room));
    this.syn = wider(this.syn, new Uint32Array(room));
    this.accept = wider(this.accept, new Uint32Array(room));
    this.limit = wider(this.limit, new Uint32Array(room));
    this.drops = wider(this.drops, new Uint32Array(room));
    this.overflow = wider(this.overflow, new Uint8Array(room));
  }
}
