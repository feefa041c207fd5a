// What the page knows of a kind of record. Each kind has a file beside this one, and a row in index.ts; one that has none is
// shown by its name and its fields (generic.tsx).

import type { ComponentChildren } from 'preact';
import { fill, type Dictionary, type Told, type Who } from '../i18n';
import type { Problem } from '../trace/problems';
import type { End, ListenerRec, Rec } from '../trace/records';
import type { Governs } from '../trace/transitions';
import { SAYS, type Kind } from '../trace/words';

export interface Fact { label: string; value: string }
export interface Explanation {
  /** Beside the name of its kind; empty: that says it. */
  title: string;
  what: string;
  why: string;
  /** Further sentences: what a note, an errno or a reason means. */
  more: string[];
  facts: Fact[];
  governs: Governs;
}

/** The trace around a record, as far as a kind asks for it. */
export interface Around {
  byN(n: number | undefined): Rec | undefined;
  listener(id: number | undefined): { rec: ListenerRec } | undefined;
  /** Of the record's connection; undefined: it has none. */
  events: readonly Rec[] | undefined;
  /** The listener that its connection came through is known. */
  listened?: boolean;
  /** Settings of the host traced, as they were at the start. */
  sysctl?: Record<string, unknown> | undefined;
}

/** Where a row is drawn. */
export interface RowScene {
  d: Dictionary;
  around: Around;
  selected: boolean;
  /** Whose it is, of what does not say so itself. */
  end?: End | undefined;
  /** Of a segment: its arrow is drawn apart, to where it arrives. */
  flies?: boolean;
  /** Goes to another record. */
  go(n: number): void;
  /** A few characters that name a record. */
  short(rec: Rec): string;
}

export interface KindOf<R> {
  /** Of its row in the ladder, pixels. */
  height: number;
  /** A few characters that name it as the cause of another; without: its kind. */
  short?(rec: R): string;
  /** Whether it is what a user looks for first. */
  problem?(rec: R): Problem | undefined;
  /** What "Why?" says: words from the dictionary, facts from the record. Writes into e. */
  explain(d: Dictionary, around: Around, rec: R, e: Explanation): void;
  /** What its row in the ladder shows between the rails. */
  row(scene: RowScene, rec: R): ComponentChildren;
}

export const nameOf = (d: Dictionary, kind: string): string => d.kinds[kind as Kind] ?? SAYS[kind as Kind] ?? kind;

export function tell(e: Explanation, [what, why]: Told, w?: Who): void {
  e.what = w ? fill(what, w) : what;
  e.why = w ? fill(why, w) : why;
}

export function fact(e: Explanation, label: string, value: string | undefined): void {
  if (value !== undefined && value !== '') e.facts.push({ label, value });
}
