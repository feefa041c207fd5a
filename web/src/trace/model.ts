// What a trace says, indexed: connections with their events in order, both witnesses' paths
// through the state machine, listeners with their queues. Grows by take() alone, live or from a
// file. Records are in columns (store.ts); what is kept as objects is per connection and listener.

import type { Slice } from './columns';
import { Depth, type Queued } from './depth';
import { problemOf } from '../kinds';
import type { Around } from '../kinds/kind';
import { PROBLEMS } from './problems';
import {
  before, ENDS, LAST, STATES,
  type Address, type AnswerRec, type CallRec, type CheckRec, type ConnectionRec, type DatagramRec, type End, type EndRec, type FindingRec, GapRec, type HeaderRec, type LabRec,
  type ListenerRec, type OutcomeRec, type Point, type Rec, type State, type StateRec,
  type TimerRec,
} from './records';
import { isUnanswered, STANDS_OUT_NS, standsOf, sumUp, waitsOf, type Sum } from './standing';
import { Store } from './store';
import type { Standing, Verdict } from './words';
import { address } from '../text';

/** The host's own word (eBPF, sock_diag) or what the packets imply. */
export type Witness = 'host' | 'wire';
export const witnessOf = (s: StateRec): Witness => (s.source === 'wire' ? 'wire' : 'host');

export { LAST, type Point };

/** What is made of a connection's records when it is looked at. */
interface Details {
  /** All records that name the connection, by time. */
  events: Rec[];
  paths: Record<End, Record<Witness, StateRec[]>>;
  timers: Record<End, TimerRec[]>;
  outcome: OutcomeRec | undefined;
  /** Index of the last record that is in. */
  upTo: number;
  /** It has more records, before those that are in. */
  cut: boolean;
}
/** Records of one connection that are laid out: a ladder of more would be too high for a browser. */
export const MAX_EVENTS = 50_000;
/** Left in CLOSE-WAIT for so long it is a leak, not on its way: as the finding has it (src/conn/finding_close_wait.c). */
const HELD_NS = 10_000_000_000;
/** Connections whose details are kept: those in sight, and some that were. */
const KEPT = 64;
/** Sockets that have made calls and become nothing yet. */
const SOCKETS = 1 << 16;
const NOBODY: ReadonlySet<string> = new Set();
const NO_DOERS: readonly number[] = [];
/** Endings that nobody asks about, where no cause is told. */
const GOOD: ReadonlySet<string> = new Set<Verdict>(['closed-normally', 'closed-both', 'still-open', 'midstream', 'unknown']);

export class Conn {
  readonly id: number;
  verdict: string | undefined;
  /** Why it ended, or what held it up. */
  cause: string | undefined;
  /** Bytes of both ends; round trip in ns; segments sent again. */
  bytes = 0;
  rtt: number | undefined;
  again = 0;
  /** Names of processes that own or used an end. */
  comms = NOBODY;
  problems = 0;
  /** Sets as bits: kinds of PROBLEMS it had, STATES that either end was in by either witness. */
  troubles = 0;
  ever = 0;
  /** An end of it waited for long, which is no finding. */
  stands = false;
  /** The listener it came through. */
  listener: number | undefined;
  /** Time of its last record. */
  until: number;
  /** Of UDP: how many there were, and whose end each socket is. */
  datagrams = 0;
  sockets: Map<number, End> | undefined;
  /** Processes at its ends whose doings were looked at. */
  doers = NO_DOERS;
  /** Calls on its sockets from before it was there. */
  early: CallRec[] | undefined;
  /** Bit per end: the host tells of it. */
  hosts = 0;
  /** States that each end, by each witness, began and was last in: four bits each, 0 for none. */
  firsts = 0;
  lasts = 0;

  constructor(readonly rec: ConnectionRec, readonly trace: Trace, readonly first: number, public newest: number) {
    this.id = rec.conn;
    this.until = rec.t;
  }

  /** Datagrams between two endpoints: a connection there is not, and no state. */
  get udp(): boolean { return this.id < 0; }
  /** Nothing is left of it but TIME-WAIT, whatever its ending will be called. */
  get over(): boolean { return ENDS.every((end) => /^(CLOSED|TIME-WAIT)$/.test(stateNow(this, end, LAST))); }
  /** Whose record it is: of a datagram, its sender's. */
  endOf(rec: Rec): End | undefined {
    if (rec.record === 'datagram') return isAt(rec.from, this.rec.client) ? 'client' : 'server';
    return 'end' in rec ? rec.end : undefined;
  }
  get events(): Rec[] { return this.trace.details(this).events; }
  get paths(): Details['paths'] { return this.trace.details(this).paths; }
  get timers(): Details['timers'] { return this.trace.details(this).timers; }
  get outcome(): OutcomeRec | undefined { return this.trace.details(this).outcome; }
  get cut(): boolean { return this.trace.details(this).cut; }
}

const pairKey = (rec: DatagramRec) => [address(rec.from), address(rec.to)].sort().join(' ');
const isAt = (a: Address, b: Address) => a.port === b.port && a.addr === b.addr;

export interface Listener { id: number; rec: ListenerRec; queue: Depth; calls: CallRec[]; closed?: number }

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
  readonly records = new Store();
  conns: Conn[] = [];
  /** UDP: who sent the first datagram is the client. By their endpoints. */
  readonly pairs = new Map<string, Conn>();
  #pairs = 0;
  #peers = new Map<number, number>();
  readonly listeners: Listener[] = [];
  gaps: GapRec[] = [];
  /** How the lab began whose trace it is, what was predicted, what came of its checks. */
  lab: LabRec | undefined;
  readonly answers: AnswerRec[] = [];
  readonly checks: CheckRec[] = [];
  /** The last record of each kind and subject, which is the one that counts. */
  readonly findings = new Map<string, FindingRec>();
  /** Connections that have an outcome, and those of them that ended as nobody wants; what stands out of them beside findings. */
  endings = 0;
  badEndings = 0;
  readonly standing = new Map<Standing, Sum>();
  /** Times and numbers of all problems, as they came. */
  troubles: Point[] = [];
  /** Time of the last event, ns. */
  last = 0;
  #conns = new Map<number, Conn>();
  #listeners = new Map<number, Listener>();
  /** Calls on a socket that has neither a connection nor a listener yet, by its number. */
  #sockets = new Map<number, number[]>();
  /** The newest record of what each process did beside connections. */
  #doings = new Map<number, number>();
  #details = new Map<Conn, Details>();
  /** By template; none for lines that are kept as text. */
  #traits: (Traits | undefined)[] = [];

  /** Connections, and UDP pairs after them. */
  get all(): readonly Conn[] {
    return this.pairs.size > 0 ? [...this.conns, ...this.pairs.values()] : this.conns;
  }

  conn(id: number | undefined): Conn | undefined {
    return id === undefined ? undefined : this.#conns.get(id);
  }

  listener(id: number | undefined): Listener | undefined {
    return id === undefined ? undefined : this.#listeners.get(id);
  }

  /** Is the socket known that the server's end came from? Then the roles are no guess. */
  hasListener({ listener, rec: { server } }: Conn): boolean {
    return listener !== undefined || this.listeners.some(({ rec }) => rec.port === server.port &&
      (rec.addr === server.addr || rec.addr === '::' || rec.addr === '0.0.0.0'));
  }

  /** A record by its number. Numbers have no holes, but a damaged trace may lack lines. */
  byN(n: number | undefined): Rec | undefined {
    if (n === undefined) return undefined;
    const i = this.records.find(n);
    return i < 0 ? undefined : this.records.get(i);
  }

  take(slice: Slice): void {
    const { records } = this;
    const from = records.end;
    records.add(slice);
    for (let k = this.#traits.length; k < records.templates.length; k++) {
      const { like } = records.templates[k]!;
      const traits = like && traitsOf(like);
      if (traits) traits.conn = records.holeAt(k, ['conn']);
      if (like?.record === 'outcome') traits!.waits = waitsOf(like).map(({ what, path, end }) => ({ what, hole: records.holeAt(k, path), end })).filter(({ hole }) => hole >= 0);
      this.#traits.push(traits);
    }
    for (let i = from; i < records.end; i++) this.#index(i);
  }

  #index(i: number): void {
    const { records } = this;
    const like = records.like(i);
    const traits = this.#traits[records.kind(i)] ?? traitsOf(like);
    const t = records.time(i);
    if (like.record !== 'end' && t > this.last) this.last = t;
    if (traits.problem >= 0) this.troubles.push({ t, n: records.number(i) });
    switch (like.record) {
      case 'header': this.header = records.get(i) as HeaderRec; return;
      case 'end': this.end = records.get(i) as EndRec; return;
      case 'gap': this.gaps.push(records.get(i) as GapRec); return;
      case 'lab': this.lab ??= records.get(i) as LabRec; break;
      case 'answer': this.answers.push(records.get(i) as AnswerRec); return;
      case 'check': this.checks.push(records.get(i) as CheckRec); return;
      case 'finding': this.#addFinding(records.get(i) as FindingRec); return;
      case 'datagram': this.#addDatagram(records.get(i) as DatagramRec, i, traits); return;
      case 'process': this.#addDoing(i); return;
      case 'connection': this.#addConn(records.get(i) as ConnectionRec, i); return;
      case 'listener': this.#addListener(records.get(i) as ListenerRec); return;
      case 'queue': this.#listeners.get(records.integer(i, 'listener')!)?.queue.add(this.#queued(i, t, like.why)); break;
    }
    const conn = this.conn(traits.conn >= 0 ? records.filled(i, traits.conn) : records.integer(i, 'conn'));
    if (like.record === 'call') this.#tieSocket(i, conn, like.name);
    if (like.record === 'call' && like.conn === undefined && like.listener === undefined && like.socket === undefined) this.#addDoing(i);
    if (!conn) return;
    records.follows(i, conn.newest);
    conn.newest = i;
    // One that comes late was not the last.
    if (traits.lane >= 0 && t >= conn.until) {
      const { from, to } = like as StateRec;
      if (!((conn.firsts >> traits.lane) & 15)) conn.firsts |= (STATES.indexOf(from) + 1) << traits.lane;
      conn.lasts = (conn.lasts & ~(15 << traits.lane)) | ((STATES.indexOf(to) + 1) << traits.lane);
    }
    // An outcome is said when the trace ends, not when something happened.
    if (t > conn.until && like.record !== 'outcome') conn.until = t;
    this.#note(conn, traits, i);
    if (traits.queued) conn.listener = records.integer(i, 'listener');
  }

  #queued(i: number, t: number, why: string | undefined): Queued {
    const { records } = this;
    return {
      t, n: records.number(i), syn: records.integer(i, 'syn')!, accept: records.integer(i, 'accept')!,
      limit: records.integer(i, 'limit'), drops: records.integer(i, 'drops') ?? 0, overflow: why === 'overflow',
    };
  }

  #note(conn: Conn, traits: Traits, i: number): void {
    conn.ever |= traits.ever;
    conn.hosts |= traits.host;
    if (traits.comm) {
      const comm = traits.comm === 'owner' ? this.records.string(i, 'comm', 'owner') : this.records.string(i, 'comm');
      if (comm && !conn.comms.has(comm)) conn.comms = this.#names([...conn.comms, comm]);
    }
    if (traits.again) conn.again++;
    if (traits.cause !== undefined) conn.cause = traits.cause;
    if (traits.verdict !== undefined) this.#ended(conn, traits, i);
    if (traits.problem < 0) return;
    conn.problems++;
    conn.troubles |= 1 << traits.problem;
  }

  #ended(conn: Conn, traits: Traits, i: number): void {
    const { records } = this;
    conn.verdict = traits.verdict;
    const client = records.integer(i, 'client', 'bytes') ?? 0;
    const server = records.integer(i, 'server', 'bytes') ?? 0;
    conn.bytes = client + server;
    conn.rtt = records.integer(i, 'rtt_ns');
    this.endings++;
    if (!GOOD.has(traits.verdict!) || traits.cause !== undefined) this.badEndings++;
    const stands = (what: Standing, ns: number, end: End) => {
      if (ns < STANDS_OUT_NS) return;
      conn.stands ||= ns >= HELD_NS;
      sumUp(this.standing, what, ns, conn.id, end);
    };
    if (!traits.waits) for (const { what, ns, end } of standsOf(records.get(i) as OutcomeRec)) stands(what, ns, end);
    else {
      for (const { what, hole, end } of traits.waits) stands(what, records.filled(i, hole), end);
      if (isUnanswered(client, server, records.integer(i, 'server', 'segments'))) stands('unanswered', records.integer(i, 'duration_ns') ?? 0, 'server');
    }
    if (!traits.held) return;
    const { durations } = records.get(i) as OutcomeRec;
    if (ENDS.some((e) => (durations?.[e]?.['CLOSE-WAIT'] ?? 0) >= HELD_NS)) {
      conn.problems++;
      conn.troubles |= 1 << PROBLEMS.indexOf('held');
      this.troubles.push({ t: records.time(i), n: records.number(i) });
    }
  }

  /** Few sets of names serve all connections. */
  #names(names: string[]): ReadonlySet<string> {
    const key = names.sort().join('\0');
    const there = this.#sets.get(key) ?? new Set(names);
    this.#sets.set(key, there);
    return there;
  }
  #sets = new Map<string, ReadonlySet<string>>();

  details(conn: Conn): Details {
    let there = this.#details.get(conn);
    if (there?.upTo === conn.newest) return there;
    const start = conn.udp ? conn.first - 1 : conn.first;
    let more = this.#since(conn, there?.upTo ?? start);
    if (!there || there.events.length + more.length > MAX_EVENTS * 1.1) {
      more = this.#since(conn, start);
      if (!there && this.#details.size >= KEPT) this.#details.delete(this.#details.keys().next().value!);
      there = {
        events: conn.udp ? [] : [conn.rec], paths: { client: { host: [], wire: [] }, server: { host: [], wire: [] } },
        timers: { client: [], server: [] }, outcome: undefined, upTo: start,
        cut: this.records.before(more[more.length - 1] ?? conn.newest) > conn.first,
      };
      if (!there.cut) for (const call of conn.early ?? []) addTo(there, call);
      this.#details.set(conn, there);
    }
    while (more.length > 0) addTo(there, this.records.get(more.pop()!));
    there.upTo = conn.newest;
    return there;
  }

  /** Indexes of the records of a connection after that one, the newest first. */
  #since(conn: Conn, upTo: number): number[] {
    const list: number[] = [];
    for (let i = conn.newest; i > upTo && list.length < MAX_EVENTS; i = this.records.before(i)) list.push(i);
    return list;
  }

  /** socket(), bind() and setsockopt() belong to what the socket became later. */
  #tieSocket(i: number, conn: Conn | undefined, name: string): void {
    const { records } = this;
    const socket = records.integer(i, 'socket') ?? -1;
    const listener = conn ? undefined : this.#listeners.get(records.integer(i, 'listener') ?? -1);
    const before = this.#sockets.get(socket);
    if (!conn && !listener) {
      if (before) before.push(i);
      else if (socket >= 0) this.#sockets.set(socket, [i]);
      if (this.#sockets.size > SOCKETS) this.#sockets.delete(this.#sockets.keys().next().value!);
      return;
    }
    this.#sockets.delete(socket);
    const end = before && (records.get(i) as CallRec).end;
    for (const k of before ?? []) {
      if (k < records.first) continue;
      const call = records.get(k) as CallRec;
      if (!conn) {
        listener!.calls.push(call);
        continue;
      }
      if (!call.end && end) records.pin(k, Object.assign(call, { end }));
      (conn.early ??= []).push(call);
      this.#note(conn, traitsOf(call), k);
      this.#details.delete(conn);
    }
    if (listener && !/^accept/.test(name)) listener.calls.push(records.get(i) as CallRec);
  }

  /** Lets go of the oldest records but so many, and of connections that have no other. */
  keep(most: number): void {
    const { records } = this;
    // Not at every frame: what is left has to be gone through.
    if (records.length <= most * 1.1) return;
    records.drop(most);
    const since = records.time(records.first);
    this.conns = this.conns.filter((c) => c.newest >= records.first || !this.#conns.delete(c.id));
    for (const [key, c] of this.pairs) if (c.newest < records.first && this.pairs.delete(key)) this.#conns.delete(c.id);
    for (const [socket, calls] of this.#sockets) this.#sockets.set(socket, calls.filter((i) => i >= records.first));
    this.#details.clear();
    for (const l of this.listeners) l.queue.drop(since);
    this.gaps = this.gaps.filter((g) => g.t >= since);
    this.troubles = this.troubles.filter((p) => p.t >= since);
  }

  #addConn(rec: ConnectionRec, index: number): void {
    if (this.#conns.has(rec.conn)) return;
    const conn = new Conn(rec, this, index, index);
    this.#conns.set(rec.conn, conn);
    this.conns.push(conn);
  }

  #addDatagram(rec: DatagramRec, i: number, traits: Traits): void {
    const key = pairKey(rec);
    let pair = this.pairs.get(key);
    if (pair) {
      this.records.follows(i, pair.newest);
      pair.newest = i;
    } else {
      pair = new Conn({ record: 'connection', conn: -++this.#pairs, client: rec.from, server: rec.to, n: rec.n, t: rec.t }, this, i, i);
      this.pairs.set(key, pair);
      this.#conns.set(pair.id, pair);
    }
    const end = pair.endOf(rec)!;
    this.#meets(pair, rec.sender, end);
    this.#meets(pair, rec.receiver, end === 'client' ? 'server' : 'client');
    pair.until = Math.max(pair.until, rec.t);
    if (!rec.icmp) pair.datagrams++;
    this.#note(pair, traits, i);
  }

  #meets(pair: Conn, socket: number | undefined, end: End): void {
    if (socket === undefined || pair.sockets?.has(socket)) return;
    (pair.sockets ??= new Map()).set(socket, end);
    this.#peers.set(socket, this.peersOf(socket) + 1);
  }

  /** How many a UDP socket talked to. */
  peersOf(socket: number): number {
    return this.#peers.get(socket) ?? 0;
  }

  /** A process's records are a chain, as a connection's are. */
  #addDoing(i: number): void {
    const pid = this.records.integer(i, 'pid')!;
    const newest = this.#doings.get(pid);
    if (newest !== undefined) this.records.follows(i, newest);
    this.#doings.set(pid, i);
    if (this.#doings.size > SOCKETS) this.#doings.delete(this.#doings.keys().next().value!);
  }

  /** Index of the last thing that a process did beside connections; -1: nothing. */
  newestOf(pid: number): number {
    return this.#doings.get(pid) ?? -1;
  }

  callsOn(socket: number): CallRec[] {
    return (this.#sockets.get(socket) ?? []).filter((i) => i >= this.records.first).map((i) => this.records.get(i) as CallRec);
  }

  /** Grows with what the ladder of a connection shows beside its own records. */
  doneBy(conn: Conn): number {
    const calls = [...conn.sockets?.keys() ?? []].map((s) => this.#sockets.get(s)?.length ?? 0);
    return [...conn.doers.map((pid) => this.newestOf(pid)), ...calls].reduce((a, b) => a + b, 0);
  }

  /** The connection, or the pair, that a record is of. */
  connOf(rec: Rec): Conn | undefined {
    if (rec.record === 'datagram') return this.pairs.get(pairKey(rec));
    return this.conn('conn' in rec ? rec.conn : undefined);
  }

  #addFinding(rec: FindingRec): void {
    this.findings.set(`${rec.kind} ${rec.cause} ${rec.listener} ${rec.peer} ${rec.port} ${rec.owner?.pid}`, rec);
  }

  #addListener(rec: ListenerRec): void {
    const known = this.#listeners.get(rec.listener);
    if (known) {
      known.rec = { ...known.rec, ...rec };
      if (rec.closed) known.closed = rec.t;
      return;
    }
    const l: Listener = { id: rec.listener, rec, queue: new Depth(), calls: [] };
    this.#listeners.set(rec.listener, l);
    this.listeners.push(l);
  }
}

/** What a kind of record may ask for around one of its records. */
export function around(trace: Trace, conn: Conn | undefined): Around {
  return {
    byN: (n) => trace.byN(n), listener: (id) => trace.listener(id), events: conn?.events,
    listened: conn !== undefined && trace.hasListener(conn), sysctl: trace.header?.sysctl,
  };
}

function addTo(to: Details, rec: Rec): void {
  insert(to.events, rec);
  if (rec.record === 'state') insert(to.paths[rec.end][witnessOf(rec)], rec);
  else if (rec.record === 'timer') insert(to.timers[rec.end], rec);
  else if (rec.record === 'outcome') to.outcome = rec;
}

/** What all records of a template have in common, as far as the index needs it; `conn`: the hole that its number is in. */
interface Traits { conn: number; ever: number; host: number; lane: number; problem: number; queued: boolean; comm?: 'owner' | 'own'; verdict?: string; cause?: string; again?: boolean; held?: boolean; waits?: { what: Standing; hole: number; end: End }[] }

/** Shift of a lane's four bits. */
const laneOf = (end: End, w: Witness) => 4 * (ENDS.indexOf(end) + (w === 'host' ? 2 : 0));
const bitOf = (s: State) => 1 << STATES.indexOf(s);

function traitsOf(like: Rec): Traits {
  const problem = problemOf(like);
  const traits: Traits = {
    conn: -1, ever: 0, host: 0, lane: -1, problem: problem === undefined ? -1 : PROBLEMS.indexOf(problem),
    queued: (like.record === 'queue' || like.record === 'call') && like.listener !== undefined,
  };
  if (like.record === 'state') {
    traits.ever = bitOf(like.from) | bitOf(like.to);
    traits.lane = laneOf(like.end, witnessOf(like));
    if (witnessOf(like) === 'host') traits.host = 1 << ENDS.indexOf(like.end);
    if (typeof like.owner?.comm === 'string') traits.comm = 'owner';
  } else if (like.record === 'call' && like.comm !== undefined) traits.comm = 'own';
  else if (like.record === 'outcome') {
    traits.verdict = like.verdict;
    if (like.cause !== undefined) traits.cause = like.cause;
    traits.held = ENDS.some((e) => like.final?.[e] === 'CLOSE-WAIT');
  } else if (like.record === 'queue' && like.why === 'overflow') traits.cause = like.cause ?? 'listener-dropped';
  else if (like.record === 'segment') traits.again = like.notes?.includes('retransmission') ?? false;
  return traits;
}

/** Processes that held or used an end of it. */
export function pidsOf(conn: Conn): number[] {
  const { records } = conn.trace;
  const all = new Set<number>();
  for (let i = conn.newest; i > conn.first; i = records.before(i)) {
    const { record } = records.like(i);
    const pid = record === 'state' ? records.integer(i, 'pid', 'owner') : record === 'call' ? records.integer(i, 'pid') : undefined;
    if (pid !== undefined) all.add(pid);
  }
  return [...all];
}

/** As stateAt(), without a record being made: for looking at all connections. */
export function stateNow(conn: Conn, end: End, p: Point): State {
  const { records } = conn.trace;
  const lead: Witness = conn.hosts & (1 << ENDS.indexOf(end)) ? 'host' : 'wire';
  // Most connections are over, or not yet there.
  const outside = before(p, conn.rec) ? conn.firsts : p.t > conn.until ? conn.lasts : 0;
  const known = (outside >> laneOf(end, lead)) & 15;
  if (known) return STATES[known - 1]!;
  let state: State = 'UNKNOWN';
  let found: Point | undefined;
  for (let i = conn.newest; i > conn.first; i = records.before(i)) {
    const like = records.like(i);
    if (like.record !== 'state' || like.end !== end || witnessOf(like) !== lead) continue;
    const at = { t: records.time(i), n: records.number(i) };
    if (before(p, at)) {
      if (!found) state = like.from;
    } else if (!found || before(found, at)) {
      found = at;
      state = like.to;
      // Only a late record could come after it.
      if (at.t < p.t) break;
    }
  }
  return state;
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
