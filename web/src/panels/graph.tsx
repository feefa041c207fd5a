// Graphs of one connection over time, on the page's own cursor: sequence numbers as Stevens and as tcptrace draw them, window
// and data in flight, round trips. A range that is chosen tells its totals.

import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { conn, cursor, d, grown, hiding, revision, theme } from '../state/app';
import { goTo } from '../state/cursor';
import { seriesOf, totalsOf, type Mode, type Series, MODES } from '../trace/series';
import { ENDS, type End } from '../trace/records';
import { bytes, clock, count, span } from '../text';
import { penFor, useViewport } from './parts';

export const graphing = signal(false);
const mode = signal<Mode>('stevens');
const from = signal<End>('client');
const range = signal<readonly [number, number] | undefined>(undefined);

const PAD = { left: 58, right: 10, top: 8, bottom: 20 };

export function Graph() {
  const { ref, view } = useViewport<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const drag = useRef<number | undefined>(undefined);
  void grown.value;
  void theme.value;
  void revision.value;
  const words = d.value.graph;
  const c = conn.value;
  const width = Math.max(120, view.width);
  const height = Math.max(90, view.height);
  const at = cursor.value.t;
  const series = useMemo(() => (c ? seriesOf(c.events, from.value, mode.value) : undefined), [c, grown.value, mode.value, from.value]);
  const upTo = hiding.value ? at : Infinity;
  useEffect(() => { range.value = undefined; }, [c]);
  useLayoutEffect(() => {
    if (canvas.current && series) draw(canvas.current, width, height, series, at, upTo, range.value);
  });
  const timeOf = (e: PointerEvent): number => {
    const box = (e.currentTarget as HTMLElement).getBoundingClientRect();
    const part = (e.clientX - box.left - PAD.left) / (width - PAD.left - PAD.right);
    const [t0, t1] = series?.time ?? [0, 1];
    return Math.round(t0 + Math.min(1, Math.max(0, part)) * (t1 - t0));
  };
  const chosen = range.value;
  const sums = c && chosen ? totalsOf(c.events, from.value, chosen) : undefined;
  return (
    <div class="graph">
      <div class="graph-bar">
        <select aria-label={words.title} value={mode.value} onChange={(e) => { mode.value = e.currentTarget.value as Mode; }}>
          {MODES.map((m) => <option key={m} value={m}>{words.modes[m]}</option>)}
        </select>
        <label>{words.from} <select value={from.value} onChange={(e) => { from.value = e.currentTarget.value as End; }}>
          {ENDS.map((end) => <option key={end} value={end}>{d.value.label[end]}</option>)}
        </select></label>
        {sums && chosen ? (
          <output class="totals"><b>{words.range(span(chosen[1] - chosen[0]))}</b>: {words.totals(count(sums.segments), bytes(sums.bytes), count(sums.again), `${bytes(Math.round(sums.bytes / Math.max(1e-9, (chosen[1] - chosen[0]) / 1e9)))}/s`)}
            <button class="small" onClick={() => { range.value = undefined; }}>{words.clear}</button></output>
        ) : <span class="muted">{words.hint}</span>}
      </div>
      <div
        class="graph-plot" ref={ref} role="img" aria-label={`${words.modes[mode.value]}. ${words.hint}`}
        onPointerDown={(e) => { e.currentTarget.setPointerCapture(e.pointerId); drag.current = timeOf(e); }}
        onPointerMove={(e) => {
          if (drag.current === undefined) return;
          const t = timeOf(e);
          if (t !== drag.current) range.value = [Math.min(t, drag.current), Math.max(t, drag.current)];
        }}
        onPointerUp={(e) => {
          if (drag.current !== undefined && timeOf(e) === drag.current) goTo(drag.current);
          drag.current = undefined;
        }}
      >
        {series && series.points.length > 0 ? <canvas ref={canvas} aria-hidden="true" /> : <p class="hollow">{words.none}</p>}
      </div>
    </div>
  );
}

function draw(el: HTMLCanvasElement, width: number, height: number, s: Series, at: number, upTo: number, chosen: readonly [number, number] | undefined): void {
  const pen = penFor(el, width, height);
  if (!pen) return;
  const { g, ink } = pen;
  const [t0, t1] = s.time;
  const [v0, v1] = s.value;
  const x = (t: number) => PAD.left + ((t - t0) / Math.max(1, t1 - t0)) * (width - PAD.left - PAD.right);
  const y = (v: number) => height - PAD.bottom - ((v - v0) / Math.max(1, v1 - v0)) * (height - PAD.top - PAD.bottom);
  g.font = '11px sans-serif';
  if (chosen) {
    g.fillStyle = ink('--tint');
    g.fillRect(x(chosen[0]), PAD.top, x(chosen[1]) - x(chosen[0]), height - PAD.top - PAD.bottom);
  }
  g.strokeStyle = ink('--line');
  g.fillStyle = ink('--soft');
  g.textAlign = 'right';
  for (let i = 0; i <= 3; i++) {
    const v = v0 + ((v1 - v0) * i) / 3;
    g.beginPath();
    g.moveTo(PAD.left, y(v));
    g.lineTo(width - PAD.right, y(v));
    g.stroke();
    g.fillText(s.unit === 'time' ? span(v) : bytes(Math.round(v)), PAD.left - 5, y(v) + 4);
  }
  g.textAlign = 'center';
  const ticks = Math.max(1, Math.floor(width / 160));
  for (let i = 0; i <= ticks; i++) {
    g.textAlign = i === 0 ? 'left' : i === ticks ? 'right' : 'center';
    g.fillText(`${clock(t0 + ((t1 - t0) * i) / ticks)} s`, x(t0 + ((t1 - t0) * i) / ticks), height - 5);
  }
  const colors = { sent: ink('--text'), again: ink('--bad'), ack: ink('--good'), window: ink('--active'), flight: ink('--warn'), rtt: ink('--text') };
  g.save();
  g.beginPath();
  g.rect(PAD.left, PAD.top - 2, width - PAD.left - PAD.right + 2, height - PAD.top - PAD.bottom + 4);
  g.clip();
  for (const line of s.lines) {
    g.strokeStyle = colors[line.what];
    g.lineWidth = 1.4;
    g.beginPath();
    let last: number | undefined;
    for (const [t, v] of line.steps) {
      if (t > upTo) break;
      if (last === undefined) g.moveTo(x(t), y(v));
      else {
        g.lineTo(x(t), y(last));
        g.lineTo(x(t), y(v));
      }
      last = v;
    }
    g.stroke();
  }
  for (const p of s.points) {
    if (p.t > upTo) break;
    g.fillStyle = g.strokeStyle = colors[p.what];
    if (p.to === undefined) g.fillRect(x(p.t) - 1.5, y(p.v) - 1.5, 3, 3);
    else {
      // As tcptrace draws a segment: from its first byte to its last.
      g.lineWidth = 2;
      g.beginPath();
      g.moveTo(x(p.t), y(p.v));
      g.lineTo(x(p.t), Math.min(y(p.to), y(p.v) - 2));
      g.stroke();
    }
  }
  g.restore();
  g.fillStyle = ink('--accent');
  if (at >= t0 && at <= t1) g.fillRect(x(at) - 1, PAD.top, 2, height - PAD.top - PAD.bottom);
}
