// What is no finding, and yet worth a look where there is none: what `tcplens explain` says stands out (src/sink/digest.c).

import { ENDS, type End, type OutcomeRec } from './records';
import type { Standing } from './words';

/** Shorter than that it does not stand out. */
export const STANDS_OUT_NS = 1e9;

export interface Stands { what: Standing; ns: number; end: End }

/** A figure of an outcome that is a wait, by the names that lead to it, and whose it is. */
interface Wait { what: Standing; path: readonly string[]; end: End }
const LONG_WAITS: readonly Wait[] = [
  ...ENDS.map((end) => ({ what: 'close-wait' as const, path: ['durations', end, 'CLOSE-WAIT'], end })),
  { what: 'opening', path: ['durations', 'client', 'SYN-SENT'], end: 'client' },
];

export function waitsOf({ stalled }: OutcomeRec): readonly Wait[] {
  if (!stalled) return LONG_WAITS;
  // A window of zero is an answer: what asks for it is not sent in vain.
  return [...LONG_WAITS, { what: stalled.what === 'zero-window' ? 'zero-window' : 'in-vain', path: ['stalled', 'ns'], end: stalled.end }];
}

/** The server was sent something, said that it was there, and sent nothing back. */
export const isUnanswered = (client: number, server: number, segments: number | undefined) => client > 0 && server === 0 && (segments ?? 0) > 0;

export function valueAt(of: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inside, name) => (inside as Record<string, unknown> | undefined)?.[name], of);
}

export function standsOf(o: OutcomeRec): Stands[] {
  const all: Stands[] = waitsOf(o).map(({ what, path, end }) => ({ what, ns: Number(valueAt(o, path) ?? 0), end }));
  if (isUnanswered(o.bytes?.client ?? 0, o.bytes?.server ?? 0, o.segments?.server)) all.push({ what: 'unanswered', ns: o.duration_ns ?? 0, end: 'server' });
  return all.filter((s) => s.ns >= STANDS_OUT_NS);
}

/** How often over the whole trace, and where it lasted longest. */
export interface Sum { count: number; ns: number; conn: number; end: End }

export function sumUp(sums: Map<Standing, Sum>, what: Standing, ns: number, conn: number, end: End): void {
  const sum = sums.get(what) ?? { count: 0, ns: 0, conn, end };
  const longer = ns > sum.ns;
  sums.set(what, { count: sum.count + 1, ns: longer ? ns : sum.ns, conn: longer ? conn : sum.conn, end: longer ? end : sum.end });
}
