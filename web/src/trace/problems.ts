// What a user looks for first: resets, repeats, drops, failed calls, doubts, losses of the trace.

import type { CallRec, Rec } from './records';

export const PROBLEMS = [
  'reset', 'retransmission', 'loss', 'window', 'checksum', 'overflow', 'expired', 'failed', 'timeout', 'disagreement', 'gap',
] as const;
export type Problem = (typeof PROBLEMS)[number];

/** Notes that tell of trouble; the rest tell what a segment is for. */
const NOTES: Record<string, Problem> = {
  'retransmission': 'retransmission', 'fast-retransmission': 'retransmission', 'spurious-retransmission': 'retransmission',
  'out-of-order': 'loss', 'lost-segment': 'loss', 'acked-unseen': 'loss', 'zero-window': 'window', 'window-full': 'window',
  'bad-checksum': 'checksum',
};
const noteOf = (note: string): Problem | undefined => (Object.hasOwn(NOTES, note) ? NOTES[note] : undefined);
export const isTrouble = (note: string): boolean => noteOf(note) !== undefined;

export function problemOf(rec: Rec): Problem | undefined {
  switch (rec.record) {
    case 'reset': return 'reset';
    case 'gap': return 'gap';
    case 'disagreement': return rec.known === undefined ? 'disagreement' : undefined;
    case 'segment': return rec.flags.includes('RST') ? 'reset' : noteOf(rec.notes?.find(isTrouble) ?? '');
    case 'queue':
      return rec.why === 'overflow' ? 'overflow' : rec.why === 'expired' || rec.why === 'dropped' ? 'expired' : undefined;
    case 'call': return callFailed(rec) ? 'failed' : undefined;
    case 'timer': return rec.fired && rec.name !== 'time-wait' ? 'timeout' : undefined;
    default: return undefined;
  }
}
export const isProblem = (rec: Rec): boolean => problemOf(rec) !== undefined;

/** EAGAIN and EINPROGRESS are how non-blocking sockets work, not failures. */
export function callFailed(rec: CallRec): boolean {
  return rec.errno !== undefined && !['EAGAIN', 'EWOULDBLOCK', 'EINPROGRESS', 'EINTR'].includes(rec.errno);
}
