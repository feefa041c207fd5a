// The ladder to scale: how many pixels a second has.

import { conn, zoom } from './app';

const LEAST = 1e-3;
const MOST = 1e10;

/** The connection over about three heights of the panel. */
export function zoomToFit(height = document.querySelector('.ladder-scroll')?.clientHeight ?? 600): void {
  const all = conn.value?.events;
  if (!all || all.length === 0) return;
  const ns = Math.max(1, all[all.length - 1]!.t - all[0]!.t);
  zoom.value = Math.min(MOST, Math.max(LEAST, (height * 3e9) / ns));
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
