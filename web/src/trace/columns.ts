// Some records, one after the other, in columns: what a worker hands to the page. Each column is as
// narrow as what is in it allows.

/** Records of a slice: what the page takes in without losing a frame. */
export const SLICE = 1 << 11;

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

function narrow(from: Float64Array | Uint32Array, count: number, base: number): Narrow {
  let most = 0;
  for (let i = 0; i < count; i++) most = Math.max(most, from[i]! - base);
  const to = most < 0x1_0000 ? new Uint16Array(count) : most < 0x1_0000_0000 ? new Uint32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i++) to[i] = from[i]! - base;
  return to;
}

/** A copy of what is there, as narrow as it can be. */
export function pack(w: Wide, templates: string[], strings: string[]): Slice {
  const { count } = w;
  let t0 = w.t[0] ?? 0;
  const n0 = w.n[0] ?? 0;
  let counts = true;
  for (let i = 0; i < count; i++) {
    if (w.t[i]! < t0) t0 = w.t[i]!;
    if (w.n[i] !== n0 + i) counts = false;
  }
  return {
    count, kind: w.kind.slice(0, count), t0, t: narrow(w.t, count, t0), n0, n: counts ? undefined : narrow(w.n, count, n0),
    at: narrow(w.at, count, 0), ints: w.ints.slice(0, w.used), templates, strings,
  };
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
export const buffersOf = (s: Slice): ArrayBuffer[] =>
  [s.kind, s.t, s.at, s.ints, ...(s.n ? [s.n] : [])].map((column) => column.buffer);

/** Appends an integer; the room for it, 8 bytes, is there. Returns where the next one goes. */
export function putInteger(to: Uint8Array, at: number, value: number): number {
  let v = value < 0 ? -value * 2 - 1 : value * 2;
  for (; v >= 0x8000_0000; v = Math.floor(v / 0x80)) to[at++] = (v % 0x80) | 0x80;
  for (; v >= 0x80; v >>>= 7) to[at++] = (v & 0x7f) | 0x80;
  to[at++] = v;
  return at;
}

/** Reads integers one after the other. */
export class Integers {
  constructor(private readonly from: Uint8Array, private at: number) {}

  next(): number {
    let v = 0;
    let scale = 1;
    let c = this.from[this.at++]!;
    for (; c >= 0x80; c = this.from[this.at++]!) {
      v += (c & 0x7f) * scale;
      scale *= 0x80;
    }
    v += c * scale;
    return v % 2 === 1 ? -(v + 1) / 2 : v / 2;
  }

  skip(count: number): this {
    for (let k = 0; k < count; k++) while (this.from[this.at++]! >= 0x80);
    return this;
  }
}
