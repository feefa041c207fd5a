// Moving the one cursor: by event, by state change, by connection, by time; and playing.

import { batch, effect } from '@preact/signals';
import type { Point } from '../trace/model';
import { lastAt } from '../trace/model';
import { isProblem } from '../kinds';
import type { Rec } from '../trace/records';
import {
  conn, currentRow, cursor, follow, ladder, playing, selected, speed, trace, visible,
} from './app';

function put(rec: Point): void {
  cursor.value = { t: rec.t, n: rec.n };
}

/** A hand on the cursor ends following: the page must not move away under it. */
export function moveTo(rec: Point): void {
  batch(() => {
    follow.value = false;
    put(rec);
  });
}

export function moveToRecord(n: number): void {
  const rec = trace.value?.byN(n);
  if (!rec) return;
  batch(() => {
    if ('conn' in rec && rec.conn !== undefined && trace.value?.conn(rec.conn)) selected.value = rec.conn;
    moveTo(rec);
  });
}

/** Any panel with a time axis: the cursor stands on the last event of the connection by then. */
export function moveToTime(t: number): void {
  const list = conn.value?.events ?? [];
  const at = list[lastAt(list, { t, n: Number.MAX_SAFE_INTEGER })];
  moveTo({ t, n: at ? at.n : Number.MAX_SAFE_INTEGER });
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
    if (stop(row.rec)) {
      moveTo(row.rec);
      return true;
    }
  }
  return false;
}

/** Next or previous problem: of this connection, else of the next one in the list that had any. */
export function stepProblem(by: 1 | -1): boolean {
  if (step(by, isProblem)) return true;
  const list = visible.value;
  const here = list.findIndex((c) => c.id === selected.value);
  for (let i = here + by; i >= 0 && i < list.length; i += by) {
    const c = list[i]!;
    if (c.problems === 0) continue;
    const found = by > 0 ? c.events.find(isProblem) : c.events.findLast(isProblem);
    if (found) moveToRecord(found.n);
    return true;
  }
  return false;
}

/** Puts the cursor at a time of the whole trace. */
export function goTo(t: number): void {
  const c = conn.value;
  const last = c?.events[c.events.length - 1];
  // Outside of this connection: the one that was alive then, if there is one.
  if (!c || !last || t < c.events[0]!.t || t > last.t) {
    const there = visible.value.find((o) => o.rec.t <= t && o.until >= t);
    if (there) selected.value = there.id;
  }
  moveToTime(t);
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
    if (follow.value) put(end);
    else if (!inside) put(c.events[0]!);
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

/** While following, the cursor is at the newest event of the selected connection. */
export function toNewest(): void {
  const events = conn.value?.events;
  const end = events?.[events.length - 1];
  if (end) put(end);
}
