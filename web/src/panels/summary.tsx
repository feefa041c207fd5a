// One sentence that says what became of the selected connection, and the legend.

import { conn, cursor, d, grown } from '../state/app';
import { stateAt } from '../trace/model';
import { ENDS } from '../trace/records';
import type { Group } from '../trace/describe';
import { address, bytes, count, span } from '../text';
import { evidence, headline, tone } from '../kinds/outcome';
import { Glyph } from '../glyph';

export function Summary() {
  void grown.value;
  const c = conn.value;
  const words = d.value;
  if (!c) return null;
  const o = c.outcome;
  const end = c.events[c.events.length - 1]!;
  const again = c.events.reduce((n, e) => n + (e.record === 'segment' && e.notes?.includes('retransmission') ? 1 : 0), 0);
  const text = o ? headline(words, o)
    : words.ui.openSoFar(stateAt(c, 'client', end).state, stateAt(c, 'server', end).state);
  return (
    <div class={`summary v-${tone(o?.verdict ?? 'still-open')}`}>
      <p class="headline"><b>{text}</b>{o && evidence(words, c.events, c.outcome).map((s) => <span key={s}> {s}</span>)}</p>
      <p class="facts-line muted">
        <span>#{c.id} {address(c.rec.client)} → {address(c.rec.server)}</span>
        <span>{words.ui.duration} {span(o?.duration_ns ?? end.t - c.rec.t)}</span>
        {ENDS.map((e) => o?.bytes?.[e] !== undefined && (
          <span key={e}>{words.end[e].start} {words.ui.sent} {bytes(o.bytes[e])}{o.segments?.[e] !== undefined && ` · ${words.ui.segments(count(o.segments[e]))}`}</span>
        ))}
        {again > 0 && <span>{words.ui.retransmitted(count(again))}</span>}
        {c.rec.roles === 'assumed' && <span>{words.ui.assumedRoles}</span>}
      </p>
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
    </ul>
  );
}

/** Tells a screen reader what the cursor came to. */
export function Announce({ text }: { text: string }) {
  void cursor.value;
  return <div class="sr" aria-live="polite" id="announce">{text}</div>;
}
