// What the records of a connection showed before one of them: what a sentence about that one depends on.

import { before, type End, type Rec, type SegmentRec, type State } from '../trace/records';
import type { Around } from './kind';

export const opposite = (e: End): End => (e === 'client' ? 'server' : 'client');

/** The newest record before `rec` that the rule holds for. */
function newest<T extends Rec>(around: Around, rec: Rec, rule: (r: Rec) => r is T): T | undefined {
  const all = around.events ?? [];
  for (let i = all.length - 1; i >= 0; i--) {
    const r = all[i]!;
    if (before(r, rec) && rule(r)) return r;
  }
  return undefined;
}

const segmentOf = (end: End, rule: (s: SegmentRec) => boolean) =>
  (r: Rec): r is SegmentRec => r.record === 'segment' && r.from === end && rule(r);

/** Was a segment of that end seen with the flag? */
export const sent = (around: Around, rec: Rec, end: End, flag?: string): boolean =>
  newest(around, rec, segmentOf(end, (s) => flag === undefined || s.flags.includes(flag))) !== undefined;

/** The window that the end told of last, in bytes; undefined: of none. */
export const windowOf = (around: Around, rec: Rec, end: End): number | undefined =>
  newest(around, rec, segmentOf(end, (s) => s.win !== undefined && !s.flags.includes('RST')))?.win;

/** The last segment of an end before the record. */
export const lastSegment = (around: Around, rec: Rec, end: End): SegmentRec | undefined =>
  newest(around, rec, segmentOf(end, () => true));

/** The state that the end was in, by whichever witness told last. */
export const stateBefore = (around: Around, rec: Rec, end: End): State | undefined =>
  newest(around, rec, (r): r is Extract<Rec, { record: 'state' }> => r.record === 'state' && r.end === end)?.to;

/** Did the end enter the state? */
export const entered = (around: Around, rec: Rec, end: End, state: State): boolean =>
  newest(around, rec, (r): r is Extract<Rec, { record: 'state' }> => r.record === 'state' && r.end === end && r.to === state) !== undefined;

/** A window has a unit only where both SYNs were seen: they agree on its scale (RFC 7323, 2.2). */
export const scaleKnown = (around: Around, rec: SegmentRec): boolean =>
  rec.flags.includes('SYN') || (sent(around, rec, 'client', 'SYN') && sent(around, rec, 'server', 'SYN'));
