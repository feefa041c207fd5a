// The one state of the page. Panels read signals and call the functions here and in cursor.ts;
// they never talk to each other.

import { batch, computed, signal } from '@preact/signals';
import { LAST, stateNow, Trace, type Conn, type Point } from '../trace/model';
import { compile, matches, parseFilter } from '../trace/filter';
import { SORTS, TIMES, type Sort, type Times } from '../trace/orders';
import { factsOf } from '../trace/problems';
import { timescale } from '../trace/timescale';
import { buildLadder, rowAt, type EventRow, type Ladder } from '../trace/rows';
import { clock, span, timeOfDay } from '../text';
import type { Malformed, Refusal } from '../trace/parse';
import type { LiveState } from '../trace/live';
import { dictionaries, known, LANGS, type Dictionary, type Lang } from '../i18n';

export { SORTS, TIMES, type Sort, type Times };

export type Theme = 'auto' | 'light' | 'dark';
export type Tab = 'list' | 'ladder' | 'machine' | 'queues';
/** What is wrong and all connections, or one connection. */
export type View = 'answers' | 'sequence';

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
export const view = signal<View>('sequence');
/** A hand has moved something: the page does not choose any more what it shows. */
export const touched = signal(false);
export const times = signal<Times>('start');
/** The panel that has the page to itself. */
export const maximised = signal<Exclude<Tab, 'list'> | 'why' | 'graph' | undefined>(undefined);
/** Nothing is shown of what comes after the cursor. */
export const hiding = signal(false);
export const queuesOpen = signal(typeof innerHeight === 'undefined' || innerHeight >= 830);
export const legendOpen = signal(false);

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
/** The address named a place in another trace: that one's name, as far as it is known. */
export const otherTrace = signal<string | undefined>(undefined);
export const follow = signal(false);
/** Following goes on to each connection that begins. */
export const followNewest = signal(false);

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
    otherTrace.value = undefined;
    selected.value = hovered.value = undefined;
    cursor.value = { t: 0, n: 0 };
    playing.value = false;
    zoom.value = inSight.value = undefined;
    touched.value = false;
    view.value = 'sequence';
    filterText.value = '';
    revision.value++;
  });
}

/** What this language calls a verdict, a cause or a problem. */
export const nameOf = (id: string): string => known(d.value.verdict, id) ?? known(d.value.causes, id) ?? known(d.value.answers.problems, id) ?? id;
export const filter = computed(() => compile(parseFilter(filterText.value), nameOf));

export const sort = signal<Sort>('start');
/** The other way round than an order is of use at first: the earliest, else the most. */
export const reversed = signal(false);
const name = (a: { addr: string; port: number }) => `${a.addr} ${String(a.port).padStart(5, '0')}`;
const text = (of: (c: Conn) => string) => (a: Conn, b: Conn) => of(a).localeCompare(of(b));
const figure = (of: (c: Conn) => number | undefined) => (a: Conn, b: Conn) => (of(b) ?? -1) - (of(a) ?? -1);
/** Connections are in order of their start already. */
const ORDERS: Record<Sort, ((a: Conn, b: Conn) => number) | undefined> = {
  start: undefined, duration: figure((c) => c.until - c.rec.t), bytes: figure((c) => c.bytes), rtt: figure((c) => c.rtt),
  retrans: figure((c) => c.again), client: text((c) => name(c.rec.client)), server: text((c) => name(c.rec.server)),
  state: text((c) => `${stateNow(c, 'client', LAST)} ${stateNow(c, 'server', LAST)}`), cause: text((c) => `${c.cause === undefined} ${c.cause ?? c.verdict ?? ''}`),
  problems: figure((c) => factsOf(c.troubles).length * 1e6 + c.problems),
};

/** Connections that pass the filter, in the order asked for. */
export const visible = computed<readonly Conn[]>(() => {
  void revision.value;
  const all = trace.value?.all ?? [];
  const order = ORDERS[sort.value];
  const f = filter.value;
  // Only who asks for states depends on where the cursor is.
  const at = f.atCursor ? cursor.value : LAST;
  const some = filterText.value.trim() === '' ? all : all.filter((c) => matches(c, f, at));
  if (!order && !reversed.value) return some;
  const sorted = order ? [...some].sort(order) : [...some];
  return reversed.value ? sorted.reverse() : sorted;
});

/** How many would pass at the end of the trace, where none does at the cursor. */
export const atTheEnd = computed(() => {
  const f = filter.value;
  if (!f.atCursor || visible.value.length > 0) return 0;
  return (trace.value?.all ?? []).filter((c) => matches(c, f, LAST)).length;
});

/** Where the selected connection stands among them; -1 where the filter hides it. */
export const chosen = computed(() => visible.value.findIndex((c) => c.id === selected.value));

export const conn = computed<Conn | undefined>(() => {
  void revision.value;
  return trace.value?.conn(selected.value);
});

/** UDP has none. */
export const withStates = computed(() => (conn.value?.udp ? undefined : conn.value));

/** Changes when the selected connection grew, not with every record that comes. */
export const grown = computed(() => {
  void revision.value;
  const c = conn.value;
  return `${c?.newest} ${trace.value?.gaps.length} ${c && trace.value?.doneBy(c)}`;
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

/** Runs of data are one row each, but those that were opened. */
export const folding = signal(false);
export const unfolded = signal<ReadonlySet<number>>(new Set());

/** Rows of the selected connection; rebuilt when it grew. */
export const ladder = computed<Ladder | undefined>(() => {
  void grown.value;
  const t = trace.value;
  const c = conn.value;
  // To scale a long connection fits only with its runs folded.
  return t && c ? buildLadder(t, c, zoom.value, { on: folding.value || zoom.value !== undefined, open: unfolded.value }) : undefined;
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

/** A time as the reader wants times told; `before`: that of the row before. */
export function told(t: number, before?: number): string {
  const start = trace.value?.header?.start;
  if (times.value === 'delta' && before !== undefined) return `+${span(t - before)}`;
  return (times.value === 'clock' && start !== undefined && timeOfDay(start, t)) || clock(t);
}
