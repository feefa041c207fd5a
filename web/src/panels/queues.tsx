// Depth of each listener's queues over the time of the trace: step areas on one time axis with the
// cursor. Drawn to the width of the panel, whatever the number of events.

import { useEffect, useMemo } from 'preact/hooks';
import { conn, cursor, d, hiding, queuesOpen, revision, timeAxis, trace } from '../state/app';
import { goTo, moveToRecord } from '../state/cursor';
import type { Queued } from '../trace/depth';
import type { Listener } from '../trace/model';
import type { Scale } from '../trace/timescale';
import { address, clock, count, owner, show, span } from '../text';
import { Maximise, useViewport } from './parts';
import { Graph, graphing } from './graph';

const TRACK = 34;
const AXIS = 18;

export function Queues() {
  const { ref, view } = useViewport<HTMLDivElement>();
  void revision.value;
  const t = trace.value;
  const words = d.value;
  const at = cursor.value;
  const names = view.width < 560 ? 120 : 218;
  const width = Math.max(60, view.width - names - 26);
  const scale = timeAxis.value;
  const x = (time: number) => scale.at(time) * width;
  const listeners = t?.listeners ?? [];
  const mine = conn.value?.listener ?? listeners.find(({ rec }) => rec.port === conn.value?.rec.server.port)?.id;
  // A click on a marker goes to what it marks.
  const jump = (l: Listener, e: MouseEvent) => {
    const box = (e.currentTarget as HTMLElement).getBoundingClientRect();
    const at = (px: number) => scale.time(Math.min(1, Math.max(0, px / box.width)));
    const px = e.clientX - box.left;
    const drop = l.queue.overflowNear(at(px), (at(px + 6) - at(px - 6)) / 2);
    if (drop === undefined) goTo(Math.round(at(px)));
    else moveToRecord(drop);
  };
  // The queues of the connection that is looked at.
  useEffect(() => {
    const el = ref.current;
    const there = mine === undefined ? null : document.getElementById(`listener-${mine}`);
    if (el && there) el.scrollTop = there.offsetTop - el.offsetTop;
  }, [mine, queuesOpen.value]);
  const open = listeners.length > 0 && queuesOpen.value;
  return (
    <section class={`panel queues ${open || graphing.value ? '' : 'closed'}`} aria-labelledby="queues-title">
      <h2 id="queues-title">
        {listeners.length > 0 && !graphing.value && (
          <button class="bare" aria-expanded={open} onClick={() => { queuesOpen.value = !queuesOpen.value; }}><span aria-hidden="true">{open ? '▾' : '▸'}</span><span class="sr">{open ? words.view.collapse : words.view.expand}</span></button>
        )}
        <span class="switch">
          <button class="small" aria-pressed={!graphing.value} onClick={() => { graphing.value = false; }}>{words.ui.queues}</button>
          <button class="small" id="graphs" aria-pressed={graphing.value} onClick={() => { graphing.value = true; }}>{words.graph.title}</button>
        </span>
        {listeners.length === 0 && !graphing.value && <small>{words.ui.noListener}</small>}
        <span class="grow" />
        <Maximise name={graphing.value ? 'graph' : 'queues'} />
      </h2>
      {graphing.value && <Graph />}
      <div class="queues-scroll" hidden={!open || graphing.value} ref={ref} style={{ '--names': `${names}px` }} tabIndex={0} role="group" aria-label={words.ui.queueHint}>
        {listeners.map((l) => {
          const now = l.queue.at(at);
          const limit = now?.limit ?? l.rec.limit;
          return (
            <div class={`listener ${l.id === mine ? 'mine' : ''}`} id={`listener-${l.id}`} key={l.id}>
              <div class="listener-name">
                <b>L{l.id} {address(l.rec)}</b>
                {l.closed !== undefined && l.closed <= at.t && <span class="muted"> {words.ui.closedListener}</span>}
                {now && now.drops > 0 && <em>▼ {words.ui.drops(count(now.drops))}</em>}
                {l.calls.map((c) => (
                  <button key={c.n} class="bare call-link" title={`${clock(c.t)} s`} onClick={() => moveToRecord(c.n)}><code>{show(c.name, 16)}()</code></button>
                ))}
                <small>{l.rec.owner ? words.ui.listenerOf(owner(l.rec.owner)) : ''}</small>
              </div>
              <Track l={l} field="syn" now={now} limit={undefined} x={x} folds={scale.folds} width={width} jump={(e) => jump(l, e)} />
              <Track l={l} field="accept" now={now} limit={limit} x={x} folds={scale.folds} width={width} jump={(e) => jump(l, e)} />
            </div>
          );
        })}
        {listeners.length > 0 && <Axis scale={scale} width={width} />}
      </div>
    </section>
  );
}

interface TrackProps {
  l: Listener; field: 'syn' | 'accept'; now: Queued | undefined; limit: number | undefined;
  x: (t: number) => number; folds: Scale['folds']; width: number; jump: (e: MouseEvent) => void;
}

function Track({ l, field, now, limit, x, folds, width, jump }: TrackProps) {
  const words = d.value;
  const depth = now?.[field] ?? 0;
  const full = limit !== undefined && depth >= limit;
  const shape = useMemo(() => steps(l, field, limit, x, width), [l, l.queue.length, field, limit, width, timeAxis.value]);
  const y = TRACK - 4 - (limit ?? 0) * shape.scale;
  const seen = hiding.value ? x(cursor.value.t) : width;
  return (
    <div class="track">
      <div class="track-name">
        <span>{field === 'syn' ? words.ui.synQueue : words.ui.acceptQueue}</span>
        <b class={full ? 'full' : ''}>{count(depth)}{limit !== undefined && ` / ${count(limit)}`}{full && ` ${words.ui.full}`}</b>
      </div>
      <div class="track-plot" onClick={jump}>
        <svg width={width} height={TRACK} aria-hidden="true">
          <line class="base" x1="0" x2={width} y1={TRACK - 3.5} y2={TRACK - 3.5} />
          {folds.map((f) => <rect key={f[0]} class="fold" x={x(f[0])} width={x(f[1]) - x(f[0])} height={TRACK - 4} />)}
          {limit !== undefined && <line class="limit" x1="0" x2={width} y1={y} y2={y} />}
          <path class={`area ${field}`} d={shape.area} style={{ clipPath: seen < width ? `inset(-9px ${width - seen}px -9px -9px)` : undefined }} />
          <text class="top" x="2" y="11">{count(shape.top)}</text><text class="top" x="2" y={TRACK - 5}>0</text>
          {field === 'accept' && shape.drops.filter((dx) => dx <= seen).map((dx) => <path key={dx} class="drop" d={`M${dx - 4} 1h8l-4 7z`} />)}
          <line class="cursor" x1={x(cursor.value.t)} x2={x(cursor.value.t)} y1="0" y2={TRACK} />
        </svg>
      </div>
    </div>
  );
}

/** One step a pixel at most: the deepest of what falls on it. */
function steps(l: Listener, field: 'syn' | 'accept', limit: number | undefined, x: (t: number) => number, width: number) {
  const { length, t, drops: dropsAt, overflow, [field]: depth } = l.queue;
  let top = limit ?? 1;
  for (let i = 0; i < length; i++) top = Math.max(top, depth[i]!);
  const scale = (TRACK - 10) / Math.max(1, top);
  const base = TRACK - 4;
  let area = `M0 ${base}`;
  const drops: number[] = [];
  let px = -1;
  let peak = 0;
  let last = 0;
  let dropped = 0;
  const flush = () => {
    if (px < 0) return;
    area += `H${px}V${base - peak * scale}`;
    // A depth that came and went within a pixel still shows, one pixel wide.
    if (peak !== last) area += `h1V${base - last * scale}`;
  };
  for (let i = 0; i < length; i++) {
    const at = Math.round(x(t[i]!));
    if (at !== px) {
      flush();
      px = at;
      peak = 0;
    }
    last = depth[i]!;
    peak = Math.max(peak, last);
    if (dropsAt[i]! > dropped || overflow[i]) {
      dropped = Math.max(dropped, dropsAt[i]!);
      if (drops[drops.length - 1] !== at) drops.push(at);
    }
  }
  flush();
  return { area: `${area}H${width}V${base}Z`, drops, scale, top };
}

function Axis({ scale, width }: { scale: Scale; width: number }) {
  const ticks = Math.max(1, Math.min(8, Math.floor(width / 110)));
  const folds = scale.folds.map(([from, to]) => ({ at: ((scale.at(from) + scale.at(to)) / 2) * width, ns: to - from }));
  // A fold is told by how much it leaves out; a tick that would touch it gives way.
  const named = folds.filter((f, i) => f.at > 40 && f.at < width - 60 && (i === 0 || f.at - folds[i - 1]!.at > 90));
  return (
    <div class="track axis" aria-hidden="true">
      <div class="track-name" />
      <svg width={width} height={AXIS}>
        {named.map((f) => <text key={f.at} class="fold-text" x={f.at} y="13" text-anchor="middle">⋯ {span(f.ns)} ⋯</text>)}
        {Array.from({ length: ticks + 1 }, (_, i) => {
          const at = (i / ticks) * width;
          const anchor = i === 0 ? 'start' : i === ticks ? 'end' : 'middle';
          const middle = i === 0 ? at : i === ticks ? at - 36 : at;
          if (named.some((f) => Math.abs(f.at - middle) < 84)) return null;
          return <text key={i} x={at} y="13" text-anchor={anchor}>{i === 0 ? '0' : `${clock(Math.round(scale.time(i / ticks)))} s`}</text>;
        })}
      </svg>
    </div>
  );
}
