// What a trace says, indexed: connections with their events in order, both witnesses' paths
// through the state machine, listeners with their queues. Grows by add() alone, live or from a
// file; nothing is ever taken away, so a panel may keep what it found.

import { isProblem, PROBLEMS, problemOf } from './problems';
import {
  before, ENDS, STATES,
  type CallRec, type ConnectionRec, type End, type EndRec, type GapRec, type HeaderRec,
  type ListenerRec, type OutcomeRec, type QueueRec, type Rec, type State, type StateRec,
  type TimerRec,
} from './records';

/** The host's own word (eBPF, sock_diag) or what the packets imply. */
export type Witness = 'host' | 'wire';
export const witnessOf = (s: StateRec): Witness => (s.source === 'wire' ? 'wire' : 'host');

export interface Point { t: number; n: number }
export const LAST: Point = { t: Number.MAX_SAFE_INTEGER, n: Number.MAX_SAFE_INTEGER };

export interface Conn {
  id: number;
  rec: ConnectionRec;
  /** All records that name the connection, by time. */
  events: Rec[];
  paths: Record<End, Record<Witness, StateRec[]>>;
  timers: Record<End, TimerRec[]>;
  outcome: OutcomeRec | undefined;
  /** Names of processes that own or used an end. */
  comms: Set<string>;
  problems: number;
  /** Sets as bits: kinds of PROBLEMS it had, STATES that either end was in by either witness. */
  troubles: number;
  ever: number;
  /** The listener it came through. */
  listener: number | undefined;
}

export interface Listener { id: number; rec: ListenerRec; queue: QueueRec[]; calls: CallRec[]; closed?: number }

function insert<T extends Point>(list: T[], item: T): void {
  let at = list.length;
  // Only a `late` record walks back, and not far.
  while (at > 0 && before(item, list[at - 1]!)) at--;
  if (at === list.length) list.push(item);
  else list.splice(at, 0, item);
}

/** Index of the last item at or before the point; -1 where there is none. */
export function lastAt(list: readonly Point[], p: Point): number {
  let lo = 0;
  let hi = list.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (before(p, list[mid]!)) hi = mid;
    else lo = mid + 1;
  }
  return lo - 1;
}

export class Trace {
  header: HeaderRec | undefined;
  end: EndRec | undefined;
  readonly records: Rec[] = [];
  readonly conns: Conn[] = [];
  readonly listeners: Listener[] = [];
  readonly gaps: GapRec[] = [];
  /** Times of all problems, as they came. */
  readonly troubles: number[] = [];
  /** Time of the last event, ns. */
  last = 0;
  #conns = new Map<number, Conn>();
  #listeners = new Map<number, Listener>();
  /** Calls on a socket that has neither a connection nor a listener yet, by its number. */
  #sockets = new Map<number, CallRec[]>();

  conn(id: number | undefined): Conn | undefined {
    return id === undefined ? undefined : this.#conns.get(id);
  }

  listener(id: number | undefined): Listener | undefined {
    return id === undefined ? undefined : this.#listeners.get(id);
  }

  /** A record by its number. Numbers have no holes, but a damaged trace may lack lines. */
  byN(n: number | undefined): Rec | undefined {
    if (n === undefined) return undefined;
    const there = this.records[n];
    if (there?.n === n) return there;
    let lo = 0;
    let hi = this.records.length - 1;
    while (lo <= hi) {
      const mid = (lo + hi) >> 1;
      const at = this.records[mid]!;
      if (at.n === n) return at;
      if (at.n < n) lo = mid + 1;
      else hi = mid - 1;
    }
    return undefined;
  }

  add(rec: Rec): void {
    // A stream that was interrupted may send again what is already here.
    const newest = this.records[this.records.length - 1];
    if (newest && rec.n <= newest.n) return;
    this.records.push(rec);
    if (rec.record !== 'end' && rec.t > this.last) this.last = rec.t;
    if (isProblem(rec)) this.troubles.push(rec.t);
    switch (rec.record) {
      case 'header': this.header = rec; return;
      case 'end': this.end = rec; return;
      case 'gap': this.gaps.push(rec); return;
      case 'connection': this.#addConn(rec); return;
      case 'listener': this.#addListener(rec); return;
      case 'queue': {
        const l = this.#listeners.get(rec.listener);
        if (l) insert(l.queue, rec);
        break;
      }
    }
    const conn = this.#conns.get(rec.conn ?? -1);
    if (rec.record === 'call') this.#tieSocket(rec, conn);
    if (conn) addTo(conn, rec);
  }

  /** socket(), bind() and setsockopt() belong to what the socket became later. */
  #tieSocket(rec: CallRec, conn: Conn | undefined): void {
    const listener = conn ? undefined : this.#listeners.get(rec.listener ?? -1);
    const before = rec.socket === undefined ? undefined : this.#sockets.get(rec.socket);
    if (!conn && !listener) {
      if (before) before.push(rec);
      else if (rec.socket !== undefined) this.#sockets.set(rec.socket, [rec]);
      return;
    }
    if (rec.socket !== undefined) this.#sockets.delete(rec.socket);
    for (const call of before ?? []) {
      const end = call.end ?? rec.end;
      if (conn) addTo(conn, end === undefined ? call : Object.assign(call, { end }));
      else listener!.calls.push(call);
    }
    if (listener && !/^accept/.test(rec.name)) listener.calls.push(rec);
  }

  #addConn(rec: ConnectionRec): void {
    if (this.#conns.has(rec.conn)) return;
    const conn: Conn = {
      id: rec.conn, rec, events: [rec],
      paths: { client: { host: [], wire: [] }, server: { host: [], wire: [] } },
      timers: { client: [], server: [] }, outcome: undefined, comms: new Set(), problems: 0, troubles: 0, ever: 0, listener: undefined,
    };
    this.#conns.set(rec.conn, conn);
    this.conns.push(conn);
  }

  #addListener(rec: ListenerRec): void {
    const known = this.#listeners.get(rec.listener);
    if (known) {
      known.rec = { ...known.rec, ...rec };
      if (rec.closed) known.closed = rec.t;
      return;
    }
    const l: Listener = { id: rec.listener, rec, queue: [], calls: [] };
    this.#listeners.set(rec.listener, l);
    this.listeners.push(l);
  }
}

function addTo(conn: Conn, rec: Rec): void {
  insert(conn.events, rec);
  switch (rec.record) {
    case 'state':
      conn.ever |= (1 << STATES.indexOf(rec.from)) | (1 << STATES.indexOf(rec.to));
      insert(conn.paths[rec.end][witnessOf(rec)], rec);
      if (typeof rec.owner?.comm === 'string') conn.comms.add(rec.owner.comm);
      break;
    case 'queue': conn.listener = rec.listener; break;
    case 'call':
      if (rec.comm) conn.comms.add(rec.comm);
      if (rec.listener !== undefined) conn.listener = rec.listener;
      break;
    case 'timer': insert(conn.timers[rec.end], rec); break;
    case 'outcome': conn.outcome = rec; break;
  }
  const problem = problemOf(rec);
  if (problem === undefined) return;
  conn.problems++;
  conn.troubles |= 1 << PROBLEMS.indexOf(problem);
}

/** The witness whose lane leads: the host's, unless only packets are known of this end. */
export function primary(conn: Conn, end: End): Witness {
  return conn.paths[end].host.length > 0 ? 'host' : 'wire';
}

/** The last change of an end at or before the point, by its leading witness. */
export function lastChange(conn: Conn, end: End, p: Point): StateRec | undefined {
  const path = conn.paths[end][primary(conn, end)];
  return path[lastAt(path, p)];
}

export interface StateAt { state: State; change: StateRec | undefined; began: boolean }

/** The state of an end at the point; before its first change the one it came from. */
export function stateAt(conn: Conn, end: End, p: Point, w: Witness = primary(conn, end)): StateAt {
  const path = conn.paths[end][w];
  const change = path[lastAt(path, p)];
  if (change) return { state: change.to, change, began: true };
  const began = !before(p, conn.rec);
  return { state: path[0]?.from ?? 'UNKNOWN', change: undefined, began };
}

/** Timers that are about one state, and over with it. */
const WAITS: Partial<Record<string, State>> = { 'time-wait': 'TIME-WAIT', 'fin-wait-2': 'FIN-WAIT-2', 'syn-ack': 'SYN-RECEIVED' };

/** All deadlines of an end that run at the point, the nearest first. */
export function timersAt(conn: Conn, end: End, p: Point): TimerRec[] {
  const list = conn.timers[end];
  const newest = new Map<string, TimerRec>();
  for (let i = lastAt(list, p); i >= 0; i--) if (!newest.has(list[i]!.name)) newest.set(list[i]!.name, list[i]!);
  const now = stateAt(conn, end, p).state;
  return [...newest.values()]
    .filter((t) => !t.fired && !t.cancelled && t.expires !== undefined && (WAITS[t.name] ?? now) === now)
    .sort((a, b) => a.expires! - b.expires!);
}

/** The deadline of an end that runs at the point, by name: what a countdown shows. */
export function timerAt(conn: Conn, end: End, name: string, p: Point): TimerRec | undefined {
  const list = conn.timers[end];
  for (let i = lastAt(list, p); i >= 0; i--) {
    const timer = list[i]!;
    if (timer.name !== name) continue;
    return timer.fired || timer.cancelled || timer.expires === undefined ? undefined : timer;
  }
  return undefined;
}

/** Every state an end passed through, for filters and tests. */
export function statesOf(conn: Conn): Set<State> {
  const all = new Set<State>();
  for (const end of ENDS) {
    for (const s of conn.paths[end][primary(conn, end)]) all.add(s.from).add(s.to);
  }
  return all;
}
