// The arrow of what was on the wire, from one rail to the other.

import type { SegmentRec } from '../trace/records';

/** `lost`: it ends on its way. */
export function Arrow({ right, lost }: { right: boolean; lost?: boolean | undefined }) {
  const to = lost ? '62%' : '100%';
  const [x1, x2] = right ? ['0', to] : ['100%', lost ? '38%' : '0'];
  return (
    <svg class="arrow" aria-hidden="true" width="100%" height="40">
      <line x1={x1} y1="23" x2={x2} y2="31" />
      <svg x={x2} y="31" overflow="visible"><path d={lost ? 'M-5-5 5 5M5-5-5 5' : right ? 'M1 0l-9-5v10z' : 'M-1 0l9-5v10z'} fill="currentColor" stroke={lost ? 'currentColor' : undefined} stroke-width="2" /></svg>
    </svg>
  );
}

export const segmentClass = (rec: SegmentRec): string => (rec.flags.includes('RST') ? 'rst' : rec.flags.includes('SYN') ? 'syn' : rec.flags.includes('FIN') ? 'fin' : rec.len > 0 ? 'data' : 'ack');

/** One that took its time, from its row to that of its arrival. `bottom` undefined: it is still on its way. */
export function Flight({ rec, top, bottom }: { rec: SegmentRec; top: number; bottom: number | undefined }) {
  const h = Math.max(1, (bottom ?? top + 30) - top);
  const right = rec.from === 'client';
  const head = `head-${rec.n}`;
  const to = bottom === undefined ? '50%' : right ? '100%' : '0';
  return (
    <svg class={`flight seg ${rec.from} k-${segmentClass(rec)} ${rec.notes?.includes('retransmission') ? 'again' : ''}`} style={{ top: `${top}px` }} width="100%" height={h} overflow="visible">
      <marker id={head} viewBox="0 0 10 10" refX="9" refY="5" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0l10 5-10 5z" fill="currentColor" /></marker>
      <line x1={right ? '0' : '100%'} y1="0" x2={to} y2={h} marker-end={`url(#${head})`} />
    </svg>
  );
}
