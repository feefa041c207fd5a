// What a user looks for first: resets, repeats, drops, failed calls, doubts, losses of the trace.

import type { CallRec } from './records';

export const PROBLEMS = [
  'reset', 'icmp', 'retransmission', 'loss', 'window', 'checksum', 'overflow', 'expired', 'failed', 'timeout', 'disagreement', 'gap', 'finding',
] as const;
export type Problem = (typeof PROBLEMS)[number];

/** Notes that tell of trouble; the rest tell what a segment is for. */
const NOTES: Record<string, Problem> = {
  'retransmission': 'retransmission', 'fast-retransmission': 'retransmission', 'spurious-retransmission': 'retransmission',
  'out-of-order': 'loss', 'lost-segment': 'loss', 'acked-unseen': 'loss', 'zero-window': 'window', 'window-full': 'window',
  'bad-checksum': 'checksum', 'lost-on-wire': 'loss',
};
export const noteProblem = (note: string): Problem | undefined => (Object.hasOwn(NOTES, note) ? NOTES[note] : undefined);
export const isTrouble = (note: string): boolean => noteProblem(note) !== undefined;

/** EAGAIN and EINPROGRESS are how non-blocking sockets work, not failures. */
export function callFailed(rec: CallRec): boolean {
  return rec.errno !== undefined && !['EAGAIN', 'EWOULDBLOCK', 'EINPROGRESS', 'EINTR'].includes(rec.errno);
}
