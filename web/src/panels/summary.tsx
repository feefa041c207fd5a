// One sentence that says what became of the selected connection, and the legend.

import { conn, cursor, d, grown } from '../state/app';
import { moveToTime } from '../state/cursor';
import { ended } from '../state/teach';
import { primary, stateAt, type Conn } from '../trace/model';
import { timescale, type Scale } from '../trace/timescale';
import { fill, known, who } from '../i18n';
import { useMemo } from 'preact/hooks';
import { ENDS, type OutcomeRec } from '../trace/records';
import { standsOf } from '../trace/standing';
import { groupOf, type Group } from '../trace/describe';
import { address, bytes, count, nameOfConn, span } from '../text';
import { evidence, headline, outcomeWords } from '../kinds/outcome';
import { Glyph } from '../glyph';

/** The life of a connection, long silences cut short. */
function scaleOf(c: Conn): Scale {
  const times = c.events.filter((e) => e.record !== 'outcome' && e.t >= c.rec.t).map((e) => e.t - c.rec.t);
  return timescale({ first: 0, end: times.length, time: (i) => times[i]! }, Math.max(c.until - c.rec.t, 1));
}

export function Summary() {
  const key = grown.value;
  const c = conn.value;
  const words = d.value;
  const scale = useMemo(() => (c ? scaleOf(c) : undefined), [c, key]);
  if (!c || !scale) return null;
  const o = c.outcome;
  const end = c.events[c.events.length - 1]!;
  const again = c.events.reduce((n, e) => n + (e.record === 'segment' && e.notes?.includes('retransmission') ? 1 : 0), 0);
  const told = ended.value;
  const text = !told ? words.teach.hidden : o ? headline(words, o)
    : c.udp ? words.view.udp(count(c.datagrams), c.datagrams === 1) : words.ui[c.over ? 'overSoFar' : 'openSoFar'](stateAt(c, 'client', end).state, stateAt(c, 'server', end).state);
  const guess = c.rec.roles === 'assumed' && !c.trace.hasListener(c);
  return (
    <div class={`summary v-${outcomeWords(words, c, !told).tone}`}>
      <p class="headline"><b>{text}</b>{told && o && <Stood of={o} />}{told && o && evidence(words, c.events, o).map((s) => <span key={s}>{words.gap()}{s}</span>)}</p>
      {!c.udp && <Lives conn={c} scale={scale} />}
      <p class="facts-line muted">
        <span>#{nameOfConn(c)} {address(c.rec.client)} → {address(c.rec.server)}</span>
        {told && <span>{words.ui.duration} {span(o?.duration_ns ?? end.t - c.rec.t)}</span>}
        {told && ENDS.map((e) => o?.bytes?.[e] !== undefined && (
          <span key={e}>{words.end[e].start}{words.gap()}{words.ui.sent} {bytes(o.bytes[e])}{o.segments?.[e] !== undefined && ` · ${words.ui.segments(count(o.segments[e]))}`}</span>
        ))}
        {told && again > 0 && <span>{words.ui.retransmitted(count(again))}</span>}
        {guess && <span>{words.ui.assumedRoles}</span>}
        {told && !c.udp && <span>{words.view.livesScale(scale.folds.length > 0)}</span>}
      </p>
    </div>
  );
}

/** How long an end was left waiting, where the sentence does not say so. */
function Stood({ of }: { of: OutcomeRec }) {
  const words = d.value;
  return (
    <>
      {standsOf(of).map(({ what, ns, end }) => {
        const stood = known(words.answers.stood, what);
        return stood && <b key={`${what} ${end}`} class="stands">{words.gap()}{fill(stood(span(ns)), who(words, end))}</b>;
      })}
    </>
  );
}

/** The states of both ends over the life of the connection, long silences cut short; up to the cursor where the rest is hidden. */
function Lives({ conn: c, scale }: { conn: Conn; scale: Scale }) {
  const words = d.value;
  const at = cursor.value;
  const x = (t: number) => scale.at(Math.max(0, t - c.rec.t)) * 100;
  const upTo = ended.value ? 100 : x(at.t);
  return (
    <div class="lives" role="img" aria-label={words.view.lives} onClick={(e) => {
      const box = e.currentTarget.getBoundingClientRect();
      moveToTime(c.rec.t + Math.round(scale.time(Math.min(1, (e.clientX - box.left) / box.width))));
    }}>
      {ENDS.map((end) => {
        const path = c.paths[end][primary(c, end)];
        return (
          <div key={end} class={`life ${end}`}>
            {path.map((s, i) => {
              const from = x(s.t);
              const to = Math.min(upTo, i + 1 < path.length ? x(path[i + 1]!.t) : 100);
              return to > from && <div key={s.n} class={`span lane s-${groupOf(s.to)}`} title={`${words.end[end].start}${words.colon}${s.to}`} style={{ left: `${from}%`, width: `${to - from}%` }}>{to - from > 9 && <span>{s.to} <small>{span((path[i + 1]?.t ?? c.until) - s.t)}</small></span>}</div>;
            })}
          </div>
        );
      })}
      <i class="life-now" style={{ left: `${Math.min(x(at.t), 100)}%` }} />
    </div>
  );
}

const GROUPS: Group[] = ['idle', 'opening', 'open', 'active', 'passive', 'wait'];

export function Legend() {
  const words = d.value;
  return (
    <ul class="legend" aria-label={words.ui.legend}>
      {GROUPS.map((g) => <li key={g}><i class={`swatch s-${g}`} aria-hidden="true" /><Glyph group={g} /> {words.groups[g]}</li>)}
      <li><i class="swatch hatched s-open" aria-hidden="true" /> {words.ui.inferredLane}</li>
      <li><i class="swatch held" aria-hidden="true" /> {words.view.held}</li>
    </ul>
  );
}

/** Tells a screen reader what the cursor came to. */
export function Announce({ text }: { text: string }) {
  void cursor.value;
  return <div class="sr" aria-live="polite" id="announce">{text}</div>;
}
