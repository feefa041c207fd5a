// A trace of what names no connection: datagrams, calls that wait, processes. Two clients of one UDP socket, one of whom comes
// when it is closed; and a server that waits for its only TCP connection by poll().

import { Talk, Writer } from './writer';

const SERVER = { addr: '10.0.1.1', port: 7007 };
const client = (port: number) => ({ addr: '10.0.0.1', port });
const at = (pid: number, comm: string) => ({ pid, tid: pid, comm });
const US = 1000;

export function udpTrace(): string {
  const w = new Writer();
  w.header();
  const call = (us: number, pid: number, socket: number, name: string, took: number, more: object) =>
    w.put('call', us, { socket, name, fd: 3, duration_ns: took * US, ...at(pid, pid === 10 ? 'echo-server' : 'echo-client'), ...more });
  call(0, 10, 1, 'socket', 1, { fd: -1, ret: 3 });
  call(5, 10, 1, 'bind', 1, { ret: 0 });
  for (const [i, port] of [5001, 5002].entries()) {
    const [pid, socket] = [20 + i, 2 + i];
    call(100, pid, socket, 'connect', 1, { ret: 0 });
    w.put('datagram', 10, { from: client(port), to: SERVER, len: 5, checksum: 'ok', sender: socket, receiver: 1 });
    call(2, pid, socket, 'sendto', 4, { ret: 5 });
    call(2, 10, 1, 'recvfrom', 60, { ret: 5 });
    w.put('datagram', 5, { from: SERVER, to: client(port), len: 5, checksum: 'ok', sender: 1, receiver: socket });
    call(2, 10, 1, 'sendto', 4, { ret: 5 });
    call(2, pid, socket, 'recvfrom', 16, { ret: 5 });
    w.put('process', 5, { event: 'exit', parent: 1, status: 0, cpu_ns: 900 * US, nvcsw: 3, nivcsw: 0, maxrss_kb: 2048, ...at(pid, 'echo-client') });
  }
  call(50, 10, 1, 'close', 1, { ret: 0 });
  call(50, 22, 4, 'connect', 1, { ret: 0 });
  w.put('datagram', 10, { from: client(5003), to: SERVER, len: 4, checksum: 'bad', sender: 4 });
  w.put('datagram', 10, { from: client(5003), to: SERVER, len: 4, checksum: 'ok', lost: true, sender: 4 });
  w.put('datagram', 10, { from: client(5003), to: SERVER, len: 4, checksum: 'ok', sender: 4 });
  w.put('datagram', 5, { from: client(5003), to: SERVER, len: 4, icmp: { error: 'port-unreachable', by: '10.0.1.1' }, sender: 4 });
  call(5, 22, 4, 'recvfrom', 2, { ret: -1, errno: 'ECONNREFUSED' });
  w.end();
  return w.text();
}

export function waitsTrace(): string {
  const w = new Writer();
  w.header();
  const server = { ...SERVER, pid: 10, comm: 'echo-server' };
  const poll = (us: number, tid: number, took: number, more: object) =>
    w.put('call', us, { name: 'poll', fd: -1, duration_ns: took * US, pid: 10, tid, comm: 'echo-server', args: { watched: 2, timeout_ns: -1 }, ...more });
  const talk = new Talk(w, 1, { client: { ...client(5001), pid: 20, comm: 'echo-client' }, server }, 100);
  talk.handshake(2, 0, 1, 3, 500);
  poll(5, 10, 100_000, { blocked: true });
  poll(5, 10, 100_005, { ret: 1, ready: [{ fd: 5, events: ['IN'] }] });
  w.put('call', 5, { conn: 1, end: 'server', socket: 3, name: 'read', fd: 5, ret: 5, duration_ns: 1000, pid: 10, tid: 10, comm: 'echo-server' });
  // of another connection, and of another thread
  poll(5, 10, 2, { ret: 1, ready: [{ fd: 6, events: ['IN'] }] });
  poll(5, 11, 2, { ret: 0 });
  poll(150_000, 10, 149_980, { blocked: true });
  w.put('process', 5, { event: 'exit', pid: 11, tid: 11, parent: 1, comm: 'other', status: 0 });
  w.put('process', 5, { event: 'exit', pid: 10, tid: 10, parent: 1, comm: 'echo-server', status: 0, cpu_ns: 1_500_000, nvcsw: 3, nivcsw: 0, maxrss_kb: 2048 });
  w.end();
  return w.text();
}
