// Which sentence an outcome is told by: the one place that decides it. A language has a template for each key; the trace
// itself has the English ones (src/trace/sentence.c).

import type { End, OutcomeRec } from './records';
import { VERDICTS, type State } from './words';

const SENTENCES = [
  'closed-normally', 'closed-normally.by', 'closed-normally.waits', 'closed-normally.waited', 'closed-both', 'still-open',
  'half-closed', 'half-closed.by', 'closing', 'refused', 'reset', 'reset.own-fin', 'reset.others-fin', 'reset.foreign', 'timed-out', 'no-answer',
  'handshake-incomplete', 'midstream', 'unknown',
  'cause.accept-queue-full', 'cause.accept-queue-full.reset', 'cause.no-answer.waits', 'cause.syn-queue-full', 'cause.listener-dropped', 'cause.none', 'stalled.retransmissions', 'stalled.keep-alives', 'stalled.zero-window',
  'cause.listener-closed', 'cause.no-listener', 'cause.signature-refused', 'cause.signature-refused.end', 'cause.filter-reset',
  'cause.syn-backlog-full', 'cause.deferred', 'cause.unread-data', 'cause.abort',
  'cause.data-after-close', 'cause.no-socket', 'cause.killed', 'cause.retransmission-timeout',
  'cause.probe-timeout', 'cause.keep-alive-timeout', 'cause.user-timeout', 'cause.syn-timeout',
  'cause.orphan-timeout', 'cause.time-wait-answered', 'cause.no-ack', 'cause.ack-unacceptable', 'cause.superseded', 'cause.local-drop', 'cause.icmp-net-unreachable',
  'cause.icmp-host-unreachable', 'cause.icmp-protocol-unreachable', 'cause.icmp-port-unreachable', 'cause.icmp-fragmentation-needed',
  'cause.icmp-source-route-failed', 'cause.icmp-admin-prohibited',
  'cause.icmp-time-exceeded', 'cause.icmp-other',
] as const;
export type SentenceKey = (typeof SENTENCES)[number];
const KEYS = new Set<string>(SENTENCES);
/** Of these somebody asks why. */
const FAILURES = new Set(['refused', 'reset-by-client', 'reset-by-server', 'timed-out', 'no-answer', 'handshake-incomplete']);

/** What the templates may name: ends by name, states, and figures. */
export interface Spoken {
  first: End | undefined; other: End | undefined; resetter: End | undefined; causer: End | undefined;
  client: State; server: State; otherState: State | undefined;
  listener: string; what: 'SYN' | 'ACK'; drops: string; unread: string; staller: End | undefined; times: string; seconds: string;
}
export interface Sentence { keys: SentenceKey[]; spoken: Spoken }

const opposite = (e: End): End => (e === 'client' ? 'server' : 'client');

function verdictKey(o: OutcomeRec, by: End | undefined, resetter: End | undefined): string | undefined {
  switch (o.verdict) {
    case 'closed-normally': {
      if (!by) return 'closed-normally';
      if (o.final?.[by] === 'TIME-WAIT') return 'closed-normally.waits';
      return (o.durations?.[by]?.['TIME-WAIT'] ?? 0) > 0 ? 'closed-normally.waited' : 'closed-normally.by';
    }
    case 'half-closed': return by ? 'half-closed.by' : 'half-closed';
    case 'reset-by-client':
    case 'reset-by-server': return o.cause === 'filter-reset' ? 'reset.foreign' : !by ? 'reset' : by === resetter ? 'reset.own-fin' : 'reset.others-fin';
    default: return (VERDICTS as readonly string[]).includes(o.verdict) ? o.verdict : undefined;
  }
}

function unknownCause(o: OutcomeRec): SentenceKey {
  return o.verdict === 'no-answer' && o.final?.client === 'SYN-SENT' ? 'cause.no-answer.waits' : 'cause.none';
}

/** Undefined: a verdict of a later version, which speaks for itself. */
export function sentenceOf(o: OutcomeRec): Sentence | undefined {
  const first = o.closed_by;
  const resetter: End | undefined = o.verdict === 'reset-by-client' ? 'client' : o.verdict === 'reset-by-server' ? 'server' : undefined;
  const verdict = verdictKey(o, first, resetter);
  const cause = o.cause === undefined && FAILURES.has(o.verdict) && !o.stalled ? unknownCause(o) : `cause.${o.cause}`;
  const refused = cause === 'cause.signature-refused' && o.listener === undefined ? `${cause}.end`
    : o.abort_on_overflow ? `${cause}.reset` : cause;
  const stalled = `stalled.${o.stalled?.what}`;
  if (verdict === undefined || !KEYS.has(verdict)) return undefined;
  const other = first && opposite(first);
  return {
    keys: [verdict, refused, stalled].filter((k) => KEYS.has(k)) as SentenceKey[],
    spoken: {
      first, other, resetter, causer: o.cause_end, client: o.final?.client ?? 'UNKNOWN', server: o.final?.server ?? 'UNKNOWN',
      otherState: other && (o.final?.[other] ?? 'UNKNOWN'), listener: `L${o.listener ?? '?'}`,
      what: o.verdict === 'no-answer' ? 'SYN' : 'ACK', drops: String(o.drops ?? 0), unread: String(o.unread ?? 0),
      staller: o.stalled?.end, times: String(o.stalled?.count ?? 0), seconds: String(Number(((o.stalled?.ns ?? 0) / 1e9).toPrecision(3))),
    },
  };
}
