// The state lanes beside the ladder's rails: spans of one state, from the row of one change to the
// row of the next. Positions are pixels of the ladder.

import type { CallRec, End, How, State } from './records';
import { LAST, lastAt, type Conn, type Witness } from './model';
import type { Ladder } from './rows';

export interface Span {
  state: State;
  how: How | undefined;
  /** The kernel object that holds the state, where the kernel said so. */
  object: string | undefined;
  top: number;
  bottom: number;
  /** Record that began it; undefined for what was before the first. */
  n: number | undefined;
}

export function spansOf(ladder: Ladder, conn: Conn, end: End, witness: Witness): Span[] {
  const path = conn.paths[end][witness];
  const spans: Span[] = [];
  let top = 0;
  let state: State = path[0]?.from ?? 'UNKNOWN';
  let how: How | undefined = path[0]?.how ?? 'assumed';
  let object: string | undefined;
  let n: number | undefined;
  for (const change of path) {
    const row = ladder.rowOf.get(change.n);
    if (!row) continue;
    const y = row.y + row.h / 2;
    if (y > top) spans.push({ state, how, object, top, bottom: y, n });
    top = y;
    state = change.to;
    how = change.how;
    object = change.kernel?.object;
    n = change.n;
  }
  spans.push({ state, how, object, top, bottom: ladder.height, n });
  return spans;
}

export interface Mark { y: number; from: string; to: string; n: number }

/** Where the kernel moved an end into another object while its state stayed. */
export function marksOf(ladder: Ladder, end: End): Mark[] {
  const marks: Mark[] = [];
  for (const row of ladder.events) {
    if (row.rec.record !== 'object' || row.rec.end !== end) continue;
    marks.push({ y: row.y + row.h / 2, from: row.rec.from, to: row.rec.to, n: row.rec.n });
  }
  return marks;
}

/** A call from its entry to its return; `open`: it did not return. */
export interface Bar { rec: CallRec; top: number; bottom: number; open: boolean }

/** The calls of an end during which something else happened. */
export function barsOf(ladder: Ladder, end: End): Bar[] {
  const bars = new Map<string, Bar>();
  const open = new Map<number | undefined, Bar>();
  const points = ladder.events.map((row) => row.rec);
  for (const row of ladder.events) {
    const { rec } = row;
    if (row.end !== end || (rec.record !== 'call' && (rec.record !== 'process' || rec.event !== 'exit'))) continue;
    const entry = rec.t - ('duration_ns' in rec && rec.duration_ns || 0);
    // Who makes another call, or ends, has returned from the last, seen or not.
    const last = open.get(rec.tid);
    if (last && entry > last.rec.t) last.bottom = row.y;
    open.delete(rec.tid);
    if (rec.record !== 'call') continue;
    const before = ladder.events[lastAt(points, { t: entry, n: LAST.n })];
    const goesOn = rec.blocked === true;
    if (!goesOn && row.index - (before?.index ?? -1) < 2) continue;
    // That it goes on is told before its return is: both are of one call.
    const bar = { rec, top: before ? before.y + before.h : 0, bottom: goesOn ? ladder.height : row.y + row.h / 2, open: goesOn };
    bars.set(`${rec.tid} ${entry}`, bar);
    if (goesOn) open.set(rec.tid, bar);
  }
  return [...bars.values()];
}
