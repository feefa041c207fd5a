// One segment on the wire.

import { known, who, type Dictionary } from '../i18n';
import { flagsOf, segmentKind, seqText, type SegmentKind } from '../trace/describe';
import { isTrouble, noteProblem } from '../trace/problems';
import type { SegmentRec } from '../trace/records';
import { bytes, count, show, span } from '../text';
import { Arrow, segmentClass } from './arrow';
import { opposite, scaleKnown, sent, windowOf } from './earlier';
import { tell, type Around, type KindOf } from './kind';

/** What the segment is for, given what came before it. */
function kindIn(around: Around, rec: SegmentRec): SegmentKind {
  const kind = segmentKind(rec, around.events);
  const peer = opposite(rec.from);
  if (kind === 'keep-alive' && windowOf(around, rec, peer) === 0) return 'window-probe';
  if (kind === 'fin' && sent(around, rec, peer, 'FIN')) return 'fin-last';
  if (kind === 'rst' && sent(around, rec, peer, 'SYN') && !sent(around, rec, rec.from, 'SYN')) return 'rst-refused';
  if (kind === 'rst' && rec.notes?.some((n) => n === 'unacceptable' || n === 'earlier-connection')) return 'rst-void';
  return kind;
}

/** What a note says of this segment: its name is Wireshark's, whose definition takes the probe of a closed window, and its answer,
 * for those of a keep-alive, and a challenge for one more ACK of the same. */
function noteText({ why }: Dictionary, rec: SegmentRec, note: string): string | undefined {
  if (note === 'keep-alive' || (note === 'duplicate-ack' && rec.notes?.includes('challenge-ack'))) return undefined;
  if (note === 'keep-alive-ack' && rec.win === 0) return why.notes['zero-window-probe-ack'];
  return note === 'retransmission' && rec.flags.includes('SYN') ? why.synAgain : known(why.notes, note);
}

/** The header's fields, byte by byte (RFC 9293 3.1): ports, numbers, flags and window, checksum and urgent pointer, options. */
const headerText = (hex: string): string =>
  [4, 8, 16, 24, 28, 32, 36, 40].map((end, i, ends) => hex.slice(ends[i - 1] ?? 0, end)).concat(hex.slice(40, 120))
    .filter((field) => field !== '').map((field) => show(field, 80)).join(' ');

export const segment: KindOf<SegmentRec> = {
  height: 40,
  short: flagsOf,
  problem: (rec) => (rec.flags.includes('RST') ? 'reset' : noteProblem(rec.notes?.find(isTrouble) ?? '')),
  explain(d, around, rec, e) {
    const f = d.why.fields;
    const kind = kindIn(around, rec);
    e.title = `${d.label[rec.from]}${d.colon}${flagsOf(rec)}`;
    tell(e, d.why.segments[kind], who(d, rec.from));
    for (const note of rec.notes ?? []) {
      const text = noteText(d, rec, note);
      if (text) e.more.push(text);
    }
    if (rec.win === 0 && !rec.flags.includes('RST') && !rec.notes?.includes('zero-window')) e.more.push(d.why.notes['zero-window']);
    e.facts.push({
      label: f.seq,
      value: `${count(rec.seq)}${rec.seq_abs === undefined ? '' : ` = ${rec.seq_abs}`}` +
        (rec.len > 0 ? ` · ${d.why.seqFacts(count(rec.seq), count(rec.seq + rec.len - 1))}` : ''),
    });
    if (rec.ack !== undefined) {
      e.facts.push({ label: f.ack, value: d.why.ackFacts(count(rec.ack)) });
    }
    e.facts.push({ label: f.len, value: bytes(rec.len) });
    if (rec.win !== undefined) e.facts.push({ label: f.window, value: rec.win === 0 || scaleKnown(around, rec) ? bytes(rec.win) : d.why.unscaled(count(rec.win)) });
    const options = Object.entries(rec.options ?? {}).map(([k, v]) => (v === true ? show(k, 16) : `${show(k, 16)} ${show(v, 60)}`));
    if (options.length > 0) e.facts.push({ label: f.options, value: options.join(' · ') });
    if (rec.dup_ack !== undefined) e.facts.push({ label: f.count, value: count(rec.dup_ack) });
    if (rec.rtt_ns !== undefined) e.facts.push({ label: f.rtt, value: span(rec.rtt_ns) });
    if (rec.sent !== undefined && rec.received !== undefined) e.facts.push({ label: f.took, value: span(rec.received - rec.sent) });
    if (rec.header !== undefined) e.facts.push({ label: f.header, value: headerText(rec.header) });
    if (rec.frame !== undefined) e.facts.push({ label: f.frame, value: count(rec.frame) });
    if (rec.notes?.length) e.facts.push({ label: f.notes, value: rec.notes.map((n) => known(d.terms, n) ?? show(n, 32)).join(', ') });
    const sections: Record<typeof kind, string[]> = {
      'syn': ['3.5', '3.2'], 'syn-ack': ['3.5'], 'handshake-ack': ['3.5'], 'data': ['3.7', '3.8'], 'ack': ['3.4', '3.8.6'],
      'fin': ['3.6'], 'fin-data': ['3.6'], 'fin-last': ['3.6'], 'rst': ['3.5.2', '3.5.3'], 'rst-refused': ['3.5.2', '3.10.7.1'], 'rst-void': ['3.5.3'],
      'keep-alive': ['3.8.4'], 'window-probe': ['3.8.6.1'], 'odd': ['3.1'],
    };
    e.governs = { rfc: sections[kind] };
  },
  row({ d, flies }, rec) {
    const words = d;
    const kind = segmentClass(rec);
    const again = rec.notes?.includes('retransmission');
    const right = rec.from === 'client';
    return (
      <div class={`seg ${rec.from} k-${kind} ${again ? 'again' : ''}`}>
        {!flies && <Arrow right={right} lost={rec.notes?.includes('lost-on-wire')} />}
        <div class="seg-text">
          <span class="sr">{words.end[rec.from].start} → {words.end[rec.from === 'client' ? 'server' : 'client'].mid}{words.colon}</span>
          <b>{flagsOf(rec)}</b>
          {rec.win === 0 && !rec.flags.includes('RST') && <em> win 0</em>}
          {rec.notes?.map((n) => <em key={n} class={isTrouble(n) ? '' : 'mild'} title={known(words.why.notes, n)}> {known(words.terms, n) ?? show(n, 24)}</em>)}
          <span class="nums"> {seqText(rec)}</span>
        </div>
      </div>
    );
  },
};
