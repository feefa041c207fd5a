// NDJSON to columns. Lines of one kind differ in their integers and in a few free strings alone: such
// a line is stored as the number of its template and what is in its holes, and is made a record again
// where it is looked at (store.ts). Knows no files and no sockets: bytes of both end here, in a worker
// or on the page.

import { pack, putInteger, SLICE, wide, type Slice, type Wide } from './columns';
import { Pool } from './pool';
import { check, type HeaderRec, type Rec } from './records';

const FORMAT = 'tcplens-trace';
const VERSION = 1;
/** Records kept; beyond it the page would run out of memory before it could say so. */
const MAX_RECORDS = 20_000_000;
const MAX_LINE = 1 << 20;
/** Lines that fit no template beyond these are kept as text. */
const MAX_TEMPLATES = 1 << 15;
/** Bytes of the strings of a trace, each counted once. */
const MAX_STRINGS = 1 << 28;
/** Stand for an integer, and for a string of FREE: no JSON has these bytes in it. */
export const INTEGER = '\0';
export const STRING = '\x01';
/** Template of a line that is kept as text. */
export const TEXT = 0;
/** Fields whose strings are too many to make templates of, as the end of `"field":`. */
const FREE = ['addr', 'comm', 'text', 'history'].map((name) => [...new TextEncoder().encode(`"${name}":`)].reverse());

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

const decoder = new TextDecoder();
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const COLON = 0x3a;
const ZERO = 0x30;
const digit = (c: number) => c >= ZERO && c <= 0x39;
/** FNV-1a. */
const SEED = 0x811c9dc5;
const PRIME = 0x01000193;
const NOTHING = new Uint8Array(0);

/** A number outside strings. */
const NUMBER_LEFT = /^(?:[^"\d]|"(?:[^"\\]|\\.)*")*\d/;

/** Which holes of a template are record number and time. */
interface Place { n: number; t: number; end: boolean }

export class Parser {
  malformed: Malformed | undefined;
  tooLarge = false;
  header: HeaderRec | undefined;
  /** True once the last line (`end`) was seen; without it the trace was cut. */
  ended = false;
  /** Where further traces begin in the same file, in bytes: only the first is read. */
  more: number[] = [];
  #at = 0;
  #rest: Uint8Array[] = [];
  #restLength = 0;
  #skipping = false;
  #line = 0;
  #records = 0;
  /** Numbers of the newest record and of the one before it. */
  #newest = -1;
  #before = -1;
  #templates = new Pool();
  #places: Place[] = [];
  #strings = new Pool();
  /** Of each template, that of the line which came after the newest like it. */
  #followers = new Uint16Array(MAX_TEMPLATES);
  #last = TEXT;
  #fresh = { templates: [STRING], strings: [] as string[] };
  // The line at hand: its template, and what is in the holes of it.
  #text = new Uint8Array(1 << 12);
  #holes = new Float64Array(1 << 10);
  #wide: Wide = wide(SLICE, SLICE * 16);

  /** `most`: records taken, all in all. */
  constructor(private readonly sink: (slice: Slice) => void, private readonly most = MAX_RECORDS) {
    // No line is like the template of all that fit none.
    this.#templates.add(0, NOTHING, 0, 0);
    this.#places.push({ n: 0, t: 1, end: false });
  }

  /** Takes bytes cut anywhere. Throws Refused where the first line is not our header. */
  feed(more: Uint8Array | string): void {
    const b = typeof more === 'string' ? new TextEncoder().encode(more) : more;
    const base = this.#at - this.#restLength;
    let from = 0;
    for (let nl = b.indexOf(10); nl >= 0; nl = b.indexOf(10, from)) {
      this.#begin = from === 0 ? base : this.#at + from;
      if (this.#restLength > 0 || this.#skipping) this.#join(b.subarray(from, nl));
      else this.#take(b, from, nl);
      from = nl + 1;
    }
    if (from < b.length && !this.#skipping) {
      // A copy: the chunk is not kept alive for the sake of its last line.
      this.#rest.push(b.slice(from));
      this.#restLength += b.length - from;
    }
    this.#at += b.length;
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
    if (rest.length > 0 && (!this.header || parses(decoder.decode(rest)))) this.#take(rest, 0, rest.length);
    if (!this.header) throw new Refused({ kind: 'empty' });
    this.flush();
  }

  /** From now on the records are in these columns, where another adds those that are like lines it knows. */
  share(columns: Wide): void {
    this.#wide = columns;
  }

  /** Of the line that came last: the number of its template, if that has so many holes and none for strings; else 0. */
  likeWith(holes: number): number {
    const { bytes } = this.#templates;
    const end = this.#templates.end(this.#last);
    let there = 0;
    for (let k = this.#templates.start(this.#last); k < end; k++) {
      if (bytes[k] === 1) return 0;
      if (bytes[k] === 0) there++;
    }
    const { n, t } = this.#places[this.#last]!;
    return this.#last !== TEXT && there === holes && n === 0 && t === 1 ? this.#last : 0;
  }

  /** Hands over what has come since the last time. */
  flush(): void {
    if (this.#wide.count === 0) return;
    this.#records += this.#wide.count;
    if (this.#records > this.most) {
      this.tooLarge = true;
      this.#wide.count = this.#wide.used = 0;
      return;
    }
    const { templates, strings } = this.#fresh;
    this.#fresh = { templates: [], strings: [] };
    const slice = pack(this.#wide, templates, strings);
    this.#wide.count = this.#wide.used = 0;
    this.sink(slice);
  }

  /** Most lines are like one that came after a line like the one before. */
  #take(b: Uint8Array, from: number, to: number): void {
    this.#line++;
    const guess = this.#followers[this.#last]!;
    const count = guess === TEXT || this.more.length > 0 || to - from > this.#holes.length ? -1 : this.#fill(guess, b, from, to);
    if (count >= 0) this.#store(guess, count);
    else this.#scan(b, from, to);
  }

  /** Fills the holes of a line that is like that template, and tells how many; -1: it is not. */
  #fill(id: number, b: Uint8Array, from: number, to: number): number {
    const { bytes } = this.#templates;
    const end = this.#templates.end(id);
    let count = 0;
    let i = from;
    for (let k = this.#templates.start(id); k < end; k++) {
      const c = bytes[k]!;
      // No template has the end of a line in it.
      if (c >= 2) {
        if (b[i++] !== c) return -1;
        continue;
      }
      i = c === 0 ? this.#integer(b, i, to, count++) : this.#string(b, i, to, count++);
      if (i < 0) return -1;
    }
    return i === to ? count : -1;
  }

  #scan(b: Uint8Array, from: number, to: number): void {
    if ((to - from) * 2 > this.#text.length) {
      this.#text = new Uint8Array((to - from) * 2);
      this.#holes = new Float64Array(to - from);
    }
    const text = this.#text;
    let length = 0;
    let count = 0;
    let hash = SEED;
    let quoted = false;
    for (let i = from; i < to; i++) {
      let c = b[i]!;
      if (quoted) {
        // Most of a line is names and words: a loop of their own.
        while (c !== QUOTE && c !== BACKSLASH && c >= 2) {
          text[length++] = c;
          hash = Math.imul(hash ^ c, PRIME);
          if (++i === to) break;
          c = b[i]!;
        }
        if (i === to) break;
        if (c === QUOTE) quoted = false;
        else if (c === BACKSLASH && i + 1 < to) {
          text[length++] = c;
          hash = Math.imul(hash ^ c, PRIME);
          c = Math.max(2, b[++i]!);
        } else if (c < 2) c = 2;
      } else if (c === QUOTE) {
        quoted = true;
        const end = text[length - 1] === COLON && isFree(text, length) ? this.#string(b, i + 1, to, count) : -1;
        if (end >= 0) {
          text[length++] = c;
          hash = Math.imul(hash ^ c, PRIME);
          count++;
          c = 1;
          i = end - 1;
        }
      } else if (c === MINUS || digit(c)) {
        const end = this.#integer(b, i, to, count);
        if (end >= 0) {
          count++;
          c = 0;
          i = end - 1;
        } else {
          for (; i + 1 < to && digit(b[i + 1]!); i++) {
            text[length++] = b[i]!;
            hash = Math.imul(hash ^ b[i]!, PRIME);
          }
          c = b[i]!;
        }
      } else if (c < 2) c = 2;
      text[length++] = c;
      hash = Math.imul(hash ^ c, PRIME);
    }
    if (this.more.length > 0) return this.#pass(b, from, to);
    const known = this.header ? this.#templates.find(hash, text, 0, length) : -1;
    if (known >= 0) this.#store(known, count);
    else this.#learn(b.subarray(from, to), hash, length, count);
  }

  /** A line of a further trace: only where the next one begins is of interest. */
  #pass(b: Uint8Array, from: number, to: number): void {
    const line = decoder.decode(b.subarray(from, Math.min(to, from + 40)));
    if (/^\s*\{"record":"header"/.test(line)) this.more.push(this.#begin);
  }

  /** Where the line at hand begins. */
  #begin = 0;
  /** Reads an integer into a hole, and tells where it ends. -1: a fraction, an exponent, a leading zero or what no double holds,
   * which stay as they are written. */
  #integer(b: Uint8Array, from: number, to: number, hole: number): number {
    const minus = b[from] === MINUS;
    const first = minus ? from + 1 : from;
    let end = first;
    let v = 0;
    for (; end < to && digit(b[end]!); end++) v = v * 10 + b[end]! - ZERO;
    const next = end < to ? b[end] : 0;
    if (end === first || end - first > 16 || v > (minus ? 1e15 : Number.MAX_SAFE_INTEGER) || (b[first] === ZERO && end - first > 1) ||
        (minus && v === 0) || next === 0x2e || next === 0x65 || next === 0x45) return -1;
    this.#holes[hole] = minus ? -v : v;
    return end;
  }

  /** Puts the number of a string into a hole, and tells where the string ends. -1: it is none that JSON knows, or there are too many. */
  #string(b: Uint8Array, from: number, to: number, hole: number): number {
    let hash = SEED;
    let end = from;
    for (; end < to && b[end] !== QUOTE; end++) {
      if (b[end] === BACKSLASH) hash = Math.imul(hash ^ b[end++]!, PRIME);
      hash = Math.imul(hash ^ b[end]!, PRIME);
    }
    if (end >= to) return -1;
    const known = this.#strings.find(hash, b, from, end - from);
    if (known >= 0) {
      this.#holes[hole] = known;
      return end;
    }
    const text = decoder.decode(b.subarray(from, end));
    if (this.#strings.used > MAX_STRINGS || !parses(`"${text}"`)) return -1;
    this.#holes[hole] = this.#strings.add(hash, b, from, end - from);
    this.#fresh.strings.push(text);
    return end;
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
    if (!this.header) value = this.header = readHeader(value, text);
    else {
      const got = check(value);
      if ('bad' in got) this.#bad(got.bad, line);
      if ('rec' in got && got.rec.record === 'header') this.more.push(this.#begin);
      if (!('rec' in got) || got.rec.record === 'header') return;
    }
    const rec = value as Rec;
    const template = decoder.decode(this.#text.subarray(0, length));
    const { where } = holesOf(template);
    // A number that is in no hole, 1e3 or 0.5, would be taken for the number of one.
    const whole = !NUMBER_LEFT.test(template);
    if (!whole || this.#templates.size >= MAX_TEMPLATES) this.#keep(rec, text);
    else {
      this.#places.push({ n: where.n as number, t: where.t as number, end: rec.record === 'end' });
      this.#fresh.templates.push(template);
      this.#store(this.#templates.add(hash, this.#text, 0, length), count);
    }
  }

  /** A line as text: the one string of its template, beside number and time. */
  #keep(rec: Rec, text: string): void {
    const line = new TextEncoder().encode(text);
    if (this.#strings.used + line.length > MAX_STRINGS) {
      this.tooLarge = true;
      return;
    }
    this.#fresh.strings.push(text);
    this.#holes[2] = this.#strings.add(0, line, 0, line.length);
    this.#holes[0] = rec.n;
    this.#holes[1] = rec.t;
    if (rec.record === 'end') this.ended = true;
    this.#store(TEXT, 3);
  }

  #store(id: number, count: number): void {
    const place = this.#places[id]!;
    const holes = this.#holes;
    const n = holes[place.n]!;
    this.#followers[this.#last] = id;
    this.#last = id;
    if (place.end) this.ended = true;
    const w = this.#wide;
    if (n <= this.#newest) {
      // A stream that was interrupted may send again what is already here.
      if (n <= this.#before || n === this.#newest) return;
      // Else the line before was further ahead than what follows it: its number is damaged, and nothing else may be lost for that.
      if (w.count > 0) w.used = w.at[--w.count]!;
      this.#bad('a number beyond those that follow', NOTHING, this.#line - 1);
    } else this.#before = this.#newest;
    if (this.#records + w.count >= this.most) {
      this.tooLarge = true;
      return;
    }
    this.#newest = n;
    if (w.count === SLICE || (w.count > 0 && w.used + count * 8 > w.ints.length)) this.flush();
    if (count * 8 > w.ints.length) w.ints = new Uint8Array(count * 8);
    const i = w.count++;
    w.kind[i] = id;
    w.n[i] = n;
    w.t[i] = holes[place.t]!;
    w.at[i] = w.used;
    for (let k = 0; k < count; k++) {
      if (k !== place.n && k !== place.t) w.used = putInteger(w.ints, w.used, holes[k]!);
    }
    if (w.count === SLICE) this.flush();
  }

  #bad(why: string, line: Uint8Array, at = this.#line): void {
    if (this.malformed) this.malformed.count++;
    else this.malformed = { count: 1, line: at, why, text: decoder.decode(line.subarray(0, 240)).slice(0, 80) };
  }
}

/** A template read as JSON, with the number of its hole in place of each value that it leaves out; and how many there are. */
export function holesOf(template: string): { where: Record<string, unknown>; holes: number } {
  let holes = 0;
  const where = JSON.parse(template.replace(/\0|"\x01"/g, () => String(holes++))) as Record<string, unknown>;
  return { where, holes };
}

/** Does the text, read backwards, end with the name of a field of FREE? */
function isFree(text: Uint8Array, length: number): boolean {
  next: for (const name of FREE) {
    for (let i = 0; i < name.length; i++) if (text[length - 1 - i] !== name[i]) continue next;
    return true;
  }
  return false;
}

function parses(json: string): boolean {
  try {
    JSON.parse(json);
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
