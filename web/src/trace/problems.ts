// What a user looks for first: resets, repeats, drops, failed calls, doubts, losses of the trace.

import type { CallRec } from './records';

export const PROBLEMS = [
  'reset', 'icmp', 'retransmission', 'loss', 'window', 'checksum', 'overflow', 'expired', 'failed', 'timeout', 'disagreement', 'gap', 'finding', 'held',
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

/** A signal came: the kernel starts the call again, or it returns EINTR (include/linux/errno.h). */
export const interrupted = (errno: string | undefined): boolean => errno === 'EINTR' || !!errno?.startsWith('ERESTART');
export const wouldBlock = (errno: string | undefined): boolean => errno === 'EAGAIN' || errno === 'EWOULDBLOCK';

/** How non-blocking sockets and signals work is no failure. */
export function callFailed(rec: CallRec): boolean {
  return rec.errno !== undefined && !wouldBlock(rec.errno) && rec.errno !== 'EINPROGRESS' && !interrupted(rec.errno);
}

const bit = (p: Problem) => 1 << PROBLEMS.indexOf(p);
/** A failed call is how the application hears of these; it is no further fact. */
const HEARD = bit('reset') | bit('icmp') | bit('timeout') | bit('overflow');
/** What made a connection wait though it ended well. */
export const DELAYS = bit('overflow') | bit('expired') | bit('timeout') | bit('held');

/** The different things that went wrong, of the set of a connection. */
export function factsOf(troubles: number): Problem[] {
  const told = troubles & HEARD ? troubles & ~bit('failed') : troubles;
  return PROBLEMS.filter((p) => told & bit(p));
}
