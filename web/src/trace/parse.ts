// NDJSON to records, line by line. Knows no files and no sockets: bytes come from source.ts,
// live lines from live.ts, and both end here.

import { check, type HeaderRec, type Rec } from './records';

export const FORMAT = 'tcplens-trace';
export const VERSION = 1;
/** Records kept; beyond it the page would run out of memory before it could say so. */
export const MAX_RECORDS = 2_000_000;

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

export class Parser {
  malformed: Malformed | undefined;
  tooLarge = false;
  header: HeaderRec | undefined;
  /** True once the last line (`end`) was seen; without it the trace was cut. */
  ended = false;
  #rest = '';
  #line = 0;
  #records = 0;

  constructor(private readonly sink: (rec: Rec) => void) {}

  /** Takes decoded text cut anywhere. Throws Refused where the first line is not our header. */
  feed(text: string): void {
    let from = 0;
    // Only the new text is searched: a long line may come in many pieces.
    for (let nl = text.indexOf('\n'); nl >= 0; nl = text.indexOf('\n', from)) {
      const line = text.slice(from, nl);
      this.line(from === 0 ? this.#rest + line : line);
      if (from === 0) this.#rest = '';
      from = nl + 1;
    }
    this.#rest += text.slice(from);
    // The first line decides early: a binary file may hold no newline at all.
    if (!this.header && this.#rest.length > 1 << 20) this.line(this.#rest);
  }

  /** End of input. A last line without newline that does not parse is a cut, not a bad line. */
  finish(): void {
    const rest = this.#rest;
    this.#rest = '';
    if (rest.trim() !== '') {
      if (this.header && !parses(rest)) return;
      this.line(rest);
    }
    if (!this.header) throw new Refused({ kind: 'empty' });
  }

  line(raw: string): void {
    this.#line++;
    const text = this.#line === 1 && raw.charCodeAt(0) === 0xfeff ? raw.slice(1) : raw;
    if (text.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      if (!this.header) throw new Refused({ kind: 'not-trace', head: text.slice(0, 80) });
      this.#bad('not JSON', text);
      return;
    }
    if (!this.header) {
      this.header = readHeader(value, text);
      this.sink(this.header);
      this.#records++;
      return;
    }
    const got = check(value);
    if ('bad' in got) this.#bad(got.bad, text);
    else if ('rec' in got && got.rec.record !== 'header') this.#accept(got.rec);
  }

  #accept(rec: Rec): void {
    if (rec.record === 'end') this.ended = true;
    if (this.#records >= MAX_RECORDS) {
      this.tooLarge = true;
      return;
    }
    this.#records++;
    this.sink(rec);
  }

  #bad(why: string, text: string): void {
    if (this.malformed) this.malformed.count++;
    else this.malformed = { count: 1, line: this.#line, why, text: text.slice(0, 80) };
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
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
