// What graphs of a connection draw: numbers over time, of the data that one end sent.

import type { End, Rec } from './records';

export const MODES = ['stevens', 'tcptrace', 'window', 'rtt'] as const;
export type Mode = (typeof MODES)[number];

export interface Dot { t: number; v: number; to?: number; what: 'sent' | 'again' | 'rtt' }
export interface Line { what: 'ack' | 'window' | 'flight'; steps: [t: number, v: number][] }
export interface Series { points: Dot[]; lines: Line[]; time: [number, number]; value: [number, number]; unit: 'bytes' | 'time' }

/**
 * stevens: where each segment begins. tcptrace: each from its first byte to its last, with what the peer has acknowledged
 * and the edge of its window. window: the peer's window, and what is unacknowledged. rtt: the round trips of its segments.
 */
export function seriesOf(events: readonly Rec[], from: End, mode: Mode): Series {
  const points: Dot[] = [];
  const ack: Line = { what: 'ack', steps: [] };
  const edge: Line = { what: 'window', steps: [] };
  const flight: Line = { what: 'flight', steps: [] };
  let acked = 0;
  let highest = 0;
  for (const e of events) {
    if (e.record !== 'segment' || e.notes?.includes('bad-checksum')) continue;
    if (e.from === from) {
      const end = e.seq + e.len + Number(e.flags.includes('SYN')) + Number(e.flags.includes('FIN'));
      highest = Math.max(highest, end);
      if (mode === 'stevens' || mode === 'tcptrace') {
        if (end > e.seq) points.push({ t: e.t, v: e.seq, what: e.notes?.includes('retransmission') ? 'again' : 'sent', ...(mode === 'tcptrace' && { to: end }) });
      }
    } else if (e.ack !== undefined) {
      if (mode === 'rtt' && e.rtt_ns !== undefined) points.push({ t: e.t, v: e.rtt_ns, what: 'rtt' });
      acked = Math.max(acked, e.ack);
      ack.steps.push([e.t, acked]);
      if (e.win !== undefined && !e.flags.includes('RST')) edge.steps.push([e.t, mode === 'window' ? e.win : acked + e.win]);
    }
    if (mode === 'window') flight.steps.push([e.t, Math.max(0, highest - acked)]);
  }
  const lines = mode === 'tcptrace' ? [ack, edge] : mode === 'window' ? [edge, flight] : [];
  // A window is nothing to look at where there is no data.
  if (mode === 'window') points.push(...edge.steps.slice(0, 1).map(([t, v]): Dot => ({ t, v, what: 'sent' })));
  const dots = points.flatMap((p) => [p.v, p.to ?? p.v]);
  const steps = lines.flatMap((l) => l.steps);
  const values = [...dots, ...steps.map((s) => s[1])];
  const times = [...points.map((p) => p.t), ...steps.map((s) => s[0])];
  const most = (list: number[], start: number, pick: (a: number, b: number) => number) => list.reduce((a, b) => pick(a, b), start);
  return {
    points, lines, unit: mode === 'rtt' ? 'time' : 'bytes',
    time: [most(times, Infinity, Math.min), most(times, 0, Math.max)], value: [Math.min(0, most(values, 0, Math.min)), mode === 'tcptrace'
      // A window that is far from full would press the data flat.
      ? Math.min(most(values, 1, Math.max), most(dots, 1, Math.max) * 2) : most(values, 1, Math.max)],
  };
}

/** What one end sent in a range of time. */
export function totalsOf(events: readonly Rec[], from: End, [t0, t1]: readonly [number, number]): { segments: number; bytes: number; again: number } {
  const sums = { segments: 0, bytes: 0, again: 0 };
  for (const e of events) {
    if (e.record !== 'segment' || e.from !== from || e.t < t0 || e.t > t1) continue;
    sums.segments++;
    if (e.notes?.includes('retransmission')) sums.again++;
    else sums.bytes += e.len;
  }
  return sums;
}
