// From a record to what it is called: the kind of a segment or call, and short labels. No words of
// a language here beyond TCP's own.

import type { CallRec, Rec, SegmentRec, State } from './records';
import { count, show } from '../text';

const CALLS = [
  'socket', 'bind', 'listen', 'connect', 'accept', 'send', 'recv', 'recv-eof', 'close', 'shutdown',
  'setsockopt',
] as const;
export type CallKind = (typeof CALLS)[number];

export const SEGMENTS = [
  'syn', 'syn-ack', 'handshake-ack', 'data', 'ack', 'fin', 'fin-data', 'fin-last', 'rst', 'rst-refused', 'rst-void', 'keep-alive', 'window-probe', 'odd',
] as const;
export type SegmentKind = (typeof SEGMENTS)[number];

export type Group = 'idle' | 'opening' | 'open' | 'active' | 'passive' | 'wait';

const GROUPS: Record<State, Group> = {
  'CLOSED': 'idle', 'LISTEN': 'idle', 'UNKNOWN': 'idle', 'SYN-SENT': 'opening', 'SYN-RECEIVED': 'opening',
  'ESTABLISHED': 'open', 'FIN-WAIT-1': 'active', 'FIN-WAIT-2': 'active', 'CLOSING': 'active',
  'CLOSE-WAIT': 'passive', 'LAST-ACK': 'passive', 'TIME-WAIT': 'wait',
};
export const groupOf = (s: State): Group => GROUPS[s];

/** `events`: those of its connection, where they are known. */
export function segmentKind(rec: SegmentRec, events?: readonly Rec[]): SegmentKind {
  const has = (f: string) => rec.flags.includes(f);
  if (has('RST')) return 'rst';
  if (has('SYN')) return has('FIN') ? 'odd' : has('ACK') ? 'syn-ack' : 'syn';
  if (has('FIN')) return rec.len > 0 ? 'fin-data' : 'fin';
  if (rec.notes?.includes('keep-alive')) return 'keep-alive';
  if (rec.len > 0) return 'data';
  if (!has('ACK')) return 'odd';
  // The ACK of the handshake: relative 1 and 1, the sender's first after its SYN.
  if (rec.seq === 1 && rec.ack === 1 && rec.from === 'client' && events) {
    const acks = events.find((e) => e.record === 'segment' && e.from === 'client' && !e.flags.includes('SYN'));
    if (acks === rec) return 'handshake-ack';
  }
  return 'ack';
}

const CALL: Record<string, CallKind> = {
  socket: 'socket', bind: 'bind', setsockopt: 'setsockopt', listen: 'listen', connect: 'connect', accept: 'accept', accept4: 'accept',
  send: 'send', sendto: 'send', sendmsg: 'send', sendmmsg: 'send', write: 'send', writev: 'send', sendfile: 'send',
  recv: 'recv', recvfrom: 'recv', recvmsg: 'recv', recvmmsg: 'recv', read: 'recv', readv: 'recv',
  close: 'close', shutdown: 'shutdown',
};
export function callKind(rec: CallRec): CallKind | undefined {
  const kind = Object.hasOwn(CALL, rec.name) ? CALL[rec.name] : undefined;
  return kind === 'recv' && rec.ret === 0 ? 'recv-eof' : kind;
}

/** `SYN,ACK` as the RFC writes it. */
export function flagsOf(rec: SegmentRec): string {
  return rec.flags.length > 0 ? rec.flags.map((f) => show(f, 8)).join(',') : '—';
}

export function seqText(rec: SegmentRec): string {
  const parts = [`seq ${count(rec.seq)}`];
  if (rec.ack !== undefined) parts.push(`ack ${count(rec.ack)}`);
  if (rec.len > 0) parts.push(`len ${count(rec.len)}`);
  return parts.join('  ');
}

export function callText(rec: CallRec): string {
  const name = show(rec.name, 24);
  if (rec.errno) return `${name}() = ${show(rec.errno, 20)}`;
  return rec.ret === undefined ? `${name}()` : `${name}() = ${rec.ret}`;
}
