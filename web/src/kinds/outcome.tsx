// What became of a connection.

import { known, sentence, type Dictionary } from '../i18n';
import type { End, OutcomeRec, Rec, ResetRec } from '../trace/records';
import { count, show, span } from '../text';
import { DELAYS, factsOf } from '../trace/problems';
import { tell, type KindOf } from './kind';

export const outcome: KindOf<OutcomeRec> = {
  height: 64,
  explain(d, around, rec, e) {
    const f = d.why.fields;
    e.title = known(d.verdict, rec.verdict) ?? show(rec.verdict);
    tell(e, d.why.outcome);
    e.what = headline(d, rec);
    if (around.events) e.more.push(...evidence(d, around.events, rec));
    for (const end of ['client', 'server'] as const) {
      if (rec.netns?.[end] !== undefined) e.facts.push({ label: `${f.netns}, ${d.end[end].mid}`, value: show(rec.netns[end], 16) });
      const times = Object.entries(rec.durations?.[end] ?? {}).filter(([, ns]) => typeof ns === 'number');
      if (times.length > 0) {
        e.facts.push({ label: `${d.ui.timeIn}, ${d.end[end].mid}`, value: times.map(([s, ns]) => `${show(s, 16)} ${span(ns)}`).join(' · ') });
      }
    }
    if (rec.rtt_ns !== undefined) e.facts.push({ label: f.rtt, value: span(rec.rtt_ns) });
    if (rec.conn_state !== undefined || rec.history !== undefined) {
      e.facts.push({ label: f.history, value: `${show(rec.conn_state ?? '', 16)} ${show(rec.history ?? '', 48)}`.trim() });
    }
    e.governs = { rfc: ['3.6'] };
  },
  row({ d }, rec) {
    return <div class={`result v-${tone(rec.verdict)}`}>{headline(d, rec)}</div>;
  },
};

/** What a list says of a connection: how it ended, why or what held it up, and how that looks. */
export interface Ended { verdict: string; cause: string | undefined; tone: 'good' | 'late' | 'bad' | 'open' }
interface Judged { verdict: string | undefined; cause: string | undefined; troubles: number; stands: boolean; over: boolean; udp: boolean; datagrams: number }
export function outcomeWords(d: Dictionary, c: Judged, hidden: boolean): Ended {
  if (hidden) return { verdict: '', cause: undefined, tone: 'open' };
  if (c.udp) return { verdict: d.view.udp(count(c.datagrams), c.datagrams === 1), cause: undefined, tone: c.troubles ? 'late' : 'open' };
  const held = factsOf(c.troubles).includes('held') ? d.answers.held : undefined;
  const cause = c.cause === undefined ? held : known(d.causes, c.cause) ?? show(c.cause, 32);
  const how = tone(c.verdict ?? 'still-open');
  return {
    verdict: c.verdict === undefined ? (c.over ? d.ui.over : d.verdict['still-open']) : known(d.verdict, c.verdict) ?? show(c.verdict, 24), cause,
    // Who waited for seconds is not as well as who did not.
    tone: how !== 'bad' && (c.troubles & DELAYS || c.stands) ? 'late' : how,
  };
}

/** How a verdict looks: well, bad, or open. */
export function tone(verdict: string): 'good' | 'bad' | 'open' {
  if (verdict.startsWith('closed')) return 'good';
  return /refused|reset|timed-out|no-answer|incomplete/.test(verdict) ? 'bad' : 'open';
}

/** The sentence at the top of a connection. A verdict of a later version speaks for itself. */
export function headline(d: Dictionary, rec: OutcomeRec): string {
  return show(sentence(d, rec) ?? rec.text ?? rec.verdict, 320);
}

/** What the records of a connection show besides its verdict; nothing that none of them says. */
export function evidence(d: Dictionary, events: readonly Rec[], outcome: OutcomeRec | undefined): string[] {
  const out: string[] = [];
  // The outcome may have said as much already.
  const cause = outcome?.cause;
  let dropped = 0;
  for (const e of events) {
    if (e.record === 'queue' && e.why === 'overflow') dropped++;
    const reason = cause === undefined && e.record === 'reset' && e.direction === 'sent' && e.reason !== 'NOT_SPECIFIED' ? known(d.why.reasons, e.reason) : undefined;
    if (reason !== undefined) out.push(d.evidence.reason(d.end[(e as ResetRec).end].mid, reason));
  }
  if (dropped > 0 && cause === undefined) out.unshift(d.evidence.dropped(count(dropped)));
  if (allAcked(events)) out.push(d.evidence.acked);
  return [...new Set(out)];
}

/** Whether the packets show an ACK for the FIN of each end, which stands behind all of its bytes. */
function allAcked(events: readonly Rec[]): boolean {
  const fin: Record<End, number> = { client: Infinity, server: Infinity };
  const acked: Record<End, number> = { client: -1, server: -1 };
  for (const e of events) {
    if (e.record !== 'segment' || e.notes?.includes('bad-checksum')) continue;
    const other: End = e.from === 'client' ? 'server' : 'client';
    if (e.flags.includes('FIN')) fin[e.from] = e.seq + e.len + 1;
    if (e.ack !== undefined) acked[other] = Math.max(acked[other], e.ack);
  }
  return acked.client >= fin.client && acked.server >= fin.server;
}
