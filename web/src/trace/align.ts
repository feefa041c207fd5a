// How two traces lie over each other: which connection of the one is which of the other, and how far their clocks are apart. All
// differences are nanoseconds to be added to a time of the first to have the second's.

import type { Conn, Trace } from './model';
import { ENDS, type Rec } from './records';

/** How much the ends of two connections have in common: ports last through a translation of addresses. */
function likeness(a: Conn, b: Conn): number {
  return ENDS.reduce((n, end) => n + Number(a.rec[end].port === b.rec[end].port) * 2 + Number(a.rec[end].addr === b.rec[end].addr), 0);
}

/** Of those the one with the same ends; of several the one that began nearest to it. */
export function mostLike(mine: Conn, all: readonly Conn[], apart: number): Conn | undefined {
  let best: Conn | undefined;
  let most = -1;
  let nearest = Infinity;
  for (const c of all) {
    const like = likeness(mine, c);
    const far = Math.abs(c.rec.t - mine.rec.t - apart);
    if (like < most || (like === most && far >= nearest)) continue;
    [best, most, nearest] = [c, like, far];
  }
  return best;
}

const startOf = (t: Trace) => {
  const [, second, fraction = ''] = /^([^.]*?)(?:\.(\d{1,9})\d*)?Z$/.exec(t.header?.start ?? '') ?? [];
  const ms = second === undefined ? NaN : Date.parse(`${second}Z`);
  return Number.isNaN(ms) ? undefined : { ms, ns: Number(fraction.padEnd(9, '0')) };
};

/** By what the two headers say of the time of day. Undefined: one of them says nothing. */
export function betweenClocks(first: Trace, second: Trace): number | undefined {
  const a = startOf(first);
  const b = startOf(second);
  return a && b && (a.ms - b.ms) * 1e6 + a.ns - b.ns;
}

/** Absolute numbers where both have them: relative ones are those of every connection. */
const nameOf = (r: Rec): string | undefined => (r.record === 'segment'
  ? `${r.from} ${r.flags.join()} ${r.seq_abs ?? r.seq} ${r.len} ${r.seq_abs === undefined}` : undefined);

/** By the first segment that both have seen. */
export function commonSegment(a: Conn, b: Conn): number | undefined {
  const there = new Map<string, number>();
  for (const r of b.events) {
    const name = nameOf(r);
    if (name !== undefined && !there.has(name)) there.set(name, r.t);
  }
  for (const r of a.events) {
    const t = there.get(nameOf(r) ?? '');
    if (t !== undefined) return t - r.t;
  }
  return undefined;
}
