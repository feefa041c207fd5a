// The records of a trace, as docs/trace-format.md defines them, and the check that a parsed line
// has the shape its kind promises. Panels may rely on every field that is not optional here.

import { ENDS, HOWS, SHAPES, SOURCES, STATES, DIRECTIONS, type End, type How, type Kind, type Source, type State } from './words';

export { ENDS, STATES, type End, type How, type Kind, type Source, type State };

export interface Address { addr: string; port: number }
export interface Owner { pid?: number; comm?: string }
export interface KernelView { state?: string; object?: string }
export interface PerEnd<T> { client?: T; server?: T }

interface Base { n: number; t: number; late?: true; at?: string }

export interface HeaderRec extends Base {
  record: 'header'; format: string; version: number; tool?: string; start?: string; kernel?: string;
  sources?: string[]; missing?: { source?: string; why?: string }[]; input?: string; netns?: string;
  interfaces?: string[]; filter?: { ports?: number[] }; command?: string[];
  sysctl?: Record<string, unknown>;
  host?: { name?: string; machine_id?: string; boot_id?: string };
  clock?: { synchronized?: boolean; maxerror_us?: number; esterror_us?: number };
  merged?: { input?: string; host?: string; clock?: string; offset_ns?: number; skew_ppb?: number; band_ns?: number }[];
}
export interface ConnectionRec extends Base {
  record: 'connection'; conn: number; client: Address; server: Address; family?: string;
  netns?: number; local?: string[]; since?: string; roles?: string; tunnel?: Tunnel[];
}
/** What carries a connection's packets. */
export interface Tunnel { type?: string; id?: number; from?: string; to?: string }
export interface StateRec extends Base {
  record: 'state'; conn: number; end: End; from: State; to: State; how: How; source: Source;
  because?: number; call?: string; kernel?: KernelView; owner?: Owner; rfc?: string; error?: string;
}
export interface ObjectRec extends Base {
  record: 'object'; conn: number; end: End; from: string; to: string; state: State;
  kernel?: KernelView; because?: number;
}
export interface SegmentRec extends Base {
  record: 'segment'; conn: number; from: End; flags: string[]; seq: number; ack?: number;
  seq_abs?: number; len: number; win?: number; options?: Record<string, unknown>; notes?: string[];
  cut?: true; dup_ack?: number; rtt_ns?: number; sent?: number; received?: number; header?: string; frame?: number;
}
export interface IcmpRec extends Base {
  record: 'icmp'; conn: number; end: End; error: string; by?: string; seq_abs?: number; mtu?: number; frame?: number;
}
export interface CallRec extends Base {
  record: 'call'; conn?: number; listener?: number; socket?: number; end?: End; name: string; fd?: number;
  ret?: number; errno?: string; args?: Record<string, unknown>; duration_ns?: number; pid?: number;
  tid?: number; comm?: string; blocked?: true; events?: string[]; ready?: { fd?: number; events?: string[] }[];
}
export interface ProcessRec extends Base {
  record: 'process'; event: string; pid: number; tid?: number; parent?: number; comm?: string; status?: number;
  cpu_ns?: number; user_ns?: number; system_ns?: number; nvcsw?: number; nivcsw?: number; maxrss_kb?: number;
}
export interface CounterRec extends Base { record: 'counter'; name: string; value: number; delta: number }
export interface DatagramRec extends Base {
  record: 'datagram'; from: Address; to: Address; len: number; checksum?: string; icmp?: { error?: string; by?: string };
  sender?: number; receiver?: number; lost?: true; frame?: number;
  dns?: { id?: number; q?: string; type?: string; rcode?: string; count?: number; answers?: string[] };
}
export interface ListenerRec extends Base {
  record: 'listener'; listener: number; addr: string; port: number; backlog?: number;
  limit?: number; netns?: number; owner?: Owner; since?: string; closed?: true;
}
export interface QueueRec extends Base {
  record: 'queue'; listener: number; syn: number; accept: number; limit?: number; drops?: number;
  why?: string; conn?: number; cause?: string; because?: number;
}
export interface TimerRec extends Base {
  record: 'timer'; conn: number; end: End; name: string; expires?: number; fired?: true;
  cancelled?: true; count?: number; source?: string; why?: string; rto_ns?: number; waited_ns?: number;
}
export interface ResetRec extends Base {
  record: 'reset'; conn: number; end: End; direction: 'sent' | 'received'; reason?: string;
  who?: string;
}
export interface DisagreementRec extends Base {
  record: 'disagreement'; conn: number; end: End; kernel: State; wire: State; known?: string; because?: number;
}
export interface GapRec extends Base {
  record: 'gap'; source?: string; hook?: string; interface?: string; records?: number; lost: number; from?: number; to?: number;
}
export interface OutcomeRec extends Base {
  record: 'outcome'; conn: number; verdict: string; text?: string; conn_state?: string;
  history?: string; final?: PerEnd<State>; netns?: PerEnd<number>; bytes?: PerEnd<number>; segments?: PerEnd<number>;
  duration_ns?: number; rtt_ns?: number; durations?: PerEnd<Record<string, number>>; closed_by?: End; reset_by?: End;
  cause?: string; cause_end?: End; stalled?: { what: string; end: End; count: number; ns: number }; errno?: string; unread?: number; listener?: number; drops?: number; abort_on_overflow?: true;
}
export interface FindingRec extends Base {
  record: 'finding'; kind: string; severity: string; count?: number; conns?: number[]; first?: number; last?: number;
  cause?: string; listener?: number; peer?: string; port?: number; owner?: Owner;
  text?: string; evidence?: Record<string, number>; remedy?: string[]; because?: number[];
}
export interface ArrivalRec extends Base {
  record: 'arrival'; conn: number; end: End; delay_ns?: number; because?: number;
}
export interface LabRec extends Base {
  record: 'lab'; lab: string; version?: number; student?: string; values?: Record<string, string>; actor?: string; step?: number;
  op?: string; addr?: string; ret?: number; errno?: string; duration_ns?: number; text?: string;
}
export interface AnswerRec extends Base { record: 'answer'; question: string; choice: string; right?: true }
export interface CheckRec extends Base {
  record: 'check'; check: string; result: string; expected?: string; seen?: string; because?: number[];
}
export interface EndRec extends Omit<Base, 'late'> {
  record: 'end'; reason?: string; status?: number; lost?: Record<string, number>; late?: number;
  beyond?: Record<string, number>; skipped?: Record<string, number>;
  clock?: { set?: number; set_by_ns?: number; suspended_ns?: number };
}

export type Rec =
  | HeaderRec | ConnectionRec | StateRec | ObjectRec | SegmentRec | CallRec | ListenerRec
  | ProcessRec | CounterRec | IcmpRec | DatagramRec | QueueRec | TimerRec | ResetRec | DisagreementRec | GapRec | OutcomeRec | FindingRec
  | ArrivalRec | LabRec | AnswerRec | CheckRec | EndRec;

/** The record that caused this one; a finding has several, and none of them is its cause. */
export const causeOf = (rec: Rec): number | undefined => ('because' in rec && typeof rec.because === 'number' ? rec.because : undefined);

type Check = (v: unknown) => boolean;
const obj: Check = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const str: Check = (v) => typeof v === 'string';
const int: Check = (v) => Number.isSafeInteger(v);
const oneOf = (all: readonly string[]): Check => (v) => all.includes(v as string);
/** What the tags of SHAPES stand for. */
const TAGS: Record<string, Check> = {
  int, str, 'object': obj, 'true': (v) => v === true, 'array': Array.isArray, 'state': str, 'end': oneOf(ENDS),
  'strings': (v) => Array.isArray(v) && v.every(str), 'ints': (v) => obj(v) && Object.values(v as object).every(int),
  'address': (v) => obj(v) && str((v as Address).addr) && int((v as Address).port),
  'words:HOWS': oneOf(HOWS), 'words:SOURCES': oneOf(SOURCES), 'words:DIRECTIONS': oneOf(DIRECTIONS),
};
const checks = (fields: Record<string, string>): [string, Check][] => Object.entries(fields).map(([f, tag]) => [f, TAGS[tag]!]);

/** Every line of a trace goes through these: no table is made anew for it. */
const FIELDS = new Map<string, { need: [string, Check][]; may: [string, Check][] }>(Object.entries(SHAPES).map(
  ([kind, { need, may }]) => [kind, { need: checks(need), may: checks(may) }]));
/** Fields that hold a state. */
const STATE_FIELDS = new Map(Object.entries(SHAPES).map(
  ([kind, { need, may }]) => [kind, Object.entries({ ...need, ...may }).filter(([, tag]) => tag === 'state').map(([f]) => f)]));

const KNOWN_STATE = new Set<string>(STATES);
/** A state name of a later version is shown as unknown, it does not break the page. */
const stateOf = (v: unknown): State =>
  typeof v === 'string' && KNOWN_STATE.has(v) ? (v as State) : 'UNKNOWN';

/** What a line turned out to be: a record, something to pass over, or why it is unusable. */
export type Checked = { rec: Rec } | { skip: true } | { bad: string };

/** Checks one parsed line. Optional fields of the wrong type are dropped, not trusted. */
export function check(v: unknown): Checked {
  if (!obj(v)) return { bad: 'not a JSON object' };
  const o = v as Record<string, unknown>;
  if (typeof o.record !== 'string') return { bad: 'no "record"' };
  if (typeof o.t === 'number' && o.t > Number.MAX_SAFE_INTEGER) return { bad: 'a time beyond 2^53 ns' };
  if (!int(o.n) || !int(o.t)) return { bad: 'no "n" or "t"' };
  const shape = FIELDS.get(o.record);
  if (!shape) return { skip: true };
  for (const [field, ok] of shape.need) {
    if (!ok(o[field])) return { bad: `${o.record} without a valid "${field}"` };
  }
  for (const [field, ok] of shape.may) {
    if (o[field] !== undefined && !ok(o[field])) delete o[field];
  }
  for (const field of STATE_FIELDS.get(o.record)!) if (o[field] !== undefined) o[field] = stateOf(o[field]);
  if (o.record === 'outcome' && o.final) {
    const final = o.final as Record<string, unknown>;
    for (const e of ENDS) if (final[e] !== undefined) final[e] = stateOf(final[e]);
  }
  return { rec: o as unknown as Rec };
}

/** A place in a trace. */
export interface Point { t: number; n: number }
export const LAST: Point = { t: Number.MAX_SAFE_INTEGER, n: Number.MAX_SAFE_INTEGER };

/** Order of events: by time, and by record number where the time is the same. */
export function before(a: Point, b: Point): boolean {
  return a.t < b.t || (a.t === b.t && a.n < b.n);
}
