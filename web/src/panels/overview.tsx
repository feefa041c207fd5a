// The whole trace in one strip, on the time axis that the queues have too: density of events,
// problems, losses, the life of the selected connection, what the ladder shows of it, the cursor.

import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { conn, cursor, d, hiding, inSight, revision, theme, timeAxis, trace, truncated } from '../state/app';
import { goTo } from '../state/cursor';
import type { Trace } from '../trace/model';
import type { Scale } from '../trace/timescale';
import { clock, count } from '../text';
import { penFor, useViewport } from './parts';

const HEIGHT = 44;
const BAR = 2;
/** Half of a marker, and a bit. */
const MARKER = 5;
/** Records looked at for the density: a picture as wide as a screen shows no more. */
const LOOKED_AT = 20_000;

export function Overview() {
  const { ref, view } = useViewport<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const ui = d.value.ui;
  void revision.value;
  void theme.value;
  const t = trace.value;
  const scale = timeAxis.value;
  const width = Math.max(60, view.width);
  const hide = hiding.value;
  const at = cursor.value;
  const c = conn.value;
  const sight = inSight.value;
  const bins = useMemo(() => (t ? densityOf(t, scale, Math.floor(width / BAR)) : []), [t, scale, width]);
  const troubles = useMemo(() => (t ? troublesOf(t, scale, width) : []), [t, scale, width]);

  // In the frame of what it goes with.
  useLayoutEffect(() => {
    const el = canvas.current;
    if (!el || !t) return;
    const life = c && [c.rec.t, c.until] as const;
    draw(el, width, { bins, troubles, scale, t, life, sight, at: at.t, cut: truncated.value, hide });
  });

  const go = (e: PointerEvent) => {
    const box = (e.currentTarget as HTMLElement).getBoundingClientRect();
    const x = Math.min(1, Math.max(0, (e.clientX - box.left) / box.width));
    // Markers are as wide as that; while dragging it is the time that counts.
    const reach = e.type === 'pointerdown' ? scale.time(Math.min(1, x + MARKER / box.width)) - scale.time(Math.max(0, x - MARKER / box.width)) : 0;
    goTo(Math.round(scale.time(x)), reach / 2);
  };
  return (
    <section class="panel overview" aria-label={ui.overview}>
      <div
        class="overview-plot" ref={ref} role="slider" tabIndex={0} aria-label={ui.overviewHint} title={ui.overviewHint}
        aria-valuemin={0} aria-valuemax={t?.last ?? 0} aria-valuenow={Math.min(at.t, t?.last ?? 0)} aria-valuetext={`${clock(at.t)} s`}
        onPointerDown={(e) => { e.currentTarget.setPointerCapture(e.pointerId); go(e); }}
        onPointerMove={(e) => { if (e.currentTarget.hasPointerCapture(e.pointerId)) go(e); }}
      >
        <canvas ref={canvas} height={HEIGHT} aria-hidden="true" />
        {t && !hide && <span class="sr">{count(t.troubles.length)} ⚠</span>}
      </div>
    </section>
  );
}

function densityOf(t: Trace, scale: Scale, n: number): Float32Array {
  const bins = new Float32Array(Math.max(1, n));
  const { records } = t;
  const step = Math.max(1, Math.ceil(records.length / LOOKED_AT));
  for (let i = records.first; i < records.end; i += step) {
    const { record } = records.like(i);
    if (record !== 'header' && record !== 'end') bins[Math.min(bins.length - 1, Math.floor(scale.at(records.time(i)) * bins.length))]! += 1;
  }
  return bins;
}

/** Where problems are marked, in pixels: what would fall on the one before it is left out. */
function troublesOf(t: Trace, scale: Scale, width: number): number[] {
  const marks: number[] = [];
  let last = -9;
  for (const { t: time } of t.troubles) {
    const px = scale.at(time) * width;
    if (px - last < 2 && px >= last) continue;
    marks.push((last = px));
  }
  return marks;
}

interface Picture {
  bins: ArrayLike<number>; troubles: readonly number[]; scale: Scale; t: Trace; life: readonly [number, number] | undefined;
  sight: readonly [number, number] | undefined; at: number; cut: boolean; hide: boolean;
}

function draw(el: HTMLCanvasElement, width: number, p: Picture): void {
  const pen = penFor(el, width, HEIGHT);
  if (!pen) return;
  const { g, ink } = pen;
  const x = (time: number) => p.scale.at(time) * width;
  const base = HEIGHT - 9;

  // Nothing of what comes is drawn where it is hidden.
  const seen = p.hide ? x(p.at) : width;
  g.save();
  g.beginPath();
  g.rect(0, 0, seen, HEIGHT);
  g.clip();
  g.fillStyle = ink('--raised');
  for (const [from, to] of p.scale.folds) g.fillRect(x(from), 0, x(to) - x(from), base);
  if (p.sight) {
    g.fillStyle = ink('--tint');
    g.fillRect(x(p.sight[0]), 0, Math.max(3, x(p.sight[1]) - x(p.sight[0])), base);
  }
  let most = 1;
  for (let i = 0; i < p.bins.length; i++) most = Math.max(most, p.bins[i]!);
  // The root of it: one lonely event is still seen beside a burst.
  g.fillStyle = ink('--soft');
  for (let i = 0; i < p.bins.length; i++) {
    if (p.bins[i]! > 0) {
      const h = Math.max(2, Math.sqrt(p.bins[i]! / most) * (base - 8));
      g.fillRect((i * width) / p.bins.length, base - h, BAR - 0.5, h);
    }
  }
  g.fillStyle = ink('--line2');
  g.fillRect(0, base, width, 1);
  if (p.life) {
    g.fillStyle = ink('--accent');
    g.fillRect(x(p.life[0]), base + 2, Math.max(3, x(p.life[1]) - x(p.life[0])), 3);
  }
  g.fillStyle = ink('--warn');
  for (const gap of p.t.gaps) {
    const from = x(gap.from ?? gap.t);
    for (let gx = from; gx <= Math.max(from + 3, x(gap.to ?? gap.t)); gx += 4) g.fillRect(gx, 8, 2, base - 8);
  }
  if (p.cut) g.fillRect(width - 4, 0, 4, base);
  g.fillStyle = ink('--bad');
  let last = -9;
  for (const px of p.troubles) {
    const apart = px < last ? 9 : px - last;
    last = px;
    // A crowd of them is a band, not a row of teeth.
    if (apart < 7) {
      g.fillRect(px - 1, 0, 2, 5);
      continue;
    }
    g.beginPath();
    g.moveTo(px - 3.5, 0);
    g.lineTo(px + 3.5, 0);
    g.lineTo(px, 6);
    g.fill();
  }
  g.restore();
  g.fillStyle = ink('--accent');
  g.fillRect(x(p.at) - 1, 0, 2, HEIGHT);
}
