// Some records, one after the other, in columns: what a worker hands to the page. Each column is as
// narrow as what is in it allows.

/** Records of a slice: what the page takes in without losing a frame. */
export const SLICE = 1 << 12;

export type Narrow = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

export interface Slice {
  count: number;
  /** Template of each record. */
  kind: Uint16Array<ArrayBuffer>;
  /** Time in ns, above that of the earliest. */
  t0: number;
  t: Narrow;
  /** Record number of the first; and of each above it, where they do not count on from there. */
  n0: number;
  n: Narrow | undefined;
  /** Where the integers of each begin in `ints`. */
  at: Narrow;
  /** Integers and numbers of strings in the order of the line: zigzag, 7 bits a byte, low bits first. */
  ints: Uint8Array<ArrayBuffer>;
  /** Templates and strings that are new with this slice. */
  templates: string[];
  strings: string[];
}

/** Columns of a slice that grows. */
export interface Wide {
  count: number;
  kind: Uint16Array<ArrayBuffer>;
  t: Float64Array<ArrayBuffer>;
  n: Float64Array<ArrayBuffer>;
  at: Uint32Array<ArrayBuffer>;
  ints: Uint8Array<ArrayBuffer>;
  used: number;
}

export const wide = (count: number, room: number): Wide => ({
  count: 0, kind: new Uint16Array(count), t: new Float64Array(count), n: new Float64Array(count), at: new Uint32Array(count),
  ints: new Uint8Array(room), used: 0,
});

type Width = 2 | 4 | 8;
const widthFor = (most: number): Width => (most < 0x1_0000 ? 2 : most < 0x1_0000_0000 ? 4 : 8);
/** Each column begins where the widest may. */
const aligned = (bytes: number) => (bytes + 7) & ~7;

function fill(to: Narrow, from: Float64Array, base: number): Narrow {
  for (let i = 0; i < to.length; i++) to[i] = from[i]! - base;
  return to;
}

/** A copy of what is there, as narrow as it can be and in one buffer: to hand over many costs more than what is in them. */
export function pack(w: Wide, templates: string[], strings: string[]): Slice {
  const { count, used, t: times, n: numbers } = w;
  let t0 = times[0] ?? 0;
  let last = t0;
  const n0 = numbers[0] ?? 0;
  let counts = true;
  for (let i = 0; i < count; i++) {
    const t = times[i]!;
    if (t < t0) t0 = t;
    if (t > last) last = t;
    if (numbers[i] !== n0 + i) counts = false;
  }
  const widths = { t: widthFor(last - t0), n: widthFor(counts ? 0 : numbers[count - 1]! - n0), at: widthFor(used) };
  const room = (width: Width) => aligned(width * count);
  const buffer = new ArrayBuffer(room(widths.t) + (counts ? 0 : room(widths.n)) + room(widths.at) + room(2) + used);
  let from = 0;
  const next = (width: Width): Narrow => {
    const at = from;
    from += room(width);
    return width === 2 ? new Uint16Array(buffer, at, count) : width === 4 ? new Uint32Array(buffer, at, count) : new Float64Array(buffer, at, count);
  };
  const t = fill(next(widths.t), times, t0);
  const n = counts ? undefined : fill(next(widths.n), numbers, n0);
  const at = next(widths.at);
  at.set(w.at.subarray(0, count));
  const kind = next(2) as Slice['kind'];
  kind.set(w.kind.subarray(0, count));
  const ints = new Uint8Array(buffer, from, used);
  ints.set(w.ints.subarray(0, used));
  return { count, kind, t0, t, n0, n, at, ints, templates, strings };
}

/** Both in one: a live stream brings a few records at a time. */
export function join(a: Slice, b: Slice): Slice {
  const w = wide(a.count + b.count, 0);
  w.ints = new Uint8Array(a.ints.length + b.ints.length);
  for (const s of [a, b]) {
    for (let k = 0; k < s.count; k++) {
      w.kind[w.count] = s.kind[k]!;
      w.t[w.count] = timeOf(s, k);
      w.n[w.count] = numberOf(s, k);
      w.at[w.count++] = w.used + s.at[k]!;
    }
    w.ints.set(s.ints, w.used);
    w.used += s.ints.length;
  }
  return pack(w, [], []);
}

export const timeOf = (s: Slice, k: number): number => s.t0 + s.t[k]!;
export const numberOf = (s: Slice, k: number): number => s.n0 + (s.n ? s.n[k]! : k);

/** What can be given away with a slice instead of copied. */
export const bufferOf = (s: Slice): ArrayBuffer => s.kind.buffer;

/** Appends an integer; the room for it, 8 bytes, is there. Returns where the next one goes. */
export function putInteger(to: Uint8Array, at: number, value: number): number {
  let v = value < 0 ? -value * 2 - 1 : value * 2;
  for (; v >= 0x8000_0000; v = Math.floor(v / 0x80)) to[at++] = (v % 0x80) | 0x80;
  for (; v >= 0x80; v >>>= 7) to[at++] = (v & 0x7f) | 0x80;
  to[at++] = v;
  return at;
}

/** Where the integer ends that begins there. */
function after(from: Uint8Array, at: number): number {
  while (from[at]! >= 0x80) at++;
  return at + 1;
}

/** The integer that begins there. */
function integer(from: Uint8Array, at: number): number {
  let c = from[at]!;
  if (c < 0x80) return c & 1 ? -(c + 1) / 2 : c / 2;
  let v = 0;
  let scale = 1;
  for (; c >= 0x80; c = from[++at]!) {
    v += (c & 0x7f) * scale;
    scale *= 0x80;
  }
  v += c * scale;
  // The remainder of what may be no 32 bits wide is slow.
  const half = Math.floor(v / 2);
  return v === half * 2 ? half : -half - 1;
}

/** The integer that so many others stand before, from there on. */
export function integerAfter(from: Uint8Array, at: number, skip: number): number {
  for (; skip > 0; skip--) at = after(from, at);
  return integer(from, at);
}

/** Reads integers one after the other. */
export class Integers {
  constructor(private readonly from: Uint8Array, private at: number) {}

  next(): number {
    const v = integer(this.from, this.at);
    this.at = after(this.from, this.at);
    return v;
  }
}
