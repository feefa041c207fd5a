// Writes trace lines the way the tracer does; the scenes of the tests use it.
// A conversation keeps both ends' states, so that no scene can contradict itself.

import type { End, State } from '../src/trace/records';
import { edgeOf } from '../src/trace/transitions';

export type Fields = Record<string, unknown>;

export class Writer {
  lines: string[] = [];
  t = 0;
  counts: Record<string, number> = {};
  #n = 0;

  /** Writes one record `us` microseconds after the last, and returns its number. */
  put(record: string, us: number, fields: Fields): number {
    this.t += Math.round(us * 1000);
    const n = this.#n++;
    this.lines.push(JSON.stringify({ record, n, t: this.t, ...fields }));
    this.counts[record] = (this.counts[record] ?? 0) + 1;
    return n;
  }

  header(fields: Fields = {}): void {
    this.put('header', 0, {
      format: 'tcplens-trace', version: 1, tool: 'tcplens 0.1.0',
      start: '2026-11-21T03:00:00.123456789Z', kernel: 'Linux 6.18.44 x86_64',
      sources: ['kernel', 'wire'], netns: 'new', interfaces: ['lo'], command: ['tcplens-echo', 'demo'],
      sysctl: {
        'net.core.somaxconn': 4096, 'net.ipv4.tcp_max_syn_backlog': 512, 'net.ipv4.tcp_syncookies': 1,
        'net.ipv4.tcp_abort_on_overflow': 0, 'net.ipv4.tcp_fin_timeout': 60,
        'net.ipv4.tcp_syn_retries': 6, 'net.ipv4.tcp_synack_retries': 5, 'net.ipv4.tcp_tw_reuse': 2,
        'net.ipv4.tcp_retries2': 15,
      },
      ...fields,
    });
  }

  end(fields: Fields = {}): void {
    this.put('end', 0, {
      reason: 'command', status: 0, counts: { ...this.counts }, lost: { kernel: 0, wire: 0 }, late: 0,
      ...fields,
    });
  }

  text(): string {
    return `${this.lines.join('\n')}\n`;
  }
}

const KERNEL: Partial<Record<State, string>> = {
  'CLOSED': 'CLOSE', 'SYN-SENT': 'SYN_SENT', 'SYN-RECEIVED': 'SYN_RECV', 'FIN-WAIT-1': 'FIN_WAIT1',
  'FIN-WAIT-2': 'FIN_WAIT2', 'TIME-WAIT': 'TIME_WAIT', 'CLOSE-WAIT': 'CLOSE_WAIT', 'LAST-ACK': 'LAST_ACK',
};

export interface Party { addr: string; port: number; pid: number; comm: string }

/** One connection being told. Each method writes what that happening leaves in a trace. */
export class Talk {
  readonly state: Record<End, State> = { client: 'CLOSED', server: 'LISTEN' };
  readonly wire: Record<End, State> = { client: 'CLOSED', server: 'LISTEN' };
  readonly seq: Record<End, number> = { client: 0, server: 0 };
  readonly sent: Record<End, number> = { client: 0, server: 0 };
  readonly segments: Record<End, number> = { client: 0, server: 0 };
  #began: number;
  /** A change that a RST brings is no edge of the figure. */
  #resets = new Set<number>();

  constructor(readonly w: Writer, readonly conn: number, readonly ends: Record<End, Party>, us = 1) {
    const { client, server } = ends;
    w.put('connection', us, {
      conn, client: { addr: client.addr, port: client.port }, server: { addr: server.addr, port: server.port },
      family: client.addr.includes(':') ? 'ipv6' : 'ipv4', netns: 4026532281, local: ['client', 'server'],
    });
    this.#began = w.t;
  }

  other(end: End): End {
    return end === 'client' ? 'server' : 'client';
  }

  kernel(us: number, end: End, to: State, object = 'sock', because?: number, owned = true): number {
    const from = this.state[end];
    this.state[end] = to;
    const edge = edgeOf(from, to);
    const name = object === 'request' ? 'NEW_SYN_RECV' : (KERNEL[to] ?? to);
    return this.w.put('state', us, {
      conn: this.conn, end, from, to, how: 'observed', source: 'kernel',
      ...(because !== undefined && { because }), kernel: { state: name, object },
      ...(owned && { owner: { pid: this.ends[end].pid, comm: this.ends[end].comm } }),
      ...(edge && !this.#resets.has(because ?? -1) && { rfc: `${edge.event} / ${edge.action}` }),
    });
  }

  inferred(end: End, to: State, because: number): void {
    const from = this.wire[end];
    this.wire[end] = to;
    const edge = edgeOf(from, to);
    this.w.put('state', 0, {
      conn: this.conn, end, from, to, how: 'inferred', source: 'wire', because,
      ...(edge && !this.#resets.has(because ?? -1) && { rfc: `${edge.event} / ${edge.action}` }),
    });
  }

  segment(us: number, from: End, flags: string[], len = 0, more: Fields = {}): number {
    const peer = this.other(from);
    const syn = flags.includes('SYN');
    const n = this.w.put('segment', us, {
      conn: this.conn, from, flags, seq: this.seq[from],
      ...(flags.includes('ACK') && { ack: this.seq[peer] }),
      ...(syn && { seq_abs: (3735928559 + this.conn * 7919 + (from === 'server' ? 99991 : 0)) % 2 ** 32 }),
      len, win: syn ? 65495 : 65536,
      options: syn
        ? { mss: 65495, sack_ok: true, ts: [1911, flags.includes('ACK') ? 1911 : 0], wscale: 7 }
        : { ts: [1912, 1911] },
      ...more,
    });
    if (!more.notes) this.seq[from] += len + (syn || flags.includes('FIN') ? 1 : 0);
    this.sent[from] += more.notes ? 0 : len;
    this.segments[from]++;
    if (flags.includes('RST')) this.#resets.add(n);
    return n;
  }

  call(us: number, end: End, name: string, fd: number, ret: number, more: Fields = {}): number {
    const p = this.ends[end];
    return this.w.put('call', us, {
      conn: this.conn, end, name, fd, ret, pid: p.pid, tid: p.pid, comm: p.comm, ...more,
    });
  }

  queue(us: number, listener: number, syn: number, accept: number, limit: number, drops: number, why: string): void {
    this.w.put('queue', us, { listener, syn, accept, limit, drops, why, conn: this.conn });
  }

  object(us: number, end: End, from: string, to: string): void {
    this.w.put('object', us, {
      conn: this.conn, end, from, to, state: this.state[end],
      kernel: { state: KERNEL[this.state[end]] ?? this.state[end], object: to },
    });
  }

  /** SYN, SYN,ACK, ACK, with the server's request moving from the SYN queue to the accept queue. */
  handshake(listener: number, syn: number, accept: number, limit: number, rtt = 20): void {
    this.kernel(4, 'client', 'SYN-SENT');
    const s = this.segment(rtt / 2, 'client', ['SYN']);
    this.inferred('client', 'SYN-SENT', s);
    this.kernel(rtt / 2, 'server', 'SYN-RECEIVED', 'request', s, false);
    this.queue(0.4, listener, syn + 1, accept, limit, 0, 'syn');
    const sa = this.segment(3, 'server', ['SYN', 'ACK']);
    this.inferred('server', 'SYN-RECEIVED', sa);
    this.kernel(rtt / 2, 'client', 'ESTABLISHED', 'sock', sa);
    const a = this.segment(2, 'client', ['ACK']);
    this.inferred('client', 'ESTABLISHED', a);
    this.inferred('server', 'ESTABLISHED', a);
    this.object(rtt / 2, 'server', 'request', 'sock');
    this.kernel(0.6, 'server', 'ESTABLISHED', 'sock', a, false);
    this.queue(0.5, listener, syn, accept + 1, limit, 0, 'established');
    this.call(6, 'client', 'connect', 3, 0, { duration_ns: 48_000 });
  }

  accepted(us: number, listener: number, syn: number, accept: number, limit: number): void {
    this.queue(us, listener, syn, accept - 1, limit, 0, 'accept');
    this.call(1.2, 'server', 'accept4', 4, 5, { listener, duration_ns: 3100 });
  }

  /** A message and its echo. */
  echo(us: number, size: number, rtt = 20): void {
    for (const from of ['client', 'server'] as const) {
      const peer = this.other(from);
      const fd = (e: End) => (e === 'client' ? 3 : 5);
      this.segment(from === 'client' ? us : 5, from, ['PSH', 'ACK'], size);
      this.call(3, from, 'sendto', fd(from), size);
      this.segment(rtt / 2, peer, ['ACK']);
      this.call(4, peer, 'recvfrom', fd(peer), size);
    }
  }

  /** The first closer goes through FIN-WAIT to TIME-WAIT, the other through CLOSE-WAIT. */
  close(us: number, first: End, waitUs: number, rtt = 20): void {
    const second = this.other(first);
    this.kernel(us, first, 'FIN-WAIT-1');
    const fin = this.segment(1.5, first, ['FIN', 'ACK']);
    this.inferred(first, 'FIN-WAIT-1', fin);
    this.call(2, first, 'close', first === 'client' ? 3 : 5, 0);
    this.kernel(rtt / 2, second, 'CLOSE-WAIT', 'sock', fin);
    const ack = this.segment(2, second, ['ACK']);
    this.inferred(second, 'CLOSE-WAIT', ack);
    this.inferred(first, 'FIN-WAIT-2', ack);
    this.kernel(rtt / 2, first, 'FIN-WAIT-2', 'sock', ack);
    this.object(0.7, first, 'sock', 'timewait');
    this.call(6, second, 'recvfrom', second === 'client' ? 3 : 5, 0);
    this.kernel(waitUs, second, 'LAST-ACK');
    const fin2 = this.segment(1.5, second, ['FIN', 'ACK']);
    this.inferred(second, 'LAST-ACK', fin2);
    this.call(2, second, 'close', second === 'client' ? 3 : 5, 0);
    this.kernel(rtt / 2, first, 'TIME-WAIT', 'timewait', fin2, false);
    this.w.put('timer', 0.5, {
      conn: this.conn, end: first, name: 'time-wait', expires: this.w.t + 500 + 60_000_000_000, source: 'kernel',
    });
    const ack2 = this.segment(2, first, ['ACK']);
    this.inferred(first, 'TIME-WAIT', ack2);
    this.inferred(second, 'CLOSED', ack2);
    this.kernel(rtt / 2, second, 'CLOSED', 'none', ack2, false);
  }

  outcome(us: number, verdict: string, text: string, more: Fields = {}): void {
    this.w.put('outcome', us, {
      conn: this.conn, verdict, text, final: { ...this.state }, bytes: { ...this.sent },
      segments: { ...this.segments }, duration_ns: this.w.t - this.#began, ...more,
    });
  }
}
