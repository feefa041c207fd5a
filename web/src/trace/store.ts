// All records of a trace in slices of columns. A record is made where it is looked at, and forgotten
// again: only what others hold on to stays.

import { integerAfter, Integers, join, numberOf, SLICE, timeOf, type Slice } from './columns';
import { holesOf, INTEGER, STRING, TEXT } from './parse';
import { check, type Rec } from './records';
import { valueAt } from './standing';

/** Of a live trace a few records come at a time: slices up to that are one. */
const FEW = SLICE >> 2;
/** Records kept ready once they were looked at. */
const READY = 1 << 12;

export interface Template {
  /** A record of it: right in all but its holes. Undefined for lines that are kept as text. */
  like: Rec | undefined;
  /** As `like`, with the number of its hole in place of each value. */
  where: Record<string, unknown>;
  /** How many holes; those of record number and time, which are columns of their own. */
  holes: number;
  n: number;
  t: number;
  shape: Shape;
}

/** What is in an object of a record: values of its own, those that are in holes, and objects that have some. */
interface Shape { like: object; filled: { key: string; hole: number; string: boolean }[]; inside: { key: string; shape: Shape }[] }

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
    if (last && last.count + slice.count <= FEW) {
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

  /** The integer in a hole of a record's template, or the number of its string: without the record being made. */
  filled(i: number, hole: number): number {
    const s = this.#slice(i);
    const k = i - s.base;
    const { n, t } = this.templates[s.kind[k]!]!;
    if (hole === n) return numberOf(s, k);
    if (hole === t) return timeOf(s, k);
    return integerAfter(s.ints, s.at[k]!, hole - Number(hole > n) - Number(hole > t));
  }

  /** Its fields: of a line that is kept as text themselves, else the numbers of their holes. */
  #fields(i: number): Record<string, unknown> {
    const kind = this.kind(i);
    return (kind === TEXT ? this.get(i) : this.templates[kind]!.where) as unknown as Record<string, unknown>;
  }

  #integer(i: number, v: unknown): number | undefined {
    if (typeof v !== 'number') return undefined;
    return this.kind(i) === TEXT ? v : this.filled(i, v);
  }

  integer(i: number, field: string, inside?: string): number | undefined {
    const of = this.#fields(i);
    return this.#integer(i, (inside === undefined ? of : of[inside] as Record<string, unknown> | undefined)?.[field]);
  }

  /** The hole of a template that an integer is in, by the names that lead to it; -1: there is none such. */
  holeAt(kind: number, path: readonly string[]): number {
    const hole = kind === TEXT ? undefined : valueAt(this.templates[kind]!.where, path);
    return typeof hole === 'number' ? hole : -1;
  }

  /** A free string: of the record, or of one of its objects. */
  string(i: number, field: string, inside?: string): string | undefined {
    const kind = this.kind(i);
    const { where } = this.templates[kind]!;
    const of = (kind === TEXT ? this.get(i) : where) as Record<string, unknown>;
    const hole = (inside === undefined ? of : of[inside] as Record<string, unknown> | undefined)?.[field];
    return typeof hole === 'number' ? this.#text(this.filled(i, hole)) : hole as string | undefined;
  }

  get(i: number): Rec {
    const there = this.#pinned.get(i) ?? this.#ready.get(i);
    if (there) return there;
    const rec = this.#make(i);
    if (this.#ready.size >= READY) this.#ready.clear();
    this.#ready.set(i, rec);
    return rec;
  }

  /** A free string by its number: kept as it is written. */
  #text(id: number): string {
    const text = this.strings[id]!;
    return text.includes('\\') ? JSON.parse(`"${text}"`) as string : text;
  }

  #make(i: number): Rec {
    const s = this.#slice(i);
    const k = i - s.base;
    const { n, t, holes, shape } = this.templates[s.kind[k]!]!;
    const integers = new Integers(s.ints, s.at[k]!);
    // The parser has checked it.
    if (s.kind[k] === TEXT) return (check(JSON.parse(this.strings[integers.next()]!)) as { rec: Rec }).rec;
    for (let h = 0; h < holes; h++) this.#holes[h] = h === n ? numberOf(s, k) : h === t ? timeOf(s, k) : integers.next();
    return this.#fill(shape) as Rec;
  }
  readonly #holes: number[] = [];

  #fill({ like, filled, inside }: Shape): object {
    const to = (Array.isArray(like) ? [...like as unknown[]] : { ...like }) as Record<string, unknown>;
    for (const { key, hole, string } of filled) to[key] = string ? this.#text(this.#holes[hole]!) : this.#holes[hole];
    for (const { key, shape } of inside) to[key] = this.#fill(shape);
    return to;
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
  if (id === TEXT) return { like: undefined, where: { n: 0, t: 1 }, holes: 3, n: 0, t: 1, shape: { like: {}, filled: [], inside: [] } };
  const raw = text.replaceAll(INTEGER, '0').replaceAll(STRING, '');
  const { rec } = check(JSON.parse(raw)) as { rec: Rec };
  const { where, holes } = holesOf(text);
  return { like: rec, where, holes, n: where.n as number, t: where.t as number, shape: shapeOf(rec, JSON.parse(raw) as object, where) };
}

/** A field that check() dropped is in none, and one that it changed is what it made of it. */
function shapeOf(like: object, raw: object, where: object): Shape {
  const shape: Shape = { like, filled: [], inside: [] };
  for (const [key, value] of Object.entries(like)) {
    const [was, hole] = [raw, where].map((o) => (o as Record<string, unknown>)[key]);
    if (typeof hole === 'object' && hole !== null && typeof value === 'object') shape.inside.push({ key, shape: shapeOf(value as object, was as object, hole) });
    else if (typeof hole === 'number' && value === was) shape.filled.push({ key, hole, string: typeof value === 'string' });
  }
  return shape;
}
