// Moving the one cursor: by event, by state change, by connection, by time; and playing.

import { batch, effect } from '@preact/signals';
import type { Point } from '../trace/model';
import { lastAt } from '../trace/model';
import { isProblem } from '../kinds';
import type { Rec } from '../trace/records';
import type { Conn } from '../trace/model';
import {
  conn, currentRow, cursor, follow, followNewest, ladder, playing, selected, speed, touched, trace, view, visible,
} from './app';

function put(rec: Point): void {
  cursor.value = { t: rec.t, n: rec.n };
}

/** A hand on the cursor ends following: the page must not move away under it. */
export function moveTo(rec: Point): void {
  batch(() => {
    follow.value = false;
    touched.value = true;
    put(rec);
  });
}

export function moveToRecord(n: number): void {
  const rec = trace.value?.byN(n);
  if (!rec) return;
  batch(() => {
    const of = trace.value?.connOf(rec);
    if (of) selected.value = of.id;
    moveTo(rec);
  });
}

/** Any panel with a time axis: the cursor stands on the last event of the connection by then. */
export function moveToTime(t: number): void {
  const list = conn.value?.events ?? [];
  const at = list[lastAt(list, { t, n: Number.MAX_SAFE_INTEGER })];
  moveTo({ t, n: at ? at.n : Number.MAX_SAFE_INTEGER });
}

/** May a step go over the record? A question may have to be answered first. */
let gate: (rec: Rec) => boolean = () => true;
export function setGate(rule: typeof gate): void {
  gate = rule;
}

export type Stop = (rec: Rec) => boolean;
const any: Stop = () => true;
export const isState: Stop = (rec) => rec.record === 'state';

/** Next (+1) or previous (-1) event that the rule stops at. False at the end of the road. */
export function step(by: 1 | -1, stop: Stop = any): boolean {
  const rows = ladder.value?.events ?? [];
  const here = currentRow.value?.index ?? -1;
  for (let i = here + by; i >= 0 && i < rows.length; i += by) {
    const row = rows[i]!;
    if (by > 0 && !gate(row.rec)) return true;
    if (stop(row.rec)) {
      moveTo(row.rec);
      return true;
    }
  }
  return false;
}

/** Next or previous problem: of this connection, else of the next one in the list that had any, and round again. */
export function stepProblem(by: 1 | -1): boolean {
  if (step(by, isProblem)) return true;
  const list = visible.value;
  const here = list.findIndex((c) => c.id === selected.value);
  for (let k = 1; k <= list.length; k++) {
    const c = list[(((here + by * k) % list.length) + list.length) % list.length]!;
    if (c.problems === 0) continue;
    const found = by > 0 ? c.events.find(isProblem) : c.events.findLast(isProblem);
    if (!found) continue;
    moveToRecord(found.n);
    return true;
  }
  return false;
}

/** How far a time lies outside of the life of a connection; what its outcome says comes after it. */
const apart = (c: Conn, t: number) => Math.max(c.rec.t - t, t - c.until, 0);

/** Goes to a problem. One that is of no connection, as a finding or a loss, is shown with one that it is about, or that lived then. */
function showMarked(p: Point): void {
  const rec = trace.value?.byN(p.n);
  if (rec?.record === 'finding' || rec?.record === 'gap') {
    const about = rec.record === 'finding' ? trace.value?.conn(rec.conns?.[0]) : nearest(p.t);
    if (about) selected.value = about.id;
  }
  moveToRecord(p.n);
}

/** The connection that lived at a time, or nearest to it: the selected one where it did. */
function nearest(t: number): Conn | undefined {
  let best = conn.value;
  if (best && apart(best, t) === 0) return best;
  for (const c of visible.value) if (!best || apart(c, t) < apart(best, t)) best = c;
  return best;
}

/** Puts the cursor at a time of the whole trace: on the problem that is no further away than `reach`, else with the
 * connection that lived then, or lived nearest. */
export function goTo(t: number, reach = 0): void {
  const marks = reach > 0 ? trace.value?.troubles ?? [] : [];
  let near: Point | undefined;
  for (const p of marks) if (Math.abs(p.t - t) <= reach && (!near || Math.abs(p.t - t) < Math.abs(near.t - t))) near = p;
  if (near) return showMarked(near);
  const best = nearest(t);
  if (best) selected.value = best.id;
  moveToTime(best ? Math.min(Math.max(t, best.rec.t), Math.max(best.until, best.rec.t)) : t);
}

/** Goes to what shows best what is wrong with a connection: one of the records, else its first problem. */
export function showConn(id: number, records: readonly number[] = []): void {
  const c = trace.value?.conn(id);
  if (!c) return;
  const shows = c.events.find((e) => records.includes(e.n)) ?? c.events.find(isProblem) ?? c.events[0];
  batch(() => {
    view.value = 'sequence';
    selected.value = id;
    if (shows) moveTo(shows);
  });
}

export function first(): void {
  const row = ladder.value?.events[0];
  if (row) moveTo(row.rec);
}

export function last(): void {
  const rows = ladder.value?.events ?? [];
  const row = rows[rows.length - 1];
  if (row) moveTo(row.rec);
}

/** Chooses a connection. The cursor stays where it is if that is inside of it. */
export function select(id: number): void {
  const c = trace.value?.conn(id);
  if (!c) return;
  batch(() => {
    if (selected.value === id) return;
    selected.value = id;
    const end = c.events[c.events.length - 1]!;
    const inside = cursor.value.t >= c.rec.t && cursor.value.t <= end.t && cursor.value.n > c.rec.n;
    if (follow.value) return;
    if (!inside) put(c.events[0]!);
    else {
      const at = c.events[lastAt(c.events, cursor.value)];
      if (at) put(at);
    }
  });
}

export function stepConn(by: 1 | -1): void {
  const list = visible.value;
  const here = list.findIndex((c) => c.id === selected.value);
  const next = list[here < 0 ? 0 : here + by];
  if (next) select(next.id);
}

export function play(on: boolean): void {
  if (on && follow.value) follow.value = false;
  const rows = ladder.value?.events ?? [];
  // Play at the end starts over, as every player does.
  if (on && rows.length > 0 && currentRow.value?.index === rows.length - 1) first();
  playing.value = on;
}

export function startPlayer(): void {
  effect(() => {
    if (!playing.value) return;
    const timer = setInterval(() => {
      if (!step(1)) playing.value = false;
    }, 1000 / speed.value);
    return () => clearInterval(timer);
  });
}

/** Shortest time on its way that a record of a live trace has had, as the time of the trace at a time of the page. */
let lead = -Infinity;
const now = () => performance.now() * 1e6;

export function heard(last: number): void {
  lead = Math.max(lead, last - now());
}

/** The time of a live trace now: of its last record at least. */
export const edge = (): number => Math.max(trace.value?.last ?? 0, Number.isFinite(lead) ? Math.round(lead + now()) : 0);

export function forgetEdge(): void {
  lead = -Infinity;
}

/** While following, the cursor is at the edge: states are those of now, and countdowns run. */
export function toNewest(): void {
  const t = trace.value;
  if (!t) return;
  if (followNewest.value) {
    const last = t.conns[t.conns.length - 1];
    if (last) selected.value = last.id;
  }
  cursor.value = { t: edge(), n: Number.MAX_SAFE_INTEGER };
}
