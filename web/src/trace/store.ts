// Slices of columns, and records made of them where they are looked at.

import { HOLE, type Slice } from './parse';
import { check, type Rec } from './records';

/** Records kept ready once they were looked at. */
const READY = 1 << 16;

export interface Template {
  parts: string[];
  /** The first record of it: right in all but its integers. */
  like: Rec;
  /** As `like`, with the number of its hole in place of each integer. */
  where: Record<string, unknown>;
  /** Which integer, as packed, is the connection and the listener. */
  conn: number;
  listener: number;
}

interface Kept extends Slice { base: number; before: Int32Array }

export class Store {
  length = 0;
  readonly templates: Template[] = [];
  #slices: Kept[] = [];
  #ready = new Map<number, Rec>();
  #pinned = new Map<number, Rec>();
  #near: Kept | undefined;

  /** Adds a slice; the caller fills in `before`, the record before it of the same connection. */
  add(slice: Slice): Kept {
    const kept: Kept = { ...slice, base: this.length, before: new Int32Array(slice.count).fill(-1) };
    this.#slices.push(kept);
    this.length += slice.count;
    for (const text of slice.templates) this.templates.push(this.#template(text));
    return kept;
  }

  #template(text: string): Template {
    let hole = 0;
    const where = JSON.parse(text.replaceAll(HOLE, () => String(hole++))) as Record<string, unknown>;
    const got = check(structuredClone(where));
    // The parser has checked it: integers are all that differs.
    const like = (got as { rec: Rec }).rec;
    const packed = (v: unknown) => (typeof v !== 'number' ? -1
      : v - (Number(v > (where.n as number)) + Number(v > (where.t as number))));
    return {
      parts: text.split(HOLE), like, where,
      conn: 'conn' in like ? packed(where.conn) : -1, listener: 'listener' in like ? packed(where.listener) : -1,
    };
  }

  slice(i: number): Kept {
    const near = this.#near;
    if (near && i >= near.base && i < near.base + near.count) return near;
    let lo = 0;
    let hi = this.#slices.length;
    while (hi - lo > 1) {
      const mid = (lo + hi) >> 1;
      if (this.#slices[mid]!.base <= i) lo = mid;
      else hi = mid;
    }
    return (this.#near = this.#slices[lo]!);
  }

  template(i: number): Template {
    const s = this.slice(i);
    return this.templates[s.kind[i - s.base]!]!;
  }

  time(i: number): number {
    const s = this.slice(i);
    return s.t[i - s.base]!;
  }

  number(i: number): number {
    const s = this.slice(i);
    return s.n[i - s.base]!;
  }

  before(i: number): number {
    const s = this.slice(i);
    return s.before[i - s.base]!;
  }

  get(i: number): Rec {
    const there = this.#pinned.get(i) ?? this.#ready.get(i);
    if (there) return there;
    const s = this.slice(i);
    const at = i - s.base;
    const { parts, where } = this.templates[s.kind[at]!]!;
    let text = parts[0]!;
    const ints = { at: s.at[at]! };
    for (let k = 1; k < parts.length; k++) {
      text += k - 1 === where.n ? s.n[at]! : k - 1 === where.t ? s.t[at]! : integer(s.ints, ints);
      text += parts[k]!;
    }
    const { rec } = check(JSON.parse(text)) as { rec: Rec };
    if (this.#ready.size >= READY) this.#ready.clear();
    this.#ready.set(i, rec);
    return rec;
  }

  /** A record that was changed after it was made. */
  pin(i: number, rec: Rec): void {
    this.#pinned.set(i, rec);
  }

  /** Index of the record with the number; -1 where there is none. */
  find(n: number): number {
    let lo = 0;
    let hi = this.length - 1;
    while (lo <= hi) {
      const mid = (lo + hi) >> 1;
      const there = this.number(mid);
      if (there === n) return mid;
      if (there < n) lo = mid + 1;
      else hi = mid - 1;
    }
    return -1;
  }

  /** All records as an array has them, though they are made one by one. */
  readonly records: readonly Rec[] = new Proxy<Rec[]>([], {
    get: (none, key) => {
      if (key === 'length') return this.length;
      const i = typeof key === 'string' ? Number(key) : NaN;
      return Number.isInteger(i) ? (i >= 0 && i < this.length ? this.get(i) : undefined) : Reflect.get(none, key);
    },
  });
}

function integer(b: Uint8Array, p: { at: number }): number {
  let v = 0;
  let scale = 1;
  let c = b[p.at++]!;
  for (; c >= 0x80; c = b[p.at++]!) {
    v += (c & 0x7f) * scale;
    scale *= 0x80;
  }
  v += c * scale;
  return v % 2 === 1 ? -(v + 1) / 2 : v / 2;
}

/** The integer that is number `which` of those packed at the place. */
export function integerAt(b: Uint8Array, at: number, which: number): number {
  const p = { at };
  for (let k = 0; k < which; k++) while (b[p.at++]! >= 0x80);
  return integer(b, p);
}
