// The state machine of RFC 9293 figure 5 with both ends as tokens, at the cursor.

import { conn, cursor, currentRec, d, tab } from '../state/app';
import { groupOf } from '../trace/describe';
import { moveToRecord } from '../state/cursor';
import { lastChange, stateAt, timerAt, timersAt, type Conn } from '../trace/model';
import { ENDS, type End, type State, type StateRec } from '../trace/records';
import { EDGES, edgeOf } from '../trace/transitions';
import { known } from '../i18n';
import { show, span } from '../text';
import { BOX, DRAWN, HEIGHT, PLACES, placeOf, WIDTH, type Place } from './machine-data';
import { Glyph } from '../glyph';
import { StateName } from './parts';

export function Machine() {
  const c = conn.value;
  const words = d.value;
  const at = cursor.value;
  const ends = ENDS.map((end) => {
    const now = c ? stateAt(c, end, at) : undefined;
    return { end, now, change: c && lastChange(c, end, at) };
  });
  const label = ends.map(({ end, now }) => `${words.end[end].start}: ${now?.state ?? '—'}`).join('; ');
  return (
    // In a tab of its own it scrolls, so keys must reach it.
    <section class="panel machine" aria-labelledby="machine-title" tabIndex={tab.value === 'machine' ? 0 : undefined}>
      <h2 id="machine-title">{words.ui.machine} <small>RFC 9293, figure 5</small></h2>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${words.ui.machine}. ${label}`}>
        <defs>
          {['head', 'head-lit'].map((id) => (
            <marker key={id} id={id} viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse" markerUnits="userSpaceOnUse">
              <path d="M0 0.5 7 4 0 7.5z" />
            </marker>
          ))}
        </defs>
        {EDGES.map((edge) => <EdgeLine key={`${edge.from}>${edge.to}`} from={edge.from} to={edge.to} changes={ends.map((e) => e.change)} />)}
        {ends.map(({ end, change }) => change && !ofFigure(change) && <OffFigure key={end} change={change} />)}
        {(Object.keys(PLACES) as Place[]).map((p) => {
          const state = p === 'END' ? 'CLOSED' : p;
          const on = ends.some(({ now, change }) => now && placeOf(now.state, change?.from) === p);
          return <Box key={p} place={p} state={state} on={on} />;
        })}
        {ends.map(({ end, now, change }) => <Token key={end} end={end} place={now && placeOf(now.state, change?.from)} />)}
        {c && ends.map(({ end, now }) => now?.state === 'TIME-WAIT' && <Countdown key={end} conn={c} end={end} />)}
      </svg>
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
    </section>
  );
}

/** A reset may lead where an edge of the figure leads too, and is not that edge: the trace names none then. */
const ofFigure = (c: StateRec): boolean => c.rfc !== undefined && !!DRAWN[`${c.from}>${c.to}`];

function EdgeLine({ from, to, changes }: { from: State; to: State; changes: (StateRec | undefined)[] }) {
  const drawn = DRAWN[`${from}>${to}`];
  const edge = edgeOf(from, to);
  if (!drawn || !edge) return null;
  const lit = changes.find((c) => c?.from === from && c.to === to && ofFigure(c));
  const now = lit !== undefined && currentRec.value?.n === lit.n;
  const { event, action } = edge;
  // The RFC writes x where nothing is done.
  const acts = action !== 'x';
  const [x, y, anchor, oneLine] = drawn.label;
  return (
    <g class={`edge ${lit ? 'lit' : ''} ${now ? 'now' : ''}`}>
      <path d={drawn.path} marker-end={`url(#${lit ? 'head-lit' : 'head'})`} />
      {oneLine
        ? <text x={x} y={y} text-anchor={anchor}>{acts ? `${event} / ${action}` : event}</text>
        : <text x={x} y={y} text-anchor={anchor}><tspan x={x}>{event}</tspan>{acts && action.split(', ').map((line) => <tspan key={line} x={x} dy="10.5">{line}</tspan>)}</text>}
    </g>
  );
}

/** A change that the figure has no edge for: a reset, a timeout, events lost. */
function OffFigure({ change }: { change: StateRec }) {
  const from = placeOf(change.from, undefined);
  const to = placeOf(change.to, change.from);
  if (!from || !to || from === to) return null;
  const [ax, ay] = PLACES[from];
  const [bx, by] = PLACES[to];
  const dx = bx - ax;
  const dy = by - ay;
  // Start and stop at the edge of the boxes.
  const cut = Math.min(Math.abs((BOX.w / 2 + 4) / (dx || 1e-6)), Math.abs((BOX.h / 2 + 4) / (dy || 1e-6)), 0.45);
  return (
    <g class="edge off lit">
      <path d={`M${ax + dx * cut} ${ay + dy * cut}L${bx - dx * cut} ${by - dy * cut}`} marker-end="url(#head-lit)" />
    </g>
  );
}

function Box({ place, state, on }: { place: Place; state: State; on: boolean }) {
  const [x, y] = PLACES[place];
  return (
    <g class={`box s-${groupOf(state)} ${on ? 'on' : ''}`} transform={`translate(${x} ${y})`}>
      <title>{d.value.states[state]}</title>
      <rect x={-BOX.w / 2} y={-BOX.h / 2} width={BOX.w} height={BOX.h} rx="4" />
      <g transform={`translate(${5 - BOX.w / 2} -6)`}><Glyph group={groupOf(state)} /></g>
      <text x="8" y="4" text-anchor="middle">{state}</text>
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
