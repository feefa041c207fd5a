// The state machine of RFC 9293 figure 5 with both ends as tokens, at the cursor, and the way that each has come.

import { cursor, currentRec, d, tab, trace, withStates } from '../state/app';
import { groupOf } from '../trace/describe';
import { moveToRecord } from '../state/cursor';
import { lastAt, lastChange, primary, stateAt, timerAt, timersAt, type Conn, type StateAt } from '../trace/model';
import { ENDS, type End, type State, type StateRec } from '../trace/records';
import { EDGES, edgeOf } from '../trace/transitions';
import { known } from '../i18n';
import { show, span } from '../text';
import { BOX, DRAWN, offFigure, PLACES, placeOf, VIEW_BOX, type Place } from './machine-data';
import { Glyph } from '../glyph';
import { Maximise, StateName } from './parts';

/** One change of an end, and which step of its way it was. */
interface Step { end: End; rec: StateRec; step: number; last: boolean }

/** The changes of an end up to the cursor, by its leading witness. */
function wayOf(c: Conn, end: End): Step[] {
  const path = c.paths[end][primary(c, end)];
  const upTo = lastAt(path, cursor.value);
  return path.slice(0, upTo + 1).map((rec, i) => ({ end, rec, step: i + 1, last: i === upTo }));
}

/** Nothing stands where an end was never more than refused: no socket was there before. */
const hasToken = (c: Conn, end: End, now: StateAt): boolean =>
  now.change !== undefined || end === 'client' || c.paths[end][primary(c, end)][0]?.to !== 'CLOSED';

export function Machine() {
  const c = withStates.value;
  const words = d.value;
  const at = cursor.value;
  const ends = ENDS.map((end) => {
    const now = c ? stateAt(c, end, at) : undefined;
    return { end, now, change: c && lastChange(c, end, at) };
  });
  return (
    // In a tab of its own it scrolls, so keys must reach it.
    <section class="panel machine" aria-labelledby="machine-title" tabIndex={tab.value === 'machine' ? 0 : undefined}>
      <h2 id="machine-title">{words.ui.machine} <small>{words.ui.figure}</small> <Maximise name="machine" /></h2>
      <Figure />
      <dl class="ends">
        {ends.map(({ end, now, change }) => (
          <div key={end}>
            <dt><span class={`token ${end}`} aria-hidden="true">{end === 'client' ? 'C' : 'S'}</span><span class="sr">{words.end[end].start}</span></dt>
            <dd>
              {now ? <><StateName state={now.state} /> <span class="muted">{words.states[now.state]}</span></> : '—'}
              {c && <Deadlines conn={c} end={end} />}
              {change && change.how !== 'observed' && <span class="muted"> ({words.how[change.how]})</span>}
            </dd>
          </div>
        ))}
      </dl>
      <details class="figure-notes">
        <summary>{words.teach.notes}</summary>
        <ol>{words.teach.figureNotes.map((n) => <li key={n}>{n}</li>)}</ol>
      </details>
    </section>
  );
}

/** `of`: tells the heads of its arrows from those of another figure in the document. */
export function Figure({ of = 'f' }: { of?: string }) {
  const c = withStates.value;
  const words = d.value;
  const at = cursor.value;
  const ends = ENDS.map((end) => {
    const now = c ? stateAt(c, end, at) : undefined;
    const there = c && now && hasToken(c, end, now) ? now : undefined;
    return { end, now: there, change: c && lastChange(c, end, at) };
  });
  const steps = c ? ENDS.flatMap((end) => wayOf(c, end)) : [];
  const label = ends.map(({ end, now }) => `${words.end[end].start}${words.colon}${now?.state ?? '—'}`).join('; ');
  return (
    <svg viewBox={VIEW_BOX} role="img" aria-label={`${words.ui.machine}. ${label}`}>
      <defs>
        {['', ...ENDS].map((id) => (
          <marker key={id} class={`head-${id}`} id={`${of}-${id}`} viewBox="0 0 8 8" refX="6" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse" markerUnits="userSpaceOnUse">
            <path d="M0 0.5 7 4 0 7.5z" />
          </marker>
        ))}
      </defs>
      {EDGES.map((e) => <EdgeLine key={`${e.from}>${e.to}`} of={of} from={e.from} to={e.to} taken={steps.filter((s) => s.rec.from === e.from && s.rec.to === e.to && ofFigure(s.rec))} next={ends.some(({ now }) => now?.state === e.from)} />)}
      {steps.filter((s) => s.last && !ofFigure(s.rec)).map((s) => <OffFigure key={s.end} of={of} step={s} />)}
      {(Object.keys(PLACES) as Place[]).map((p) => {
        const state = p === 'END' ? 'CLOSED' : p;
        const on = ends.some(({ now, change }) => now && placeOf(now.state, change?.from) === p);
        return <Box key={p} place={p} state={state} on={on} />;
      })}
      {ends.map(({ end, now, change }) => <Token key={end} end={end} place={now && placeOf(now.state, change?.from)} />)}
      {c && ends.map(({ end, now }) => now?.state === 'TIME-WAIT' && <Countdown key={end} conn={c} end={end} />)}
    </svg>
  );
}

/** A reset may lead where an edge of the figure leads too, and is not that edge: the trace names none then. */
const ofFigure = (c: StateRec): boolean => c.rfc !== undefined && !!DRAWN[`${c.from}>${c.to}`];

function EdgeLine({ of, from, to, taken, next }: { of: string; from: State; to: State; taken: Step[]; next: boolean }) {
  const drawn = DRAWN[`${from}>${to}`];
  const edge = edgeOf(from, to);
  if (!drawn || !edge) return null;
  const last = taken.find((s) => s.last);
  const { event, action } = edge;
  // The RFC writes x where nothing is done.
  const acts = action !== 'x';
  const [x, y, anchor, oneLine] = drawn.label;
  return (
    <g class={`edge ${taken.length > 0 ? `trail ${taken[0]!.end}` : ''} ${last ? 'lit' : ''} ${next ? 'next' : ''}`}>
      <path d={drawn.path} marker-end={`url(#${of}-)`} />
      {taken.map((s) => <Trail key={s.end} of={of} step={s} path={drawn.path} />)}
      {oneLine
        ? <text x={x} y={y} text-anchor={anchor}>{acts ? `${event} / ${action}` : event}</text>
        : <text x={x} y={y} text-anchor={anchor}><tspan x={x}>{event}</tspan>{acts && action.split(', ').map((line) => <tspan key={line} x={x} dy="1.05em">{line}</tspan>)}</text>}
    </g>
  );
}

/** The way of an end along an edge: a click goes to where it happened. */
function Trail({ of, step: s, path }: { of: string; step: Step; path: string }) {
  const now = currentRec.value?.n === s.rec.n;
  return (
    <g class={`step ${s.end} ${s.last ? 'last' : ''} ${now ? 'now' : ''}`} onClick={() => moveToRecord(s.rec.n)}>
      <title>{`${d.value.end[s.end].start}${d.value.colon}${s.rec.from} → ${s.rec.to}, ${d.value.teach.trail(s.step)}`}</title>
      <path class="wide" d={path} />
      <path d={path} marker-end={`url(#${of}-${s.end})`} />
    </g>
  );
}

/** A change that the figure has no edge for: a reset, a timeout, events lost. */
function OffFigure({ of, step: s }: { of: string; step: Step }) {
  const way = offFigure(s.rec.from, s.rec.to);
  if (!way) return null;
  const by = currentRec.value?.n === s.rec.n ? 'now' : '';
  return (
    <g class={`edge off lit trail ${s.end} ${by}`}>
      <Trail of={of} step={s} path={way.path} />
      <text x={way.label[0]} y={way.label[1]}>{causeWord(s.rec)}</text>
    </g>
  );
}

function causeWord(rec: StateRec): string {
  const cause = trace.value?.byN(rec.because);
  if (cause?.record === 'reset' || (cause?.record === 'segment' && cause.flags.includes('RST'))) return 'RST';
  if (cause?.record === 'timer') return d.value.ui.timerFired;
  return rec.error === undefined ? '' : show(rec.error, 20);
}

function Box({ place, state, on }: { place: Place; state: State; on: boolean }) {
  const [x, y] = PLACES[place];
  return (
    <g class={`box s-${groupOf(state)} ${on ? 'on' : ''}`} transform={`translate(${x} ${y})`}>
      <title>{d.value.states[state]}</title>
      <rect x={-BOX.w / 2} y={-BOX.h / 2} width={BOX.w} height={BOX.h} rx="4" />
      <g transform={`translate(${5 - BOX.w / 2} -6)`}><Glyph group={groupOf(state)} /></g>
      <text class={state.length > 11 ? 'long' : undefined} x="8" y="4.2" text-anchor="middle">{state}</text>
    </g>
  );
}

function Token({ end, place }: { end: End; place: Place | undefined }) {
  if (!place) return null;
  const [x, y] = PLACES[place];
  // Opposite corners, so that both can stand on one state.
  const dx = (end === 'client' ? -1 : 1) * (BOX.w / 2 - 2);
  return (
    <g class={`token ${end}`} style={{ transform: `translate(${x + dx}px, ${y - BOX.h / 2}px)` }}>
      <circle r="9" /><text y="3.8" text-anchor="middle">{end === 'client' ? 'C' : 'S'}</text>
    </g>
  );
}

/** Every timer of an end that runs at the cursor, and how long it still has. */
function Deadlines({ conn: c, end }: { conn: Conn; end: End }) {
  const at = cursor.value;
  const timers = timersAt(c, end, at);
  if (timers.length === 0) return null;
  return (
    <ul class="deadlines" aria-label={d.value.ui.timers}>
      {timers.map((t) => {
        const left = Math.max(0, t.expires! - at.t);
        return (
          <li key={t.n}>
            <button class="bare" title={d.value.ui.jump(t.n)} onClick={() => moveToRecord(t.n)}>{known(d.value.terms, t.name) ?? show(t.name, 16)}</button>
            <meter min={0} max={Math.max(1, t.expires! - t.t)} value={left} aria-hidden="true" />
            <span>{left > 0 ? d.value.ui.left(span(left)) : d.value.ui.expired}</span>
          </li>
        );
      })}
    </ul>
  );
}

function Countdown({ conn: c, end }: { conn: Conn; end: End }) {
  const at = cursor.value;
  const timer = timerAt(c, end, 'time-wait', at);
  if (timer?.expires === undefined) return null;
  const total = Math.max(1, timer.expires - timer.t);
  const left = Math.max(0, timer.expires - at.t);
  const [x, y] = PLACES['TIME-WAIT'];
  const round = 2 * Math.PI * 6;
  return (
    <g class="countdown" transform={`translate(${x} ${y + 24})`}>
      <g transform="translate(-44 -4) rotate(-90)">
        <circle class="track" r="6" />
        <circle class="left" r="6" stroke-dasharray={`${(left / total) * round} ${round}`} />
      </g>
      <text x="-34" text-anchor="start">{left > 0 ? d.value.ui.left(span(left)) : d.value.ui.expired}</text>
    </g>
  );
}
