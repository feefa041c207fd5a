// One time axis for a whole trace. Long silences are folded to a short piece of the axis: without
// it, a second of waiting would squeeze a handshake of 50 µs into nothing.


export interface Scale {
  /** Position on the axis, 0 to 1, of a time in ns; and back. */
  at(t: number): number;
  time(at: number): number;
  /** Folded silences, as [from, to] in ns. */
  folds: [number, number][];
}

const SAMPLE = 4000;
const MOST = 16;

/** Of events at these times, in their order, by index from `first` to before `end`. */
export interface Times { first: number; end: number; time(i: number): number }
const NEVER: Times = { first: 0, end: 0, time: () => 0 };

export function timescale(all: Times = NEVER, end = 1): Scale {
  const step = Math.max(1, Math.ceil((all.end - all.first) / SAMPLE));
  const steps: [t: number, dt: number][] = [];
  let last = 0;
  for (let i = all.first; i < all.end; i += step) {
    const at = Math.min(all.time(i), end);
    if (at > last) steps.push([last, at - last]);
    last = Math.max(last, at);
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
  for (let hi = knots.length - 1; i < hi;) {
    const mid = (i + hi) >> 1;
    if (knots[mid]![from] < v) i = mid + 1;
    else hi = mid;
  }
  const a = knots[i - 1]!;
  const b = knots[i]!;
  const part = b[from] === a[from] ? 0 : (v - a[from]) / (b[from] - a[from]);
  return a[to] + Math.min(1, Math.max(0, part)) * (b[to] - a[to]);
}
