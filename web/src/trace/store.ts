// All records of a trace in slices of columns. A record is made where it is looked at, and forgotten
// again: only what others hold on to stays.

import { Integers, join, numberOf, SLICE, timeOf, type Slice } from './columns';
import { holesOf, INTEGER, STRING, TEXT } from './parse';
import { check, type Rec } from './records';

/** Records kept ready once they were looked at. */
const READY = 1 << 12;

export interface Template {
  /** The text around its holes, in turn with what they are. */
  parts: string[];
  /** A record of it: right in all but its holes. Undefined for lines that are kept as text. */
  like: Rec | undefined;
  /** As `like`, with the number of its hole in place of each value. */
  where: Record<string, unknown>;
}

/** A slice, where it begins, and how far back the record before each is of the same connection: 0 for none. */
interface Kept extends Slice { base: number; back: Uint32Array }

export class Store {
  /** Records ever added, and those of them that were dropped since. */
  #end = 0;
  first = 0;
  readonly templates: Template[] = [];
  readonly strings: string[] = [];
  #slices: Kept[] = [];
  #ready = new Map<number, Rec>();
  #pinned = new Map<number, Rec>();
  #near: Kept | undefined;

  /** Records that are there. */
  get length(): number { return this.#end - this.first; }
  /** Index after the last. */
  get end(): number { return this.#end; }

  add(slice: Slice): void {
    for (const text of slice.templates) this.templates.push(templateOf(text, this.templates.length));
    for (const text of slice.strings) this.strings.push(text);
    const last = this.#slices[this.#slices.length - 1];
    this.#near = undefined;
    if (last && last.count + slice.count <= SLICE) {
      const back = new Uint32Array(last.count + slice.count);
      back.set(last.back);
      this.#slices[this.#slices.length - 1] = { ...join(last, slice), base: last.base, back };
    } else {
      this.#slices.push({ ...slice, templates: [], strings: [], base: this.#end, back: new Uint32Array(slice.count) });
    }
    this.#end += slice.count;
  }

  /** Lets go of whole slices until no more than so many records are left. */
  drop(keep: number): void {
    let gone = 0;
    while (this.length > keep && gone < this.#slices.length - 1) this.first += this.#slices[gone++]!.count;
    if (gone === 0) return;
    this.#slices.splice(0, gone);
    this.#near = undefined;
    for (const i of this.#pinned.keys()) if (i < this.first) this.#pinned.delete(i);
    for (const i of this.#ready.keys()) if (i < this.first) this.#ready.delete(i);
  }

  #slice(i: number): Kept {
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

  kind(i: number): number {
    const s = this.#slice(i);
    return s.kind[i - s.base]!;
  }

  /** What the record is like; of a line that is kept as text, the record. */
  like(i: number): Rec {
    return this.templates[this.kind(i)]!.like ?? this.get(i);
  }

  time(i: number): number {
    const s = this.#slice(i);
    return timeOf(s, i - s.base);
  }

  number(i: number): number {
    const s = this.#slice(i);
    return numberOf(s, i - s.base);
  }

  /** Index of the record before it of the same connection; -1 where there is none, or no more. */
  before(i: number): number {
    const s = this.#slice(i);
    const back = s.back[i - s.base]!;
    return back === 0 || i - back < this.first ? -1 : i - back;
  }

  follows(i: number, before: number): void {
    const s = this.#slice(i);
    s.back[i - s.base] = i - before;
  }

  /** An integer or free string of a record, without the record being made. */
  #hole(i: number, hole: unknown, where: Record<string, unknown>): number {
    if (hole === where.n) return this.number(i);
    if (hole === where.t) return this.time(i);
    const s = this.#slice(i);
    const h = hole as number;
    return new Integers(s.ints, s.at[i - s.base]!).skip(h - Number(h > (where.n as number)) - Number(h > (where.t as number))).next();
  }

  integer(i: number, field: string, inside?: string): number | undefined {
    const kind = this.kind(i);
    const { where } = this.templates[kind]!;
    const of = (kind === TEXT ? this.get(i) : where) as unknown as Record<string, unknown>;
    const v = (inside === undefined ? of : of[inside] as Record<string, unknown> | undefined)?.[field];
    if (typeof v !== 'number') return undefined;
    return kind === TEXT ? v : this.#hole(i, v, where);
  }

  /** A free string: of the record, or of one of its objects. */
  string(i: number, field: string, inside?: string): string | undefined {
    const kind = this.kind(i);
    const { where } = this.templates[kind]!;
    const of = (kind === TEXT ? this.get(i) : where) as Record<string, unknown>;
    const hole = (inside === undefined ? of : of[inside] as Record<string, unknown> | undefined)?.[field];
    return typeof hole === 'number' ? this.strings[this.#hole(i, hole, where)] : hole as string | undefined;
  }

  get(i: number): Rec {
    const there = this.#pinned.get(i) ?? this.#ready.get(i);
    if (there) return there;
    const rec = this.#make(i);
    if (this.#ready.size >= READY) this.#ready.clear();
    this.#ready.set(i, rec);
    return rec;
  }

  #make(i: number): Rec {
    const s = this.#slice(i);
    const at = i - s.base;
    const kind = s.kind[at]!;
    const { parts, where } = this.templates[kind]!;
    const holes = new Integers(s.ints, s.at[at]!);
    let text = '';
    if (kind === TEXT) text = this.strings[holes.next()]!;
    for (let k = 0, hole = 0; kind !== TEXT && k < parts.length; k++) {
      const part = parts[k]!;
      if (part === STRING) text += this.strings[holes.next()]!;
      else if (part !== INTEGER) {
        text += part;
        continue;
      } else text += hole === where.n ? numberOf(s, at) : hole === where.t ? timeOf(s, at) : holes.next();
      hole++;
    }
    // The parser has checked it.
    return (check(JSON.parse(text)) as { rec: Rec }).rec;
  }

  /** A record that was changed after it was made. */
  pin(i: number, rec: Rec): void {
    this.#pinned.set(i, rec);
  }

  /** Index of the record with the number; -1 where there is none. */
  find(n: number): number {
    let lo = this.first;
    let hi = this.#end - 1;
    while (lo <= hi) {
      const mid = Math.floor((lo + hi) / 2);
      const there = this.number(mid);
      if (there === n) return mid;
      if (there < n) lo = mid + 1;
      else hi = mid - 1;
    }
    return -1;
  }

  *[Symbol.iterator](): Generator<Rec> {
    for (let i = this.first; i < this.#end; i++) yield this.get(i);
  }
}

function templateOf(text: string, id: number): Template {
  if (id === TEXT) return { parts: [], like: undefined, where: { n: 0, t: 1 } };
  const like = check(JSON.parse(text.replaceAll(INTEGER, '0').replaceAll(STRING, ''))) as { rec: Rec };
  return { parts: text.split(/([\0\x01])/), like: like.rec, where: holesOf(text) };
}
