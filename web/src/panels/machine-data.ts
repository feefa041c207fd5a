// RFC 9293 figure 5, placed by hand in the RFC's own arrangement. As there, CLOSED stands twice:
// above for the beginning, below for the end.

import type { State } from '../trace/records';

export const WIDTH = 466;
export const HEIGHT = 442;
/** Labels stand a little beyond the boxes. */
export const VIEW_BOX = `-12 0 ${WIDTH + 30} ${HEIGHT}`;
export const BOX = { w: 104, h: 24 };

export type Place = Exclude<State, 'UNKNOWN'> | 'END';

export const PLACES: Record<Place, [x: number, y: number]> = {
  'CLOSED': [230, 20], 'LISTEN': [230, 84], 'SYN-RECEIVED': [70, 146], 'SYN-SENT': [390, 146],
  'ESTABLISHED': [230, 196], 'FIN-WAIT-1': [70, 258], 'CLOSE-WAIT': [390, 258], 'FIN-WAIT-2': [70, 336],
  'CLOSING': [230, 318], 'LAST-ACK': [390, 336], 'TIME-WAIT': [230, 396], 'END': [390, 396],
};

/** Where an end that is CLOSED stands: only two edges of the figure lead back to the top. */
export function placeOf(state: State, from: State | undefined): Place | undefined {
  if (state === 'UNKNOWN') return undefined;
  if (state !== 'CLOSED') return state;
  return from === undefined || from === 'LISTEN' || from === 'SYN-SENT' || from === 'UNKNOWN' ? 'CLOSED' : 'END';
}

export interface Drawn { path: string; label: [x: number, y: number, anchor: 'start' | 'middle' | 'end', oneLine?: true] }

/** Keyed by `FROM>TO`; labels are those of trace/transitions.ts. */
export const DRAWN: Record<string, Drawn> = {
  'CLOSED>LISTEN': { path: 'M218 32V70', label: [212, 48, 'end'] },
  'LISTEN>CLOSED': { path: 'M242 72V34', label: [248, 48, 'start'] },
  'CLOSED>SYN-SENT': { path: 'M282 20C370 20 408 60 408 132', label: [401, 40, 'start'] },
  'SYN-SENT>CLOSED': { path: 'M376 134C374 84 346 40 284 28', label: [360, 84, 'end'] },
  'LISTEN>SYN-RECEIVED': { path: 'M196 96L114 133', label: [145, 107, 'end'] },
  'LISTEN>SYN-SENT': { path: 'M264 96L346 133', label: [287, 121, 'end'] },
  'SYN-RECEIVED>LISTEN': { path: 'M58 134C58 104 110 84 176 84', label: [84, 92, 'end', true] },
  'SYN-SENT>SYN-RECEIVED': { path: 'M338 142H124', label: [230, 153, 'middle', true] },
  'SYN-RECEIVED>ESTABLISHED': { path: 'M104 158L182 184', label: [54, 187, 'start'] },
  'SYN-SENT>ESTABLISHED': { path: 'M356 158L278 184', label: [328, 183, 'start'] },
  'SYN-RECEIVED>FIN-WAIT-1': { path: 'M46 158V244', label: [41, 200, 'end'] },
  'ESTABLISHED>FIN-WAIT-1': { path: 'M192 208L114 245', label: [134, 218, 'end'] },
  'ESTABLISHED>CLOSE-WAIT': { path: 'M268 208L346 245', label: [326, 218, 'start'] },
  'FIN-WAIT-1>FIN-WAIT-2': { path: 'M50 270V322', label: [56, 298, 'start'] },
  'FIN-WAIT-1>CLOSING': { path: 'M122 264L188 305', label: [172, 274, 'start'] },
  'FIN-WAIT-2>TIME-WAIT': { path: 'M72 348C76 384 120 398 176 398', label: [74, 380, 'end'] },
  'CLOSING>TIME-WAIT': { path: 'M230 330V382', label: [224, 360, 'end'] },
  'CLOSE-WAIT>LAST-ACK': { path: 'M390 270V322', label: [396, 294, 'start'] },
  'LAST-ACK>CLOSED': { path: 'M404 348V382', label: [398, 363, 'end'] },
  'TIME-WAIT>CLOSED': { path: 'M282 396H336', label: [352, 424, 'middle'] },
};

/** The column between the two halves of the figure, where only edges run. */
const FREE = 310;

/** The way of a change that the figure has no edge for, around the boxes, and where its label stands. */
export function offFigure(from: State, to: State): { path: string; label: [x: number, y: number] } | undefined {
  const a = placeOf(from, undefined);
  const b = placeOf(to, from);
  if (!a || !b || a === b) return undefined;
  const [ax, ay] = PLACES[a];
  const [bx, by] = PLACES[b];
  const right = BOX.w / 2;
  const below = BOX.h / 2;
  if (b === 'END') {
    if (a === 'TIME-WAIT') return { path: `M${ax + right} ${ay - 6}H${bx - right - 2}`, label: [FREE - 10, ay - 10] };
    // Down or up to a line between the boxes, along it to the free column, and down that.
    const side = ax > FREE ? ax - right : ax + right;
    const down = ax < 200 || a === 'LISTEN' ? ay + below + 7 : ay + 5;
    const start = down > ay + below ? `M${ax + 20} ${ay + below}V${down}H${FREE}` : `M${side} ${down}H${FREE}`;
    return { path: `${start}V${by - 8}H${bx - right - 2}`, label: [FREE + 5, Math.max(down + 14, 300)] };
  }
  const dx = bx - ax;
  const dy = by - ay;
  // Start and stop at the edge of the boxes.
  const cut = Math.min(Math.abs((right + 4) / (dx || 1e-6)), Math.abs((below + 4) / (dy || 1e-6)), 0.45);
  return { path: `M${ax + dx * cut} ${ay + dy * cut}L${bx - dx * cut} ${by - dy * cut}`, label: [(ax + bx) / 2 + 6, (ay + by) / 2] };
}
