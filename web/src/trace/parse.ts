// NDJSON to columns. Lines of one kind differ in their numbers alone: such a line is stored as the
// number of its template and its integers, and is made a record again where it is looked at
// (store.ts). Knows no files and no sockets: bytes of both end here, in a worker or on the page.

import { check, type HeaderRec, type Rec } from './records';

export const FORMAT = 'tcplens-trace';
export const VERSION = 1;
/** Records kept; beyond it the page would run out of memory before it could say so. */
export const MAX_RECORDS = 20_000_000;
/** Records of a slice: what the page takes in without losing a frame. */
const SLICE = 1 << 13;
const MAX_LINE = 1 << 20;
const MAX_TEMPLATES = 1 << 20;
/** Stands for an integer in a template: no JSON has this byte in it. */
export const HOLE = '\0';

/** Why a trace cannot be shown at all. */
export type Refusal =
  | { kind: 'empty' }
  | { kind: 'not-trace'; head: string }
  | { kind: 'version'; found: number }
  | { kind: 'capture'; name: string }
  | { kind: 'unreadable'; message: string };

export class Refused extends Error {
  constructor(readonly why: Refusal) {
    super(why.kind);
  }
}

export interface Malformed { count: number; line: number; why: string; text: string }

/** Some records, one after the other, in columns. */
export interface Slice {
  count: number;
  /** Template, time in ns, record number of each. */
  kind: Uint32Array;
  t: Float64Array;
  n: Float64Array;
  /** Where the integers of each begin in `ints`: zigzag, 7 bits a byte, in the order of the line. */
  at: Uint32Array;
  ints: Uint8Array;
  /** Templates that are new with this slice. */
  templates: string[];
}

const decoder = new TextDecoder();
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const digit = (c: number | undefined) => c !== undefined && c >= 0x30 && c <= 0x39;

export class Parser {
  malformed: Malformed | undefined;
  tooLarge = false;
  header: HeaderRec | undefined;
  /** True once the last line (`end`) was seen; without it the trace was cut. */
  ended = false;
  #rest: Uint8Array[] = [];
  #restLength = 0;
  #skipping = false;
  #line = 0;
  #records = 0;
  // Templates: their bytes in a row, and a hash table of their numbers.
  #bytes = new Uint8Array(1 << 16);
  #ends: number[] = [];
  #places: { n: number; t: number; end: boolean }[] = [];
  #table = new Int32Array(1 << 12).fill(-1);
  #hashes: number[] = [];
  // The line at hand.
  #text = new Uint8Array(1 << 12);
  #ints = new Float64Array(1 << 10);
  // The slice that grows.
  #kind = new Uint32Array(SLICE);
  #t = new Float64Array(SLICE);
  #n = new Float64Array(SLICE);
  #at = new Uint32Array(SLICE);
  #packed = new Uint8Array(SLICE * 16);
  #count = 0;
  #used = 0;
  #fresh: string[] = [];

  constructor(private readonly sink: (slice: Slice) => void) {}

  /** Takes bytes cut anywhere. Throws Refused where the first line is not our header. */
  feed(more: Uint8Array | string): void {
    const b = typeof more === 'string' ? new TextEncoder().encode(more) : more;
    let from = 0;
    for (let nl = b.indexOf(10); nl >= 0; nl = b.indexOf(10, from)) {
      if (this.#restLength > 0 || this.#skipping) this.#join(b.subarray(from, nl));
      else this.#take(b, from, nl);
      from = nl + 1;
    }
    if (from < b.length && !this.#skipping) {
      // A copy: the chunk is not kept alive for the sake of its last line.
      this.#rest.push(b.slice(from));
      this.#restLength += b.length - from;
    }
    if (this.#restLength <= MAX_LINE) return;
    // The first line decides early: a binary file may hold no newline at all.
    if (!this.header) return this.finish();
    this.#line++;
    this.#bad('longer than 1 MiB', this.#rest[0]!);
    this.#rest = [];
    this.#restLength = 0;
    this.#skipping = true;
  }

  /** The end of a line that came in pieces. */
  #join(last: Uint8Array): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    const whole = this.#whole(last);
    this.#take(whole, 0, whole.length);
  }

  #whole(last: Uint8Array): Uint8Array {
    const whole = new Uint8Array(this.#restLength + last.length);
    let at = 0;
    for (const piece of [...this.#rest, last]) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#rest = [];
    this.#restLength = 0;
    return whole;
  }

  /** End of input. A last line without newline that does not parse is a cut, not a bad line. */
  finish(): void {
    const rest = this.#whole(new Uint8Array(0));
    if (rest.length > 0 && (!this.header || parses(rest))) this.#take(rest, 0, rest.length);
    if (!this.header) throw new Refused({ kind: 'empty' });
    this.flush();
  }

  /** Hands over what has come since the last time. */
  flush(): void {
    if (this.#count === 0) return;
    this.sink({
      count: this.#count, kind: this.#kind.slice(0, this.#count), t: this.#t.slice(0, this.#count),
      n: this.#n.slice(0, this.#count), at: this.#at.slice(0, this.#count), ints: this.#packed.slice(0, this.#used),
      templates: this.#fresh,
    });
    this.#count = this.#used = 0;
    this.#fresh = [];
  }

  #take(b: Uint8Array, from: number, to: number): void {
    this.#line++;
    if (to - from > this.#text.length) {
      this.#text = new Uint8Array((to - from) * 2);
      this.#ints = new Float64Array(to - from);
    }
    const text = this.#text;
    const ints = this.#ints;
    let length = 0;
    let count = 0;
    let hash = 0x811c9dc5;
    let quoted = false;
    for (let i = from; i < to;) {
      let c = b[i]!;
      if (quoted) {
        if (c === BACKSLASH) {
          text[length++] = c;
          hash = Math.imul(hash ^ c, 0x01000193);
          if (++i === to) break;
          c = b[i]!;
        } else if (c === QUOTE) quoted = false;
      } else if (c === QUOTE) quoted = true;
      else if (c === MINUS || (c >= 0x30 && c <= 0x39)) {
        const minus = c === MINUS;
        const first = minus ? i + 1 : i;
        let j = first;
        let v = 0;
        for (; j < to && digit(b[j]); j++) v = v * 10 + b[j]! - 0x30;
        const next = j < to ? b[j] : 0;
        // Fractions, exponents, leading zeros and what no double holds stay as they are written.
        if (j > first && j - first <= 15 && !(b[first] === 0x30 && j - first > 1) &&
            next !== 0x2e && next !== 0x65 && next !== 0x45) {
          ints[count++] = minus ? -v : v;
          c = 0;
          i = j - 1;
        } else {
          for (; i < j - 1; i++) {
            text[length++] = b[i]!;
            hash = Math.imul(hash ^ b[i]!, 0x01000193);
          }
          c = b[i]!;
        }
      } else if (c === 0) c = 1;
      text[length++] = c;
      hash = Math.imul(hash ^ c, 0x01000193);
      i++;
    }
    const known = this.header ? this.#find(hash, length) : -1;
    if (known >= 0) this.#store(known, count);
    else this.#learn(b.subarray(from, to), hash, length, count);
  }

  #find(hash: number, length: number): number {
    const table = this.#table;
    const bytes = this.#bytes;
    const text = this.#text;
    next: for (let slot = hash & (table.length - 1); table[slot]! >= 0; slot = (slot + 1) & (table.length - 1)) {
      const id = table[slot]!;
      const from = id === 0 ? 0 : this.#ends[id - 1]!;
      if (this.#hashes[id] !== hash || this.#ends[id]! - from !== length) continue;
      for (let i = 0; i < length; i++) if (bytes[from + i] !== text[i]) continue next;
      return id;
    }
    return -1;
  }

  /** A line unlike those before it: blank, the header, bad, unknown, or the first of its template. */
  #learn(line: Uint8Array, hash: number, length: number, count: number): void {
    const text = decoder.decode(line);
    if (text.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      if (!this.header) throw new Refused({ kind: 'not-trace', head: text.slice(0, 80) });
      this.#bad('not JSON', line);
      return;
    }
    if (!this.header) this.header = readHeader(value, text);
    else {
      const got = check(value);
      if ('bad' in got) this.#bad(got.bad, line);
      if (!('rec' in got) || got.rec.record === 'header') return;
    }
    const template = decoder.decode(this.#text.subarray(0, length));
    // Numbers of the holes instead of the integers: so each field tells which hole it is.
    let hole = 0;
    const where = JSON.parse(template.replaceAll(HOLE, () => String(hole++))) as Rec;
    if (this.#ends.length >= MAX_TEMPLATES) {
      this.tooLarge = true;
      return;
    }
    const id = this.#ends.length;
    const start = id === 0 ? 0 : this.#ends[id - 1]!;
    if (start + length > this.#bytes.length) {
      const wider = new Uint8Array((start + length) * 2);
      wider.set(this.#bytes);
      this.#bytes = wider;
    }
    this.#bytes.set(this.#text.subarray(0, length), start);
    this.#ends.push(start + length);
    this.#hashes.push(hash);
    this.#places.push({ n: where.n, t: where.t, end: where.record === 'end' });
    if (id * 2 >= this.#table.length) {
      this.#table = new Int32Array(this.#table.length * 4).fill(-1);
      for (let i = 0; i < id; i++) this.#enter(i);
    }
    this.#enter(id);
    this.#fresh.push(template);
    this.#store(id, count);
  }

  #enter(id: number): void {
    let slot = this.#hashes[id]! & (this.#table.length - 1);
    while (this.#table[slot]! >= 0) slot = (slot + 1) & (this.#table.length - 1);
    this.#table[slot] = id;
  }

  #store(id: number, count: number): void {
    const place = this.#places[id]!;
    if (place.end) this.ended = true;
    if (this.#records >= MAX_RECORDS) {
      this.tooLarge = true;
      return;
    }
    this.#records++;
    if (this.#used + count * 8 > this.#packed.length) {
      const wider = new Uint8Array((this.#used + count * 8) * 2);
      wider.set(this.#packed);
      this.#packed = wider;
    }
    const i = this.#count++;
    const ints = this.#ints;
    const packed = this.#packed;
    let used = this.#used;
    this.#kind[i] = id;
    this.#n[i] = ints[place.n]!;
    this.#t[i] = ints[place.t]!;
    this.#at[i] = used;
    for (let k = 0; k < count; k++) {
      if (k === place.n || k === place.t) continue;
      let v = ints[k]!;
      v = v < 0 ? -v * 2 - 1 : v * 2;
      for (; v >= 0x80; v = Math.floor(v / 0x80)) packed[used++] = (v % 0x80) | 0x80;
      packed[used++] = v;
    }
    this.#used = used;
    if (this.#count === SLICE) this.flush();
  }

  #bad(why: string, line: Uint8Array): void {
    if (this.malformed) this.malformed.count++;
    else this.malformed = { count: 1, line: this.#line, why, text: decoder.decode(line.subarray(0, 240)).slice(0, 80) };
  }
}

function parses(line: Uint8Array): boolean {
  try {
    JSON.parse(decoder.decode(line));
    return true;
  } catch {
    return false;
  }
}

function readHeader(value: unknown, text: string): HeaderRec {
  const o = value as Record<string, unknown> | null;
  if (typeof o !== 'object' || o === null || o.record !== 'header' || o.format !== FORMAT) {
    throw new Refused({ kind: 'not-trace', head: text.slice(0, 80) });
  }
  // The version is looked at before anything else: another version may have another shape.
  if (o.version !== VERSION) {
    throw new Refused({ kind: 'version', found: typeof o.version === 'number' ? o.version : NaN });
  }
  const got = check(value);
  if (!('rec' in got)) throw new Refused({ kind: 'not-trace', head: text.slice(0, 80) });
  return got.rec as HeaderRec;
}
