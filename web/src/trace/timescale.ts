// One time axis for a whole trace. Long silences are folded to a short piece of the axis: without
// it, a second of waiting would squeeze a handshake of 50 µs into nothing.

import type { Rec } from './records';

export interface Scale {
  /** Position on the axis, 0 to 1, of a time in ns; and back. */
  at(t: number): number;
  time(at: number): number;
  /** Folded silences, as [from, to] in ns. */
  folds: [number, number][];
}

const SAMPLE = 4000;
const MOST = 16;

export function timescale(records: readonly Rec[], end: number): Scale {
  const step = Math.max(1, Math.ceil(records.length / SAMPLE));
  const steps: [t: number, dt: number][] = [];
  let last = 0;
  for (let i = 0; i < records.length; i += step) {
    const rec = records[i]!;
    if (rec.record === 'end' || rec.t < last) continue;
    if (rec.t > last) steps.push([last, rec.t - last]);
    last = rec.t;
  }
  const busy = steps.map((s) => s[1]).sort((a, b) => a - b);
  const usual = busy.slice(0, Math.max(1, Math.floor(busy.length * 0.75)));
  const mean = usual.reduce((a, b) => a + b, 0) / Math.max(1, usual.length);
  // Long is what is far beyond the usual; of many, the longest.
  const folded = steps.filter((s) => s[1] > mean * 20).sort((a, b) => b[1] - a[1]).slice(0, MOST).sort((a, b) => a[0] - b[0]);
  const total = busy.reduce((a, b) => a + b, 0) - folded.reduce((a, s) => a + s[1], 0);
  // Knots of a broken line: time to length, each fold as long as `short`.
  const short = Math.max(total / Math.max(12, folded.length * 2), 1);
  const knots: [t: number, x: number][] = [[0, 0]];
  let x = 0;
  let t = 0;
  for (const [from, dt] of folded) {
    x += from - t;
    knots.push([from, x]);
    x += short;
    t = from + dt;
    knots.push([t, x]);
  }
  x += Math.max(end - t, 0);
  knots.push([Math.max(end, t), Math.max(x, 1)]);
  const length = knots[knots.length - 1]![1];
  return {
    at: (time) => between(knots, 0, 1, time) / length,
    time: (at) => between(knots, 1, 0, at * length),
    folds: folded.map(([from, dt]) => [from, from + dt]),
  };
}

function between(knots: [number, number][], from: 0 | 1, to: 0 | 1, v: number): number {
  let i = 1;
  while (i < knots.length - 1 && knots[i]![from] < v) i++;
  const a = knots[i - 1]!;
  const b = knots[i]!;
  const part = b[from] === a[from] ? 0 : (v - a[from]) / (b[from] - a[from]);
  return a[to] + Math.min(1, Math.max(0, part)) * (b[to] - a[to]);
}
