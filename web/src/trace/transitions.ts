// The edges of RFC 9293 figure 5 and the moves outside of it that real systems make. Facts only;
// the words are in i18n/.

import { EDGES as TABLE } from './edges';
import type { State, Sysctl } from './words';

export interface Edge {
  from: State;
  to: State;
  /** What happened / what is done, as figure 5 labels the edge. */
  event: string;
  action: string;
}

const seen = new Set<string>();
/** Two inputs of a state can take the same edge of the figure. The figure shows a listener and its connections as one; the
 * program follows one connection, which is CLOSED where a RST takes its listener back to LISTEN. */
export const EDGES: readonly Edge[] = [
  ...TABLE.filter((e) => e.label !== undefined && !seen.has(`${e.from}>${e.to}`) && seen.add(`${e.from}>${e.to}`)).map((e) => {
    const [event, action] = e.label!.split(' / ') as [string, string];
    return { from: e.from, to: e.to, event, action };
  }),
  { from: 'SYN-RECEIVED', to: 'LISTEN', event: 'rcv RST', action: 'x' },
];

export function edgeOf(from: State, to: State): Edge | undefined {
  return EDGES.find((e) => e.from === from && e.to === to);
}

/** Moves that have a text of their own. The rest is told by what caused it. */
export const TOLD = [
  'CLOSED>LISTEN', 'CLOSED>SYN-SENT', 'CLOSED>SYN-RECEIVED', 'LISTEN>CLOSED',
  'LISTEN>SYN-RECEIVED', 'LISTEN>SYN-SENT', 'SYN-SENT>CLOSED', 'SYN-SENT>SYN-RECEIVED',
  'SYN-SENT>ESTABLISHED', 'SYN-RECEIVED>LISTEN', 'SYN-RECEIVED>CLOSED',
  'SYN-RECEIVED>ESTABLISHED', 'SYN-RECEIVED>FIN-WAIT-1', 'SYN-RECEIVED>CLOSE-WAIT',
  'ESTABLISHED>FIN-WAIT-1', 'ESTABLISHED>CLOSE-WAIT', 'ESTABLISHED>CLOSED',
  'FIN-WAIT-1>FIN-WAIT-2', 'FIN-WAIT-1>CLOSING', 'FIN-WAIT-1>TIME-WAIT', 'FIN-WAIT-1>CLOSED',
  'FIN-WAIT-2>TIME-WAIT', 'FIN-WAIT-2>CLOSED', 'CLOSING>TIME-WAIT', 'CLOSING>CLOSED',
  'CLOSE-WAIT>LAST-ACK', 'CLOSE-WAIT>CLOSED', 'LAST-ACK>CLOSED', 'TIME-WAIT>CLOSED',
  'TIME-WAIT>SYN-RECEIVED',
] as const;
export type Move = (typeof TOLD)[number];

const KNOWN = new Set<string>(TOLD);
export function moveOf(from: State, to: State): Move | undefined {
  const key = `${from}>${to}`;
  return KNOWN.has(key) ? (key as Move) : undefined;
}

/** What governs a move: settings of the kernel, calls of the application, places in RFC 9293. */
export interface Governs { sysctl?: Sysctl[]; calls?: string[]; rfc: string[] }

const SYN_RETRIES: Sysctl = 'net.ipv4.tcp_syn_retries';
const BACKLOG: Sysctl[] = ['net.core.somaxconn', 'net.ipv4.tcp_max_syn_backlog', 'net.ipv4.tcp_syncookies'];

/** Of an end whose peer does not answer. */
export const GIVES_UP: Governs = {
  calls: ['setsockopt(TCP_USER_TIMEOUT)', 'setsockopt(SO_KEEPALIVE)'], sysctl: ['net.ipv4.tcp_retries2'], rfc: ['3.8.3', '3.10.8'],
};

export const GOVERNS: Record<Move, Governs> = {
  'CLOSED>LISTEN': { calls: ['listen()'], sysctl: ['net.core.somaxconn'], rfc: ['3.10.1'] },
  'CLOSED>SYN-SENT': { calls: ['connect()'], sysctl: [SYN_RETRIES], rfc: ['3.5', '3.10.1'] },
  'CLOSED>SYN-RECEIVED': { sysctl: BACKLOG, rfc: ['3.10.7.2'] },
  'LISTEN>CLOSED': { calls: ['close()'], rfc: ['3.10.4'] },
  'LISTEN>SYN-RECEIVED': { sysctl: [...BACKLOG, 'net.ipv4.tcp_synack_retries'], rfc: ['3.5', '3.10.7.2'] },
  'LISTEN>SYN-SENT': { rfc: ['3.10.2'] },
  'SYN-SENT>CLOSED': { calls: ['close()'], sysctl: [SYN_RETRIES], rfc: ['3.10.7.3'] },
  'SYN-SENT>SYN-RECEIVED': { rfc: ['3.5', '3.10.7.3'] },
  'SYN-SENT>ESTABLISHED': { calls: ['connect()'], rfc: ['3.5', '3.10.7.3'] },
  'SYN-RECEIVED>LISTEN': { rfc: ['3.10.7.4'] },
  'SYN-RECEIVED>CLOSED': { sysctl: ['net.ipv4.tcp_synack_retries', 'net.ipv4.tcp_abort_on_overflow'], rfc: ['3.10.7.4'] },
  'SYN-RECEIVED>ESTABLISHED': { sysctl: ['net.core.somaxconn', 'net.ipv4.tcp_abort_on_overflow'], rfc: ['3.5', '3.10.7.4'] },
  'SYN-RECEIVED>FIN-WAIT-1': { calls: ['close()', 'shutdown()'], rfc: ['3.10.4'] },
  'SYN-RECEIVED>CLOSE-WAIT': { rfc: ['3.10.7.4'] },
  'ESTABLISHED>FIN-WAIT-1': { calls: ['close()', 'shutdown()'], rfc: ['3.6', '3.10.4'] },
  'ESTABLISHED>CLOSE-WAIT': { calls: ['recv()'], rfc: ['3.6', '3.10.7.4'] },
  'ESTABLISHED>CLOSED': { calls: ['close()', 'setsockopt(SO_LINGER)'], sysctl: ['net.ipv4.tcp_retries2'], rfc: ['3.5.2', '3.10.5'] },
  'FIN-WAIT-1>FIN-WAIT-2': { sysctl: ['net.ipv4.tcp_fin_timeout'], rfc: ['3.6', '3.10.7.4'] },
  'FIN-WAIT-1>CLOSING': { rfc: ['3.6', '3.10.7.4'] },
  'FIN-WAIT-1>TIME-WAIT': { rfc: ['3.6', '3.10.7.4'] },
  'FIN-WAIT-1>CLOSED': { sysctl: ['net.ipv4.tcp_orphan_retries'], rfc: ['3.10.7.4'] },
  'FIN-WAIT-2>TIME-WAIT': { rfc: ['3.6', '3.10.7.4'] },
  'FIN-WAIT-2>CLOSED': { sysctl: ['net.ipv4.tcp_fin_timeout'], rfc: ['3.10.7.4'] },
  'CLOSING>TIME-WAIT': { rfc: ['3.6', '3.10.7.4'] },
  'CLOSING>CLOSED': { sysctl: ['net.ipv4.tcp_orphan_retries'], rfc: ['3.10.7.4'] },
  'CLOSE-WAIT>LAST-ACK': { calls: ['close()', 'shutdown()'], rfc: ['3.6', '3.10.4'] },
  'CLOSE-WAIT>CLOSED': { calls: ['close()'], rfc: ['3.10.5', '3.10.7.4'] },
  'LAST-ACK>CLOSED': { sysctl: ['net.ipv4.tcp_orphan_retries'], rfc: ['3.6', '3.10.7.4'] },
  'TIME-WAIT>CLOSED': { sysctl: ['net.ipv4.tcp_max_tw_buckets', 'net.ipv4.tcp_tw_reuse'], rfc: ['3.6', '3.10.8'] },
  'TIME-WAIT>SYN-RECEIVED': { sysctl: ['net.ipv4.tcp_tw_reuse'], rfc: ['3.6.1'] },
};
