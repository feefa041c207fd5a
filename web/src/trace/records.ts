// The records of a trace, as docs/trace-format.md defines them, and the check that a parsed line
// has the shape its kind promises. Panels may rely on every field that is not optional here.

export const STATES = [
  'CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2',
  'CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT', 'UNKNOWN',
] as const;
export type State = (typeof STATES)[number];

export type End = 'client' | 'server';
export const ENDS: readonly End[] = ['client', 'server'];
export type Source = 'kernel' | 'diag' | 'wire';
export type How = 'observed' | 'sampled' | 'inferred' | 'assumed' | 'predicted';
export interface Address { addr: string; port: number }
export interface Owner { pid?: number; comm?: string }
export interface KernelView { state?: string; object?: string }
export interface PerEnd<T> { client?: T; server?: T }

interface Base { n: number; t: number; late?: true }

export interface HeaderRec extends Base {
  record: 'header'; format: string; version: number; tool?: string; start?: string; kernel?: string;
  sources?: string[]; missing?: { source?: string; why?: string }[]; input?: string; netns?: string;
  interfaces?: string[]; filter?: { ports?: number[] }; command?: string[];
  sysctl?: Record<string, unknown>;
}
export interface ConnectionRec extends Base {
  record: 'connection'; conn: number; client: Address; server: Address; family?: string;
  netns?: number; local?: string[]; since?: string; roles?: string;
}
export interface StateRec extends Base {
  record: 'state'; conn: number; end: End; from: State; to: State; how: How; source: Source;
  because?: number; call?: string; kernel?: KernelView; owner?: Owner; rfc?: string;
}
export interface ObjectRec extends Base {
  record: 'object'; conn: number; end: End; from: string; to: string; state: State;
  kernel?: KernelView; because?: number;
}
export interface SegmentRec extends Base {
  record: 'segment'; conn: number; from: End; flags: string[]; seq: number; ack?: number;
  seq_abs?: number; len: number; win?: number; options?: Record<string, unknown>; notes?: string[];
  cut?: true; dup_ack?: number; rtt_ns?: number;
}
export interface CallRec extends Base {
  record: 'call'; conn?: number; listener?: number; socket?: number; end?: End; name: string; fd?: number;
  ret?: number; errno?: string; args?: Record<string, unknown>; duration_ns?: number; pid?: number;
  tid?: number; comm?: string;
}
export interface ListenerRec extends Base {
  record: 'listener'; listener: number; addr: string; port: number; backlog?: number;
  limit?: number; netns?: number; owner?: Owner; since?: string; closed?: true;
}
export interface QueueRec extends Base {
  record: 'queue'; listener: number; syn: number; accept: number; limit?: number; drops?: number;
  why?: string; conn?: number;
}
export interface TimerRec extends Base {
  record: 'timer'; conn: number; end: End; name: string; expires?: number; fired?: true;
  cancelled?: true; count?: number; source?: string; why?: string; rto_ns?: number;
}
export interface ResetRec extends Base {
  record: 'reset'; conn: number; end: End; direction: 'sent' | 'received'; reason?: string;
  who?: string;
}
export interface DisagreementRec extends Base {
  record: 'disagreement'; conn: number; end: End; kernel: State; wire: State; known?: string; because?: number;
}
export interface GapRec extends Base {
  record: 'gap'; source?: string; hook?: string; lost: number; from?: number; to?: number;
}
export interface OutcomeRec extends Base {
  record: 'outcome'; conn: number; verdict: string; text?: string; conn_state?: string;
  history?: string; final?: PerEnd<State>; bytes?: PerEnd<number>; segments?: PerEnd<number>;
  duration_ns?: number; rtt_ns?: number; durations?: PerEnd<Record<string, number>>; closed_by?: End; reset_by?: End;
  cause?: string; listener?: number; drops?: number;
}
export interface EndRec extends Omit<Base, 'late'> {
  record: 'end'; reason?: string; status?: number; lost?: Record<string, number>; late?: number;
}

export type Rec =
  | HeaderRec | ConnectionRec | StateRec | ObjectRec | SegmentRec | CallRec | ListenerRec
  | QueueRec | TimerRec | ResetRec | DisagreementRec | GapRec | OutcomeRec | EndRec;
export type Kind = Rec['record'];

type Check = (v: unknown) => boolean;
const int: Check = (v) => Number.isSafeInteger(v);
const str: Check = (v) => typeof v === 'string';
const yes: Check = (v) => v === true;
const obj: Check = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const strings: Check = (v) => Array.isArray(v) && v.every(str);
const end: Check = (v) => v === 'client' || v === 'server';
const address: Check = (v) => obj(v) && str((v as Address).addr) && int((v as Address).port);
const text = (...all: string[]): Check => (v) => all.includes(v as string);
const ofInts: Check = (v) => obj(v) && Object.values(v as object).every(int);

interface Shape { need: Record<string, Check>; may: Record<string, Check> }

const SHAPES: Record<Kind, Shape> = {
  header: {
    need: { format: str, version: int },
    may: {
      tool: str, start: str, kernel: str, sources: strings, missing: Array.isArray, input: str,
      netns: str, interfaces: strings, filter: obj, command: strings, sysctl: obj,
    },
  },
  connection: {
    need: { conn: int, client: address, server: address },
    may: { family: str, netns: int, local: strings, since: str, roles: str },
  },
  state: {
    need: {
      conn: int, end, from: str, to: str,
      how: text('observed', 'sampled', 'inferred', 'assumed', 'predicted'),
      source: text('kernel', 'diag', 'wire'),
    },
    may: { because: int, call: str, kernel: obj, owner: obj, rfc: str },
  },
  object: {
    need: { conn: int, end, from: str, to: str, state: str },
    may: { kernel: obj, because: int },
  },
  segment: {
    need: { conn: int, from: end, flags: strings, seq: int, len: int },
    may: { ack: int, seq_abs: int, win: int, options: obj, notes: strings, cut: yes, dup_ack: int, rtt_ns: int },
  },
  call: {
    need: { name: str },
    may: {
      conn: int, listener: int, socket: int, end, fd: int, ret: int, errno: str, args: obj, duration_ns: int,
      pid: int, tid: int, comm: str,
    },
  },
  listener: {
    need: { listener: int, addr: str, port: int },
    may: { backlog: int, limit: int, netns: int, owner: obj, since: str, closed: yes },
  },
  queue: {
    need: { listener: int, syn: int, accept: int },
    may: { limit: int, drops: int, why: str, conn: int },
  },
  timer: {
    need: { conn: int, end, name: str },
    may: { expires: int, fired: yes, cancelled: yes, count: int, source: str, why: str, rto_ns: int },
  },
  reset: {
    need: { conn: int, end, direction: text('sent', 'received') },
    may: { reason: str, who: str },
  },
  disagreement: {
    need: { conn: int, end, kernel: str, wire: str },
    may: { known: str, because: int },
  },
  gap: { need: { lost: int }, may: { source: str, hook: str, from: int, to: int } },
  outcome: {
    need: { conn: int, verdict: str },
    may: {
      text: str, conn_state: str, history: str, final: obj, bytes: ofInts, segments: ofInts,
      duration_ns: int, rtt_ns: int, durations: obj, closed_by: end, reset_by: end, cause: str, listener: int, drops: int,
    },
  },
  end: { need: {}, may: { reason: str, status: int, lost: ofInts, late: int } },
};

/** Every line of a trace goes through these: no table is made anew for it. */
const FIELDS = new Map(Object.entries(SHAPES).map(
  ([kind, { need, may }]) => [kind, { need: Object.entries(need), may: Object.entries(may) }]));

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
  if (!int(o.n) || !int(o.t)) return { bad: 'no "n" or "t"' };
  const shape = FIELDS.get(o.record);
  if (!shape) return { skip: true };
  for (const [field, ok] of shape.need) {
    if (!ok(o[field])) return { bad: `${o.record} without a valid "${field}"` };
  }
  for (const [field, ok] of shape.may) {
    if (o[field] !== undefined && !ok(o[field])) delete o[field];
  }
  if (o.record === 'state') {
    o.from = stateOf(o.from);
    o.to = stateOf(o.to);
  } else if (o.record === 'object') {
    o.state = stateOf(o.state);
  } else if (o.record === 'disagreement') {
    o.kernel = stateOf(o.kernel);
    o.wire = stateOf(o.wire);
  } else if (o.record === 'outcome' && o.final) {
    const final = o.final as Record<string, unknown>;
    for (const e of ENDS) if (final[e] !== undefined) final[e] = stateOf(final[e]);
  }
  return { rec: o as unknown as Rec };
}

/** Order of events: by time, and by record number where the time is the same. */
export function before(a: { t: number; n: number }, b: { t: number; n: number }): boolean {
  return a.t < b.t || (a.t === b.t && a.n < b.n);
}
