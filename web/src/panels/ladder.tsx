// The sequence diagram: two lifelines with state lanes, and one row for each event. Only rows in
// sight are in the document, and those rows are the table that a screen reader walks.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo } from 'preact/hooks';
import { conn, cursor, currentRow, d, folding, hiding, hovered, inSight, ladder, legendOpen, playing, told, trace, unfolded, zoom } from '../state/app';
import { shownUpTo } from '../state/teach';
import type { Point } from '../trace/records';
import { moveTo, moveToRecord } from '../state/cursor';
import { fit, toggleScale, zoomBy } from '../state/zoom';
import { marks } from '../state/marks';
import { callText, groupOf } from '../trace/describe';
import { barsOf, marksOf, spansOf, type Mark, type Span } from '../trace/lanes';
import { around, primary, type Conn, type Trace } from '../trace/model';
import { firstRowBelow, landing, rowAbove, type EventRow, type Ladder as Rows, type RunRow } from '../trace/rows';
import { causeOf, ENDS, type End } from '../trace/records';
import { kindOf, shortOf } from '../kinds';
import { bytes, count, owner, show, span as spanText } from '../text';
import { Flight } from '../kinds/arrow';
import { Glyph } from '../glyph';
import { Address, Maximise, useViewport } from './parts';
import { Legend } from './summary';

const MARGIN = 200;

/** What a ladder shows, and what a hand on it does. Two may stand beside each other. */
export interface Side {
  /** Of its elements: begins their names. */
  id: string;
  title: string;
  trace: Trace;
  conn: Conn;
  rows: Rows;
  now: EventRow | undefined;
  at: Point;
  /** The last row that may be seen. */
  last: number;
  marked: ReadonlyMap<number, unknown>;
  hot: number | undefined;
  hover(n: number | undefined): void;
  move(rec: Point): void;
  go(n: number): void;
  /** Shows each event of the run that begins with this record. */
  unfold(n: number): void;
  told(t: number, before?: number): string;
}

/** The first trace's, under the page's own cursor. */
export function Ladder() {
  const t = trace.value;
  const c = conn.value;
  const rows = ladder.value;
  const side: Side | undefined = t && c && rows && {
    id: 'row', title: d.value.ui.ladder, trace: t, conn: c, rows, now: currentRow.value, at: cursor.value,
    last: hiding.value ? shownUpTo.value : Infinity, marked: marks.value, hot: hovered.value,
    hover: (n) => { hovered.value = n; }, move: moveTo, go: moveToRecord, told,
    unfold: (n) => { unfolded.value = new Set(unfolded.value).add(n); },
  };
  return <Lifelines side={side} foot={<div class="ladder-foot">{legendOpen.value && <Legend />}<Scale /></div>} onSight={(from, to) => { inSight.value = from === undefined ? undefined : [from, to!]; }} />;
}

/** A panel with one ladder. `onSight` hears the first and last time in sight. */
export function Lifelines({ side, head, foot, onSight }: {
  side: Side | undefined; head?: ComponentChildren; foot?: ComponentChildren; onSight?: (from?: number, to?: number) => void;
}) {
  const { ref, view, scrollTo } = useViewport<HTMLDivElement>();
  const rows = side?.rows;
  const c = side?.conn;
  const row = side?.now;

  // The cursor's row stays in sight, wherever the cursor was moved from.
  useLayoutEffect(() => {
    const el = ref.current;
    if (!el || !row) return;
    const room = Math.min(90, el.clientHeight / 4);
    if (row.y < el.scrollTop + room) scrollTo(row.y - room);
    else if (row.y + row.h > el.scrollTop + el.clientHeight - room) scrollTo(row.y + row.h - el.clientHeight + room);
  }, [row?.y, row?.rec.n, c?.id]);

  // What is in sight, for the overview.
  useLayoutEffect(() => {
    const first = rows && (rowAbove(rows, view.top) ?? rows.events[0]);
    const end = rows && rowAbove(rows, view.top + view.height);
    if (first && end) onSight?.(first.rec.t, Math.max(first.rec.t, end.rec.t));
    else onSight?.();
  }, [rows, view.top, view.height]);

  const words = d.value;
  const title = side?.title ?? words.ui.ladder;
  return (
    <section class={`panel ladder of-${side?.id ?? 'row'}`} aria-label={title} style={{ '--digits': String(side?.told(side.trace.last).length ?? 1) }}>
      {head}
      {c && rows && <Head conn={c} rows={rows} />}
      <div
        class="ladder-scroll" ref={ref} role="grid" tabIndex={0} aria-label={`${title}. ${words.ui.tableHint}`}
        aria-rowcount={side ? Math.min(side.last, side.rows.events.length - 1) + 1 : 0} aria-colcount={2}
        aria-activedescendant={row && drawn(row, view) ? `${side.id}-${row.rec.n}` : undefined}
        onWheel={(e) => { if (e.ctrlKey && zoom.value !== undefined) { e.preventDefault(); zoomBy(e.deltaY < 0 ? 1.25 : 0.8); } }}
        onMouseLeave={() => side?.hover(undefined)}
      >
        {side && <Body side={side} top={view.top} height={view.height} />}
      </div>
      {c && foot}
      {!c && <p class="hollow">{trace.value?.all.length ? words.ui.noSelection : words.ui.noConnections}</p>}
    </section>
  );
}

const drawn = (row: { y: number; h: number }, view: { top: number; height: number }) =>
  row.y + row.h >= view.top - MARGIN && row.y <= view.top + view.height + MARGIN;

function Head({ conn: c, rows }: { conn: Conn; rows: Rows }) {
  const words = d.value;
  return (
    <div class="ladder-head" aria-hidden="true">
      <div class="time">{words.ui.time}</div>
      {ENDS.map((end) => (
        <div class={`who ${end}`}>
          <b>{words.label[end]}</b> <Address of={c.rec[end]} />
          <small>{ownerOf(rows, end)}</small>
        </div>
      ))}
    </div>
  );
}

function Scale() {
  const { ui, view } = d.value;
  const on = zoom.value !== undefined;
  return (
    <div class="scale-switch" role="group" aria-label={ui.timeScale}>
      <button class="small" aria-pressed={legendOpen.value} onClick={() => { legendOpen.value = !legendOpen.value; }}>{ui.legend}</button>
      <span class="grow" />
      <button class="small" id="fold" aria-pressed={folding.value} title={`${view.foldHint} (X)`} onClick={() => { folding.value = !folding.value; unfolded.value = new Set(); }}>{view.fold}</button>
      {on && <button class="square" aria-label={ui.zoomOut} title={`${ui.zoomOut} (S)`} onClick={() => zoomBy(0.5)}>−</button>}
      {on && <button class="square" aria-label={ui.zoomIn} title={`${ui.zoomIn} (W)`} onClick={() => zoomBy(2)}>+</button>}
      <button class="small" id="fit" title={`${ui.fit} (F)`} onClick={fit}>{ui.fit}</button>
      <button class="small" id="to-scale" aria-pressed={on} title={`${ui.timeScaleHint} (T)`} onClick={toggleScale}>{ui.timeScale}</button>
      <Maximise name="ladder" />
    </div>
  );
}

/** Data that went well: how much of it, and each way. */
function Run({ row, now, side, times: [from, to] }: { row: RunRow; now: boolean; side: Side; times: [string, number] }) {
  const { view, label } = d.value;
  return (
    <div class={`run ${now ? 'now' : ''}`} role="row" aria-rowindex={row.from + 1} aria-selected={now} style={{ top: `${row.y}px`, height: `${row.h}px` }} onClick={() => side.go(row.n)}>
      <div role="gridcell" class="time">{from}</div>
      <div role="gridcell" class="what">
        <span class="run-text">⋮ {view.folded(count(row.to - row.from + 1))}{ENDS.map((e) => row[e] > 0 && ` · ${label[e]} ${bytes(row[e])}`)} · {spanText(to)}</span>
        <button class="small" tabIndex={now ? 0 : -1} onClick={(e) => { e.stopPropagation(); side.unfold(row.n); }}>{view.unfold}</button>
      </div>
    </div>
  );
}

function ownerOf(rows: Rows, end: End): string {
  for (const { rec: e, end: at } of rows.events) {
    if (at !== end) continue;
    if (e.record === 'state' && e.owner) return owner(e.owner);
    if (e.record === 'call' && e.comm !== undefined) return owner(e);
  }
  return '';
}

function Body({ side, top, height }: { side: Side; top: number; height: number }) {
  const { rows, conn: c, now, last } = side;
  const words = d.value;
  const from = top - MARGIN;
  const to = top + height + MARGIN;
  const first = firstRowBelow(rows.rows, from);
  const indexOf = (r: Rows['rows'][number]) => (r.kind === 'event' ? r.index : r.kind === 'run' ? r.from : -1);
  const shown: Rows['rows'] = [];
  for (let i = first; i < rows.rows.length && rows.rows[i]!.y < to && indexOf(rows.rows[i]!) <= last; i++) shown.push(rows.rows[i]!);
  while (hiding.value && shown[shown.length - 1]?.kind === 'idle') shown.pop();
  // What is hidden has no height either: the scroll bar would tell of it.
  const full = hiding.value && now ? now.y + now.h + 12 : rows.height;
  const rec = now?.rec;
  const because = rec && causeOf(rec);
  const cause = because === undefined ? undefined : rows.rowOf.get(because);
  const scene = { d: words, around: around(side.trace, c), go: side.go, short: shortOf };
  return (
    <div class="ladder-body" style={{ height: `${Math.max(full, height)}px` }} role="presentation">
      <Lanes rows={rows} conn={c} at={side.at} from={from} to={Math.min(to, full)} end={full} />
      <Flights rows={rows} from={from} to={to} last={last} />
      {shown.map((row) => row.kind === 'idle'
        ? <div key={`i${row.n}`} class="idle" aria-hidden="true" style={{ top: `${row.y}px`, height: `${row.h}px` }}>
            <span>{words.ui.idle(spanText(row.ns))}</span>
          </div>
        : row.kind === 'run'
        ? <Run key={`r${row.n}`} row={row} side={side} now={!!now && now.index >= row.from && now.index <= row.to} times={[side.told(rows.events[row.from]!.rec.t, rows.events[row.from - 1]?.rec.t), rows.events[row.to]!.rec.t - rows.events[row.from]!.rec.t]} />
        : <div
            key={row.rec.n} id={`${side.id}-${row.rec.n}`} role="row" aria-rowindex={row.index + 1} aria-selected={row === now}
            class={`row ${row === now ? 'now' : ''} ${row === cause ? 'cause' : ''} ${row.rec.n === side.hot ? 'hot' : ''}`}
            style={{ top: `${row.y}px`, height: `${row.h}px` }}
            onClick={() => side.move(row.rec)} onMouseEnter={() => side.hover(row.rec.n)}
          >
            <div role="gridcell" class="time">{side.marked.has(row.rec.n) && <span class="flag">⚑<span class="sr"> {words.ui.mark}</span> </span>}{side.told(row.rec.t, rows.events[row.index - 1]?.rec.t)}</div>
            <div role="gridcell" class="what">{kindOf(row.rec).row({ ...scene, selected: row === now, end: row.end, flies: landing(row) !== undefined }, row.rec)}</div>
          </div>)}
      {now && cause && rec?.record === 'state' && now.y > cause.y && (
        <Cause end={rec.end} top={cause.y + cause.h / 2} bottom={now.y + now.h / 2} />
      )}
      {playing.value && !hiding.value && now && <div class="curtain" aria-hidden="true" style={{ top: `${now.y + now.h}px` }} />}
    </div>
  );
}

/** Segments on their way: so many rows back is looked for those that left above what is in sight. */
const FAR = 400;

/** From when each left to when it came, in the ladder's own scale. */
function Flights({ rows, from, to, last }: { rows: Rows; from: number; to: number; last: number }) {
  const end = (rowAbove(rows, to)?.index ?? -1) + 1;
  const first = Math.max(0, (rowAbove(rows, from)?.index ?? 0) - FAR);
  return (
    <div aria-hidden="true">
      {rows.events.slice(first, end).map((row) => {
        const landed = landing(row);
        const { rec } = row;
        if (!landed || rec.record !== 'segment' || row.index > last || landed.y + landed.h < from) return undefined;
        return <Flight key={rec.n} rec={rec} top={row.y + 23} bottom={landed.index > last ? undefined : landed.y + landed.h / 2} />;
      })}
    </div>
  );
}

/** The line from a cause to the state change it brought, beside the rail. */
function Cause({ end, top, bottom }: { end: End; top: number; bottom: number }) {
  const h = Math.min(bottom - top, 4000);
  return (
    <svg class={`because ${end}`} aria-hidden="true" style={{ top: `${bottom - h}px` }} width="12" height={h + 6}>
      <path d={end === 'client' ? `M2 4H8V${h}H3` : `M10 4H4V${h}H9`} fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d={end === 'client' ? `M0 ${h}l5-4v8z` : `M12 ${h}l-5-4v8z`} fill="currentColor" />
    </svg>
  );
}

function Lanes({ rows, conn: c, at, from, to, end: full }: { rows: Rows; conn: Conn; at: Point; from: number; to: number; end: number }) {
  const lanes = useMemo(() => ENDS.map((end) => {
    const lead = primary(c, end);
    return {
      end,
      lead: c.udp ? [] : spansOf(rows, c, end, lead),
      // The packets' own path, beside the kernel's.
      wire: lead === 'host' && c.paths[end].wire.length > 0 ? spansOf(rows, c, end, 'wire') : [],
      handovers: marksOf(rows, end),
      bars: barsOf(rows, end),
    };
  }), [rows, c]);
  return (
    <div aria-hidden="true">
      {lanes.map(({ end, lead, wire, handovers, bars }) => (
        <div key={end}>
          <div class={`rail ${end}`} />
          {lead.filter((s) => s.bottom > from && s.top < to).map((s) => (
            <Lane key={s.n ?? -1} end={end} span={s.bottom > full ? { ...s, bottom: full } : s} now={s.n === at.n} handovers={handovers} />
          ))}
          {wire.filter((s) => s.bottom > from && s.top < to).map((s) => (
            <div
              key={`w${s.n ?? -1}`} class={`lane wire ${end} s-${groupOf(s.state)}`}
              title={`${d.value.ui.inferredLane}${d.value.colon}${s.state}`} style={{ top: `${s.top}px`, height: `${Math.min(s.bottom, full) - s.top}px` }}
            />
          ))}
          {bars.filter((b) => b.bottom > from && b.top < to).map((b) => (
            <div
              key={`b${b.rec.n}`} class={`held ${end} ${/poll|select/.test(b.rec.name) ? 'wait' : ''} ${b.open ? 'open' : ''} ${b.rec.n === at.n ? 'now' : ''}`}
              title={`${callText(b.rec)} ${spanText(b.rec.duration_ns!)}`} style={{ top: `${b.top}px`, height: `${Math.min(b.bottom, full) - b.top}px` }}
            />
          ))}
          {handovers.filter((m) => m.y > from && m.y < to).map((m) => (
            <div key={`m${m.n}`} class={`handover ${end}`} style={{ top: `${m.y}px` }} title={`${m.from} → ${m.to}`}><span>{show(m.to, 12)}</span></div>
          ))}
        </div>
      ))}
    </div>
  );
}

function Lane({ end, span: s, now, handovers }: { end: End; span: Span; now: boolean; handovers: Mark[] }) {
  const sure = s.how === 'observed' || s.how === 'sampled';
  const marked = handovers.some((m) => m.y > s.top && m.y < s.top + 44);
  return (
    <div
      class={`lane lead ${end} s-${groupOf(s.state)} ${sure || s.n === undefined ? '' : 'hatched'} ${now ? 'now' : ''}`}
      style={{ top: `${s.top}px`, height: `${s.bottom - s.top}px` }} title={d.value.states[s.state]}
    >
      {s.bottom - s.top >= 20 && (
        <div class="lane-name">
          <Glyph group={groupOf(s.state)} /><b>{s.state}</b>
        </div>
      )}
      {s.object && s.object !== 'sock' && s.object !== 'none' && !marked && s.bottom - s.top > 44 && <small class="lane-object">{show(s.object, 12)}</small>}
    </div>
  );
}
