// A second trace beside the first: the other end's view of the same connection, or another run. It is only looked at: the page's
// cursor, filter, marks and graphs belong to the first.

import { batch, computed, effect, signal } from '@preact/signals';
import { jobOf } from '../engine/state';
import { betweenClocks, commonSegment, mostLike } from '../trace/align';
import type { Alignment } from '../trace/orders';
import { Trace, type Conn } from '../trace/model';
import { Refused, type Refusal } from '../trace/parse';
import type { Point } from '../trace/records';
import { buildLadder, rowAt } from '../trace/rows';
import { read, type Job } from '../trace/worker';
import { conn, cursor, folding, trace, zoom } from './app';

export type Second = { name: string } & ({ is: 'reading' } | { is: 'shown'; trace: Trace } | { is: 'failed'; why: Refusal });
export const second = signal<Second | undefined>(undefined);
export const wish = signal<Alignment>('clock');
/** The connection that a hand has chosen; undefined: the one that is most like the first's. */
export const chosenBeside = signal<number | undefined>(undefined);
/** Runs of data that were opened in it. */
export const openedBeside = signal<ReadonlySet<number>>(new Set());

let control: AbortController | undefined;

export function closeBeside(): void {
  control?.abort();
  second.value = undefined;
}

export async function openBeside(file: File, job: Job = file): Promise<void> {
  control?.abort();
  const mine = (control = new AbortController());
  const { name } = file;
  batch(() => {
    second.value = { name, is: 'reading' };
    chosenBeside.value = undefined;
    openedBeside.value = new Set();
  });
  const t = new Trace();
  try {
    await read(job, { slice: (s) => t.take(s), progress() {} }, mine.signal);
  } catch (e) {
    if (mine !== control) return;
    const why: Refusal = e instanceof Refused ? e.why : { kind: 'unreadable', message: String(e) };
    const again = why.kind === 'capture' && job === file && jobOf(file);
    if (again) return openBeside(file, again);
    second.value = { name, is: 'failed', why };
    return;
  }
  if (mine === control && !mine.signal.aborted) second.value = { name, is: 'shown', trace: t };
}

export const secondTrace = computed(() => (second.value?.is === 'shown' ? second.value.trace : undefined));

export const connBeside = computed<Conn | undefined>(() => {
  const t = secondTrace.value;
  const mine = conn.value;
  return t?.conn(chosenBeside.value) ?? (t && mine ? mostLike(mine, t.conns, clocksApart.value ?? 0) : t?.conns[0]);
});

const clocksApart = computed(() => (trace.value && secondTrace.value ? betweenClocks(trace.value, secondTrace.value) : undefined));

/** What is to be added to a time of the first to have the second's, by each way to lay them. Undefined: there is none. */
export const offsets = computed<Record<Alignment, number | undefined>>(() => {
  const a = conn.value;
  const b = connBeside.value;
  return { clock: clocksApart.value, begin: a && b && b.rec.t - a.rec.t, segment: a && b && commonSegment(a, b) };
});

/** What they are laid by: as wished where that can be, and where by their clocks they would not meet at all, by their beginnings. */
export const alignment = computed<Alignment>(() => {
  const a = conn.value;
  const b = connBeside.value;
  const apart = offsets.value[wish.value];
  if (apart === undefined || !a || !b) return 'begin';
  return wish.value === 'clock' && (b.until < a.rec.t + apart || b.rec.t > a.until + apart) ? 'begin' : wish.value;
});
export const offset = computed(() => offsets.value[alignment.value] ?? 0);

export const ladderBeside = computed(() => {
  const t = secondTrace.value;
  const c = connBeside.value;
  return t && c ? buildLadder(t, c, zoom.value, { on: folding.value || zoom.value !== undefined, open: openedBeside.value }) : undefined;
});

/** The page's cursor on the second's clock. */
export const pointBeside = computed<Point>(() => ({ t: cursor.value.t + offset.value, n: Number.MAX_SAFE_INTEGER }));
export const rowBeside = computed(() => {
  const l = ladderBeside.value;
  return l && pointBeside.value.t >= (l.events[0]?.rec.t ?? 0) ? rowAt(l, pointBeside.value) : undefined;
});

/** With the first trace goes the second. */
effect(() => { if (!trace.value) closeBeside(); });
