// What the processes at the ends of a connection did that names no connection: calls that wait for several descriptors, calls
// on the sockets of a UDP pair, their own beginning and end.

import { callKind, type CallKind } from './describe';
import type { Conn } from './model';
import type { CallRec, End, Rec } from './records';

/** A record, and at whose end it belongs. */
export interface Doing { rec: Rec; end: End | undefined }

/** Threads, processes and descriptors at the ends of a connection. */
interface Actors { tids: Map<number, End>; pids: Map<number, End>; fds: Map<string, { end: End; until: number }> }

function actorsOf(conn: Conn, calls: readonly Doing[]): Actors {
  const a: Actors = { tids: new Map(), pids: new Map(), fds: new Map() };
  const call = (rec: CallRec, end: End) => {
    if (rec.pid === undefined) return;
    a.pids.set(rec.pid, end);
    a.tids.set(rec.tid ?? rec.pid, end);
    // What accept() was called with is the listener's: it tells of this connection until it is accepted.
    const accepts = rec.name.startsWith('accept');
    a.fds.set(`${rec.pid} ${rec.fd}`, { end, until: accepts ? rec.t : Infinity });
    if (accepts) a.fds.set(`${rec.pid} ${rec.ret}`, { end, until: Infinity });
  };
  for (const { rec, end } of calls) if (rec.record === 'call' && end) call(rec, end);
  for (const e of conn.events) {
    if (e.record === 'state' && e.owner?.pid !== undefined) a.pids.set(e.owner.pid, e.end);
    else if (e.record === 'call' && e.end) call(e, e.end);
  }
  return a;
}

/** The end that a call waited for: whose descriptor became ready, else whose thread it is. */
function waitedAt(a: Actors, rec: CallRec): End | undefined {
  const ready = rec.ready ?? [];
  for (const { fd } of ready) {
    const there = a.fds.get(`${rec.pid} ${fd}`);
    if (there && rec.t <= there.until) return there.end;
  }
  // Others were ready, and this connection was not.
  if (ready.length > 0 && ready.every(({ fd }) => fd !== undefined)) return undefined;
  return a.tids.get(rec.tid ?? rec.pid ?? -1);
}

const entryOf = (rec: CallRec): number => rec.t - (rec.duration_ns ?? 0);
const MOVES = new Set<CallKind | undefined>(['send', 'recv', 'recv-eof']);

/** Calls on the sockets of a UDP pair, and from when to when the pair lives. Through a socket that has several peers others'
 * datagrams go too: what it moves counts while this pair lives. */
function callsOf(conn: Conn): { calls: Doing[]; from: number; until: number } {
  const all = [...conn.sockets ?? []].map(([socket, end]) => ({ end, calls: conn.trace.callsOn(socket), shared: conn.trace.peersOf(socket) > 1 }));
  const own = all.flatMap(({ calls, shared }) => (shared ? [] : calls.map((rec) => rec.t)));
  const from = own.reduce((a, b) => Math.min(a, b), conn.rec.t);
  // What is not over is waited for still.
  const until = conn.udp || conn.over ? own.reduce((a, b) => Math.max(a, b), conn.until) : Infinity;
  const counts = (rec: CallRec) => !MOVES.has(callKind(rec)) || (rec.t >= from && entryOf(rec) <= until);
  const calls = all.flatMap(({ end, calls: on, shared }) => on.filter((rec) => !shared || counts(rec)).map((rec) => ({ rec, end })));
  return { calls, from, until };
}

export function doingsOf(conn: Conn): Doing[] {
  const { trace } = conn;
  const { records } = trace;
  const { calls: out, from, until } = callsOf(conn);
  const a = actorsOf(conn, out);
  conn.doers = [...a.pids.keys()];
  for (const [pid, end] of a.pids) {
    for (let i = trace.newestOf(pid); i >= records.first && records.time(i) >= from; i = records.before(i)) {
      // Calls that wait may be many, and most of them after this connection.
      if (records.like(i).record === 'call' && records.time(i) - (records.integer(i, 'duration_ns') ?? 0) > until) continue;
      const rec = records.get(i);
      if (rec.record === 'call') {
        const at = waitedAt(a, rec);
        if (at) out.push({ rec, end: at });
      } else if (rec.record === 'process' && (rec.tid === pid || a.tids.has(rec.tid ?? pid))) {
        out.push({ rec, end: a.tids.get(rec.tid ?? pid) ?? end });
      }
    }
  }
  return out;
}
