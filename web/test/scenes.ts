// Scenes to develop and test the viewer with, written as docs/trace-format.md defines them.

import { demo } from './sample';
import type { State } from '../src/trace/records';
import { Talk, Writer, type Party } from './writer';

const SERVER: Party = { addr: '10.0.1.1', port: 443, pid: 810, comm: 'httpd' };
const LIMIT = 3;

function ends(i: number, server: Party = SERVER): Record<'client' | 'server', Party> {
  const v6 = i % 5 === 4;
  return {
    client: {
      addr: v6 ? `2001:db8::${(i % 0xffff).toString(16)}` : `10.0.${(i >> 8) & 255}.${i & 255}`,
      port: 32768 + (i * 7) % 28000, pid: 5000 + i, comm: ['curl', 'wget', 'psql', 'python3'][i % 4]!,
    },
    server: v6 ? { ...server, addr: '2001:db8::443' } : server,
  };
}

function refused(w: Writer, id: number, us: number): void {
  const talk = new Talk(w, id, ends(id, { addr: '10.0.1.1', port: 81, pid: 0, comm: '' }), us);
  talk.state.server = talk.wire.server = 'CLOSED';
  talk.kernel(3, 'client', 'SYN-SENT');
  const syn = talk.segment(40, 'client', ['SYN']);
  talk.inferred('client', 'SYN-SENT', syn);
  w.put('reset', 60, { conn: id, end: 'server', direction: 'sent', reason: 'NO_SOCKET', who: 'stack' });
  const rst = talk.segment(1, 'server', ['RST', 'ACK']);
  w.put('reset', 60, { conn: id, end: 'client', direction: 'received', who: 'peer' });
  talk.kernel(0.5, 'client', 'CLOSED', 'sock', rst);
  talk.inferred('client', 'CLOSED', rst);
  talk.call(5, 'client', 'connect', 3, -1, { errno: 'ECONNREFUSED', duration_ns: 130_000 });
  talk.outcome(100, 'refused', 'Refused: nobody listens on 10.0.1.1 port 81.', { conn_state: 'REJ', history: 'Sr', reset_by: 'server' });
}

function aborted(w: Writer, id: number, us: number): void {
  const talk = new Talk(w, id, ends(id), us);
  talk.handshake(2, 0, 0, LIMIT, 900);
  talk.accepted(30, 2, 0, 1, LIMIT);
  talk.echo(500, 1200, 900);
  talk.segment(100, 'client', ['PSH', 'ACK'], 1400);
  talk.segment(250_000, 'client', ['PSH', 'ACK'], 1400, { notes: ['retransmission'] });
  w.put('timer', 0, { conn: id, end: 'client', name: 'retransmit', fired: true, count: 1, source: 'kernel' });
  w.put('reset', 300, { conn: id, end: 'server', direction: 'sent', reason: 'TCP_ABORT_ON_CLOSE', who: 'stack' });
  talk.kernel(0, 'server', 'CLOSED');
  const rst = talk.segment(2, 'server', ['RST', 'ACK']);
  talk.inferred('server', 'CLOSED', rst);
  talk.inferred('client', 'CLOSED', rst);
  w.put('reset', 400, { conn: id, end: 'client', direction: 'received', who: 'peer' });
  talk.kernel(1, 'client', 'CLOSED', 'sock', rst);
  talk.call(10, 'client', 'recvfrom', 3, -1, { errno: 'ECONNRESET' });
  talk.outcome(100, 'reset-by-server', 'Reset by the server.', { conn_state: 'RSTR', history: 'ShADadDr', reset_by: 'server' });
}

function overflow(w: Writer, id: number, us: number): void {
  const talk = new Talk(w, id, ends(id), us);
  talk.kernel(3, 'client', 'SYN-SENT');
  for (let i = 0; i < 3; i++) {
    const syn = talk.segment(i === 0 ? 20 : 1_000_000 * 2 ** (i - 1), 'client', ['SYN'], 0, i > 0 ? { notes: ['retransmission'] } : {});
    if (i === 0) {
      talk.inferred('client', 'SYN-SENT', syn);
      talk.seq.client = 0;
    }
    talk.queue(30, 2, 0, LIMIT, LIMIT, i + 1, 'overflow');
  }
  talk.outcome(100, 'no-answer', 'No answer to the SYN.', { conn_state: 'S0', history: 'SW' });
}

function stillOpen(w: Writer, id: number, us: number): void {
  const talk = new Talk(w, id, ends(id), us);
  talk.handshake(2, 1, 1, LIMIT, 300);
  talk.accepted(40, 2, 1, 2, LIMIT);
  talk.echo(700, 4096, 300);
  talk.outcome(0, 'still-open', 'Still open at the end of the trace.', { conn_state: 'S1', history: 'ShADad' });
}

function closed(w: Writer, id: number, us: number, first: 'client' | 'server'): void {
  const talk = new Talk(w, id, ends(id), us);
  talk.handshake(2, 0, 1, LIMIT, 500);
  talk.accepted(40, 2, 0, 2, LIMIT);
  talk.echo(900, 640, 500);
  talk.close(2000, first, 1500, 500);
  talk.outcome(100, 'closed-normally', `Closed normally: the ${first} closed first and waits in TIME-WAIT.`, { conn_state: 'SF', history: 'ShADadFfa', closed_by: first });
}

/** What the wire alone tells of a capture file: no kernel records, every state hatched. */
function wireOnly(w: Writer, id: number, us: number): void {
  const talk = new Talk(w, id, ends(id), us);
  const syn = talk.segment(10, 'client', ['SYN']);
  talk.inferred('client', 'SYN-SENT', syn);
  talk.inferred('server', 'SYN-RECEIVED', talk.segment(20_000, 'server', ['SYN', 'ACK']));
  const ack = talk.segment(20_000, 'client', ['ACK']);
  talk.inferred('client', 'ESTABLISHED', ack);
  talk.inferred('server', 'ESTABLISHED', ack);
  talk.segment(100, 'client', ['PSH', 'ACK'], 300);
  talk.segment(20_000, 'server', ['ACK']);
  w.put('gap', 4_000, { source: 'wire', lost: 12, from: w.t - 2_000_000, to: w.t });
  w.put('finding', 4_000, {
    kind: 'accept-queue-overflow', severity: 'error', count: 2, listener: 1, conns: [1], first: w.t - 2_000_000, last: w.t,
    text: 'The accept queue of L1 was full.', evidence: { limit: 2, peak: 2 }, remedy: ['call accept() sooner', 'give listen() a larger backlog'], because: [2],
  });
  talk.segment(3_000_000, 'server', ['PSH', 'ACK'], 1448, { cut: true });
  talk.outcome(10, 'still-open', 'Still open.', { conn_state: 'S1', history: 'ShADd' });
}

/** A SYN in a tunnel, in a tunnel, which a router refuses; its time is told as a date. */
function tunnelled(w: Writer, id: number, us: number): void {
  const { client, server } = ends(id);
  w.put('connection', us, {
    conn: id, client: { addr: client.addr, port: client.port }, server: { addr: server.addr, port: server.port },
    family: client.addr.includes(':') ? 'ipv6' : 'ipv4', local: [],
    tunnel: [{ type: '802.1ah', id: 66051 }, { type: 'gre', from: '192.0.2.1', to: '192.0.2.2' }],
  });
  w.put('segment', 0, {
    conn: id, from: 'client', flags: ['SYN'], seq: 0, seq_abs: 7, len: 1400, win: 1024, frame: 12, at: '2038-08-01T03:59:08.451127000Z',
  });
  w.put('icmp', 1, { conn: id, end: 'client', error: 'fragmentation-needed', by: '192.0.2.9', seq_abs: 7, mtu: 1280, frame: 13 });
}

/** A command that starts another, which is killed; and what the counters of the namespace say at the end. */
function processes(w: Writer): void {
  const shell = { pid: 700, tid: 700, comm: 'sh' };
  w.put('process', 1, { ...shell, event: 'exec', parent: 699 });
  w.put('process', 1, { pid: 701, tid: 701, comm: 'sh', event: 'fork', parent: 700 });
  w.put('process', 1, { pid: 701, tid: 702, comm: 'worker', event: 'thread' });
  w.put('process', 1, { pid: 701, tid: 701, comm: 'worker', event: 'exit', status: 137 });
  w.put('counter', 1, { name: 'TcpExtListenOverflows', value: 12, delta: 3 });
  w.put('counter', 0, { name: 'TcpCurrEstab', value: 4, delta: -2 });
}

/** A question over UDP, its answer, and one that nobody took. */
function datagrams(w: Writer): void {
  const asker = { addr: '192.0.2.5', port: 40001 };
  const resolver = { addr: '192.0.2.53', port: 53 };
  w.put('datagram', 1, { from: asker, to: resolver, len: 28, checksum: 'ok', sender: 900, dns: { id: 7, q: 'a.example', type: 'A' }, frame: 20 });
  w.put('datagram', 1, {
    from: resolver, to: asker, len: 44, checksum: 'none', receiver: 900,
    dns: { id: 7, q: 'a.example', type: 'A', rcode: 'NOERROR', count: 1, answers: ['192.0.2.80'] },
  });
  w.put('datagram', 1, { from: asker, to: resolver, len: 28, checksum: 'bad', icmp: { error: 'port-unreachable', by: '192.0.2.53' } });
}

/** What only some kernels, rights or accidents bring: samples, calls before the connection, timers cut short, doubts. */
export function rare(w: Writer, id: number, us: number): void {
  const e = ends(id);
  datagrams(w);
  processes(w);
  w.put('call', us, {
    name: 'epoll_wait', fd: 9, blocked: true, duration_ns: 2e8, ready: [{ fd: 3, events: ['IN', 'HUP'] }, { events: ['OUT'] }],
    events: ['IN'], pid: 5, comm: 'loop',
  });
  const call = (name: string, more: object) =>
    w.put('call', us, { socket: 70 + id, name, pid: e.client.pid, tid: e.client.pid, comm: e.client.comm, ...more });
  call('socket', { fd: -1, ret: 3 });
  call('setsockopt', { fd: 3, ret: 0, args: { option: 'SO_LINGER' } });
  const talk = new Talk(w, id, e, us);
  const sampled = (end: 'client' | 'server', to: State, object = 'sock') => {
    w.put('state', 20_000, { conn: id, end, from: talk.state[end], to, how: 'sampled', source: 'diag', kernel: { state: to.replace('-', '_'), object } });
    talk.state[end] = to;
  };
  talk.inferred('client', 'SYN-SENT', talk.segment(10, 'client', ['SYN']));
  talk.inferred('server', 'SYN-RECEIVED', talk.segment(100, 'server', ['SYN', 'ACK'], 0, { rtt_ns: 100_000 }));
  const ack = talk.segment(100, 'client', ['ACK']);
  talk.inferred('client', 'ESTABLISHED', ack);
  talk.inferred('server', 'ESTABLISHED', ack);
  sampled('client', 'ESTABLISHED');
  sampled('server', 'ESTABLISHED');
  talk.call(5, 'client', 'connect', 3, 0, { socket: 70 + id, duration_ns: 210_000 });
  talk.segment(50, 'client', ['PSH', 'ACK'], 1400);
  w.put('timer', 1, { conn: id, end: 'client', name: 'retransmit', expires: w.t + 204_000_000, rto_ns: 204_000_000, source: 'kernel' });
  talk.segment(20, 'server', ['ACK'], 0, { notes: ['duplicate-ack'], dup_ack: 3 });
  talk.segment(20, 'client', ['PSH', 'ACK'], 1400, { notes: ['retransmission', 'fast-retransmission'] });
  w.put('timer', 1, { conn: id, end: 'client', name: 'retransmit', cancelled: true, source: 'kernel' });
  sampled('client', 'FIN-WAIT-2', 'timewait');
  w.put('disagreement', 1_000_000, { conn: id, end: 'client', kernel: 'CLOSED', wire: 'FIN-WAIT-2', known: 'fin-wait-2-timeout' });
  w.put('disagreement', 10, { conn: id, end: 'server', kernel: 'CLOSED', wire: 'ESTABLISHED' });
  w.put('timer', 1, { conn: id, end: 'server', name: 'time-wait', expires: w.t + 60_000_000_000, source: 'kernel' });
  w.put('timer', 90_000, { conn: id, end: 'server', name: 'time-wait', cancelled: true, why: 'reused', source: 'kernel' });
  talk.outcome(10, 'closing', 'Closing.', { conn_state: 'SF', rtt_ns: 200_000 });
}

/** What a lab tells besides, around a connection over its wire. */
function ofLab(w: Writer, id: number, us: number): void {
  w.put('lab', us, { lab: 'lost-syn', version: 1, student: 's123', values: { port: '20417' } });
  w.put('lab', 1, { lab: 'lost-syn', actor: 'client', op: 'start', addr: '10.77.0.11' });
  const talk = new Talk(w, id, ends(id), us);
  const lost = talk.segment(10, 'client', ['SYN'], 0, { notes: ['lost-on-wire'] });
  const again = talk.segment(1e6, 'client', ['SYN'], 0, { notes: ['retransmission'] });
  w.put('arrival', 20, { conn: id, end: 'server', delay_ns: 20_000, because: again });
  w.put('lab', 10, { lab: 'lost-syn', actor: 'client', step: 1, op: 'connect', ret: -1, errno: 'ETIMEDOUT', duration_ns: 1_000_000, text: 'server' });
  talk.outcome(10, 'no-answer', 'No answer.');
  w.put('answer', 1, { question: 'when', choice: 'after-1-s', right: true });
  w.put('answer', 1, { question: 'who', choice: 'server' });
  w.put('check', 1, { check: 'lost', result: 'passed', expected: 'a lost SYN', seen: 'one', because: [lost] });
  w.put('check', 1, { check: 'gap', result: 'failed', expected: 'a second between', seen: 'nothing' });
  w.put('check', 1, { check: 'kernel', result: 'inconclusive', expected: 'a timer', seen: 'no kernel witness' });
}

/** A hostile process: its name tries markup, reordering and sheer length. */
function hostile(w: Writer, id: number, us: number): void {
  const e = ends(id);
  e.client.comm = '</script><img src=x onerror=alert(1)>\u202egnp.exe\u0007';
  e.server.comm = 'A'.repeat(10_240);
  const talk = new Talk(w, id, e, us);
  talk.handshake(2, 0, 0, LIMIT);
  talk.accepted(5, 2, 0, 1, LIMIT);
  talk.outcome(1, '<b>odd</b>', '<script>alert(1)</script>\u202eevil');
}

const SCENES = [
  (w: Writer, id: number, us: number) => closed(w, id, us, 'client'), refused,
  (w: Writer, id: number, us: number) => closed(w, id, us, 'server'), aborted, stillOpen, overflow, wireOnly,
];

export interface Options { connections?: number; scene?: string; events?: number }

export function makeTrace(o: Options = {}): string {
  const w = new Writer();
  w.header({ command: ['sh', '-c', 'load'], filter: { ports: [443, 81, 7007] } });
  if (o.scene === 'long') {
    demo(w);
    const talk = new Talk(w, 2, ends(2), 100);
    talk.handshake(1, 0, 0, 17);
    const want = o.events ?? 10_000;
    while (w.lines.length < want) talk.echo(50, 1 + (w.lines.length % 1400));
    talk.close(100, 'client', 100);
  } else {
    demo(w);
    w.put('listener', 10, { listener: 2, addr: '::', port: 443, backlog: 2, limit: LIMIT, owner: { pid: 810, comm: 'httpd' } });
    const n = o.scene === 'demo' ? 1 : (o.connections ?? 12);
    for (let id = 2; id <= n; id++) SCENES[(id - 2) % SCENES.length]!(w, id, 3000);
    if (o.scene === 'rare') {
      rare(w, n + 1, 100);
      tunnelled(w, n + 2, 100);
      ofLab(w, n + 3, 100);
    }
    if (o.scene === 'hostile') hostile(w, n + 1, 100);
  }
  w.end();
  return w.text();
}
