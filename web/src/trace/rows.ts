// The rows of the ladder: one for each event of a connection, with folded idle time between, and
// with the wire's state changes attached to the packet they follow from wherever the kernel's
// own lane leads (otherwise every change would stand there twice).

import { isProblem, kindOf } from '../kinds';
import { doingsOf, type Doing } from './doings';
import { before, type End, type GapRec, type Rec, type StateRec } from './records';
import { lastAt, primary, witnessOf, type Conn, type Point, type Trace } from './model';

/** `end`: whose it is, where it is of one. `landed`: of a segment, the row of its arrival. `folded`: a run stands in its place. */
export interface EventRow { kind: 'event'; rec: Rec; end: End | undefined; attached: StateRec[]; y: number; h: number; index: number; landed?: EventRow; folded?: true }
export interface IdleRow { kind: 'idle'; ns: number; t: number; n: number; y: number; h: number }
/** Rows of data, ACKs and calls that went well, in the place of one: events from..to of the ladder. */
export interface RunRow { kind: 'run'; from: number; to: number; n: number; y: number; h: number; client: number; server: number }
export type Row = EventRow | IdleRow | RunRow;

export interface Ladder {
  rows: Row[];
  events: EventRow[];
  height: number;
  /** Where a record stands: its own row, or the row it is attached to. */
  rowOf: Map<number, EventRow>;
}

/** Silence that is folded: longer than any round trip a learner would call part of an exchange. */
const IDLE_NS = 200_000_000;
const IDLE_HEIGHT = 30;

/** Are runs of data folded? `open`: those that are not, by the number of their first record. */
export interface Fold { on: boolean; open: ReadonlySet<number> }
const NO_FOLD: Fold = { on: false, open: new Set() };
/** A run of fewer is not worth a row of its own. */
const RUN = 6;
const RUN_HEIGHT = 34;

/** The row where the arrow of a segment ends, where both are drawn: of a wire whose both ends were seen. */
export const landing = (row: EventRow): EventRow | undefined => (row.folded || row.landed?.folded ? undefined : row.landed);

/** What a run may hold: what moves data along, and nothing that went wrong or moved a state. */
function ordinary(row: EventRow): boolean {
  const { rec } = row;
  if (row.attached.length > 0 || isProblem(rec)) return false;
  if (rec.record === 'segment') return !rec.flags.some((f) => f === 'SYN' || f === 'FIN' || f === 'RST');
  if (rec.record === 'arrival') return true;
  if (rec.record === 'call') return /^(send|recv|read|write|epoll|poll|select)/.test(rec.name);
  return rec.record === 'timer' && rec.name === 'retransmit';
}

/** Browsers lose precision in documents that are higher. */
const HIGHEST = 4_000_000;

/**
 * Evenly, with idle time folded; or to scale, `zoom` pixels a second: rows are then as far apart as
 * in time, wherever that is more than a row is high.
 */
export function buildLadder(trace: Trace, conn: Conn, zoom?: number, fold: Fold = NO_FOLD): Ladder {
  const events: EventRow[] = [];
  const rowOf = new Map<number, EventRow>();
  const loose: StateRec[] = [];
  for (const { rec, end } of allOf(trace, conn)) {
    if (rec.record === 'state' && witnessOf(rec) !== primary(conn, rec.end)) {
      loose.push(rec);
      continue;
    }
    const row: EventRow = { kind: 'event', rec, end, attached: [], y: 0, h: kindOf(rec).height, index: events.length };
    events.push(row);
    rowOf.set(rec.n, row);
    const sent = rec.record === 'arrival' && rec.because !== undefined && rowOf.get(rec.because);
    if (sent) sent.landed = row;
  }
  const points = loose.length > 0 ? events.map((e) => e.rec) : [];
  for (const rec of loose) {
    const cause = rec.because === undefined ? undefined : rowOf.get(rec.because);
    const row = cause ?? events[Math.max(0, lastAt(points, rec))];
    if (!row) continue;
    row.attached.push(rec);
    rowOf.set(rec.n, row);
  }
  const rows: Row[] = [];
  let y = 8;
  let last: EventRow | undefined;
  // Last event of a run that was opened: what follows its first is no run of its own.
  let opened = -1;
  const from = events[0]?.rec.t ?? 0;
  const span = (events[events.length - 1]?.rec.t ?? 0) - from;
  const perNs = zoom === undefined ? 0 : Math.min(zoom / 1e9, HIGHEST / Math.max(span, 1));
  for (let i = 0; i < events.length; i++) {
    const row = events[i]!;
    // An outcome is said when the trace ends, not when something happened on the line.
    const dt = last ? row.rec.t - last.rec.t : 0;
    if (perNs > 0 && last) y = Math.max(y, last.y + dt * perNs);
    else if (last && row.rec.record !== 'outcome' && dt >= IDLE_NS) {
      rows.push({ kind: 'idle', ns: dt, t: last.rec.t, n: last.rec.n, y, h: IDLE_HEIGHT });
      y += IDLE_HEIGHT;
    }
    const to = fold.on && i > opened ? runFrom(events, i, perNs) : i;
    if (to > i && fold.open.has(row.rec.n)) opened = to;
    else if (to > i) {
      const begun = row.rec.t;
      const h = Math.max(RUN_HEIGHT, (events[to]!.rec.t - begun) * perNs);
      const run: RunRow = { kind: 'run', from: i, to, n: row.rec.n, y, h, client: 0, server: 0 };
      for (; i <= to; i++) {
        const { rec } = events[i]!;
        if (rec.record === 'segment') run[rec.from] += rec.len;
        Object.assign(events[i]!, { y: y + Math.min((rec.t - begun) * perNs, h - RUN_HEIGHT), h: RUN_HEIGHT, folded: true });
      }
      i--;
      rows.push(run);
      y += h;
      last = events[to]!;
      continue;
    }
    row.y = y;
    y += row.h;
    rows.push(row);
    last = row;
  }
  return { rows, events, height: y + 12, rowOf };
}

/** Index of the last event of the run that begins there; the same where none does. To scale, a run ends where there is
 * room for rows of their own, and silence ends every one. */
function runFrom(events: readonly EventRow[], from: number, perNs: number): number {
  let to = from;
  const room = (a: EventRow, b: EventRow) => (perNs > 0 ? (b.rec.t - a.rec.t) * perNs > b.h : b.rec.t - a.rec.t >= IDLE_NS);
  while (to < events.length && ordinary(events[to]!) && (to === from || !room(events[to - 1]!, events[to]!))) to++;
  return to - from >= RUN ? to - 1 : from;
}

/** What belongs between a connection's own records: what its processes did, and losses of the trace. */
function allOf(trace: Trace, conn: Conn): readonly Doing[] {
  const own = conn.events.map((rec) => ({ rec, end: conn.endOf(rec) }));
  const others = [...doingsOf(conn), ...gapsOf(conn.events, trace.gaps)];
  return others.length > 0 ? [...own, ...others].sort((a, b) => (before(a.rec, b.rec) ? -1 : 1)) : own;
}

/** Those that may have swallowed events of the connection. */
function gapsOf(events: readonly Rec[], gaps: readonly GapRec[]): Doing[] {
  const first = events[0];
  const last = events[events.length - 1];
  return first && last
    ? gaps.filter((g) => (g.to ?? g.t) >= first.t && (g.from ?? g.t) <= last.t).map((rec) => ({ rec, end: undefined })) : [];
}

/** The last event at or before the point. */
export function rowAt(ladder: Ladder, p: Point): EventRow | undefined {
  let lo = 0;
  let hi = ladder.events.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (before(p, ladder.events[mid]!.rec)) hi = mid;
    else lo = mid + 1;
  }
  return ladder.events[lo - 1];
}

/** The last event whose row begins above y. */
export function rowAbove(ladder: Ladder, y: number): EventRow | undefined {
  let lo = 0;
  let hi = ladder.events.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (ladder.events[mid]!.y < y) lo = mid + 1;
    else hi = mid;
  }
  return ladder.events[lo - 1];
}

/** First row whose lower edge lies below y, for drawing only what is in sight. */
export function firstRowBelow(rows: readonly Row[], y: number): number {
  let lo = 0;
  let hi = rows.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (rows[mid]!.y + rows[mid]!.h < y) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}
