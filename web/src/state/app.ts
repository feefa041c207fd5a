// The one state of the page. Panels read signals and call the functions here and in cursor.ts;
// they never talk to each other.

import { batch, computed, signal } from '@preact/signals';
import { LAST, Trace, type Conn, type Point } from '../trace/model';
import { compile, matches, parseFilter } from '../trace/filter';
import { timescale } from '../trace/timescale';
import { buildLadder, rowAt, type EventRow, type Ladder } from '../trace/rows';
import type { Malformed, Refusal } from '../trace/parse';
import type { LiveState } from '../trace/live';
import { dictionaries, LANGS, type Dictionary, type Lang } from '../i18n';

export type Theme = 'auto' | 'light' | 'dark';
export type Tab = 'list' | 'ladder' | 'machine' | 'queues';

/** What a trace turned out to be while it was read. failed: why the rest of it was not. */
interface Readable { name: string; malformed: Malformed | undefined; tooLarge: boolean; failed?: Refusal }
/** How far a file has been read; the user may not wait for the rest. */
export type Reading = { is: 'reading'; read: number; size: number } | { is: 'complete' | 'cut' | 'stopped' | 'failed' };
/** Where the trace on the page is from, and how that stands: one thing at a time. */
export type Source =
  | { kind: 'nothing' }
  | { kind: 'refused'; name: string; why: Refusal }
  | (Readable & { kind: 'file' | 'sample'; state: Reading })
  | (Readable & { kind: 'live'; state: LiveState; lost: number; cut: boolean });

export const lang = signal<Lang>(LANGS[0]!);
export const d = computed<Dictionary>(() => dictionaries[lang.value]);
export const theme = signal<Theme>('auto');
export const tab = signal<Tab>('ladder');
export const singleKeys = signal(true);
export const helpOpen = signal(false);

/** The trace grows in place; `revision` tells that it did. */
export const trace = signal<Trace | undefined>(undefined);
export const revision = signal(0);

export const source = signal<Source>({ kind: 'nothing' });
const of = <T>(pick: (s: Source) => T) => computed(() => pick(source.value));
/** What the trace that is shown is from. Both stay the same while it grows. */
export const loadedKind = computed(() => {
  const { kind } = source.value;
  return trace.value && kind !== 'nothing' && kind !== 'refused' ? kind : undefined;
});
export const loadedName = computed(() => (loadedKind.value && 'name' in source.value ? source.value.name : undefined));
export const loading = of((s) => ((s.kind === 'file' || s.kind === 'sample') && s.state.is === 'reading'
  ? { name: s.name, read: s.state.read, size: s.state.size } : undefined));
export const refused = of((s) => (s.kind === 'refused' ? s : undefined));
export const malformed = of((s) => ('malformed' in s ? s.malformed : undefined));
export const failed = of((s) => ('failed' in s ? s.failed : undefined));
export const tooLarge = of((s) => 'tooLarge' in s && s.tooLarge);
export const truncated = of((s) => (s.kind === 'live' ? s.cut : (s.kind === 'file' || s.kind === 'sample') && s.state.is === 'cut'));
export const stopped = of((s) => (s.kind === 'file' || s.kind === 'sample') && s.state.is === 'stopped');
export const live = of((s) => (s.kind === 'live' ? s.state : undefined));
export const liveLost = of((s) => (s.kind === 'live' ? s.lost : 0));
/** The address named a place in another trace. */
export const otherTrace = signal(false);
export const follow = signal(false);

export const selected = signal<number | undefined>(undefined);
export const cursor = signal<Point>({ t: 0, n: 0 });
export const hovered = signal<number | undefined>(undefined);
export const filterText = signal('');
export const playing = signal(false);
/** Events a second while playing. */
export const speed = signal(1);

/** Drawn when the last file's panels made way for another: forget what belonged to it. */
export function reset(): void {
  batch(() => {
    trace.value = undefined;
    source.value = { kind: 'nothing' };
    otherTrace.value = false;
    selected.value = hovered.value = undefined;
    cursor.value = { t: 0, n: 0 };
    playing.value = false;
    zoom.value = inSight.value = undefined;
    filterText.value = '';
    revision.value++;
  });
}

const filter = computed(() => compile(parseFilter(filterText.value)));

export const SORTS = ['start', 'duration', 'bytes', 'problems'] as const;
export type Sort = (typeof SORTS)[number];
export const sort = signal<Sort>('start');
const durationOf = (c: Conn) => c.until - c.rec.t;
const bytesOf = (c: Conn) => (c.outcome?.bytes?.client ?? 0) + (c.outcome?.bytes?.server ?? 0);
/** What there is most of comes first; connections are in order of their start already. */
const ORDERS: Record<Sort, ((a: Conn, b: Conn) => number) | undefined> = {
  start: undefined, duration: (a, b) => durationOf(b) - durationOf(a), bytes: (a, b) => bytesOf(b) - bytesOf(a),
  problems: (a, b) => b.problems - a.problems,
};

/** Connections that pass the filter, in the order asked for. */
export const visible = computed<readonly Conn[]>(() => {
  void revision.value;
  const all = trace.value?.conns ?? [];
  const order = ORDERS[sort.value];
  const f = filter.value;
  if (f.tests.length === 0) return order ? [...all].sort(order) : all;
  // Only who asks for states depends on where the cursor is.
  const at = f.atCursor ? cursor.value : LAST;
  const some = all.filter((c) => matches(c, f, at));
  return order ? some.sort(order) : some;
});

/** Where the selected connection stands among them; -1 where the filter hides it. */
export const chosen = computed(() => visible.value.findIndex((c) => c.id === selected.value));

export const conn = computed<Conn | undefined>(() => {
  void revision.value;
  return trace.value?.conn(selected.value);
});

/** Changes when the selected connection grew, not with every record that comes. */
export const grown = computed(() => {
  void revision.value;
  return `${conn.value?.newest} ${trace.value?.gaps.length}`;
});

/** The time axis of the whole trace, for all panels that have one. */
export const timeAxis = computed(() => {
  void revision.value;
  const t = trace.value;
  return timescale(t?.records, Math.max(t?.last ?? 1, 1));
});

/** Pixels a second of the ladder to scale; undefined: rows evenly, idle time folded. */
export const zoom = signal<number | undefined>(undefined);
/** First and last time that the ladder shows. */
export const inSight = signal<readonly [number, number] | undefined>(undefined);

/** Rows of the selected connection; rebuilt when it grew. */
export const ladder = computed<Ladder | undefined>(() => {
  void grown.value;
  const t = trace.value;
  const c = conn.value;
  return t && c ? buildLadder(t, c, zoom.value) : undefined;
});

export const currentRow = computed<EventRow | undefined>(() => {
  const l = ladder.value;
  if (!l) return undefined;
  return l.rowOf.get(cursor.value.n) ?? rowAt(l, cursor.value);
});

/** The record that "Why?" explains: the one the cursor names, else the last before it. */
export const currentRec = computed(() => {
  const row = currentRow.value;
  // What belongs to no connection has no row: a listener, a call on it.
  const named = ladder.value?.rowOf.has(cursor.value.n) ? undefined : trace.value?.byN(cursor.value.n);
  if (named && !('conn' in named && named.conn !== undefined) && named.t === cursor.value.t) return named;
  if (!row) return undefined;
  return row.attached.find((a) => a.n === cursor.value.n) ?? row.rec;
});
