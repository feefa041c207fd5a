// The ladder to scale: how many pixels a second has.

import { conn, folding, unfolded, zoom } from './app';

const LEAST = 1e-3;
const MOST = 1e10;

/** The whole connection within the panel, as far as rows have a height. */
function zoomToFit(height = document.querySelector('.ladder-scroll')?.clientHeight ?? 600): void {
  const c = conn.value;
  const all = c?.events.filter((e) => e.record !== 'outcome');
  if (!all || all.length === 0) return;
  const ns = Math.max(1, all[all.length - 1]!.t - all[0]!.t);
  zoom.value = Math.min(MOST, Math.max(LEAST, (Math.max(60, height - 60) * 1e9) / ns));
}

/** The whole connection at a glance: to scale, with every run folded. */
export function fit(): void {
  unfolded.value = new Set();
  folding.value = true;
  zoomToFit();
  const el = document.querySelector('.ladder-scroll');
  if (el) el.scrollTop = 0;
}

export function zoomBy(factor: number): void {
  if (zoom.value === undefined) zoomToFit();
  if (zoom.value !== undefined) zoom.value = Math.min(MOST, Math.max(LEAST, zoom.value * factor));
}

export function toggleScale(): void {
  if (zoom.value === undefined) zoomToFit();
  else zoom.value = undefined;
}

export function scrollLadder(by: 1 | -1): void {
  const el = document.querySelector('.ladder-scroll');
  if (el) el.scrollTop += by * el.clientHeight * 0.5;
}

export function toggleFold(): void {
  folding.value = !folding.value;
  unfolded.value = new Set();
}
