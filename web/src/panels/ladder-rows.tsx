// What one row of the ladder shows between the rails, by kind of record.

import { known } from '../i18n';
import { currentRow, d, trace } from '../state/app';
import { moveToRecord } from '../state/cursor';
import { callText, flagsOf, groupOf, seqText, shortOf } from '../trace/describe';
import type { Conn } from '../trace/model';
import { callFailed, isTrouble } from '../trace/problems';
import type { CallRec, DisagreementRec, QueueRec, Rec, ResetRec, SegmentRec, StateRec, TimerRec } from '../trace/records';
import type { EventRow } from '../trace/rows';
import { count, show, span } from '../text';
import { Glyph } from './parts';
import { headline } from './explain';

export function Event({ row, conn }: { row: EventRow; conn: Conn }) {
  const rec = row.rec;
  const ui = d.value.ui;
  switch (rec.record) {
    case 'segment': return <Segment rec={rec} />;
    case 'state': return <StateChange rec={rec} selected={row === currentRow.value} />;
    case 'call': return <Call rec={rec} />;
    case 'queue': return <Queue rec={rec} />;
    case 'timer': return <Timer rec={rec} />;
    case 'reset': return <Reset rec={rec} />;
    case 'disagreement': return <Disagreement rec={rec} />;
    case 'object':
      return (
        <div class={`chip soft ${rec.end}`}>
          {show(rec.from, 12)} → <b>{show(rec.to, 12)}</b>
          <span class="muted"> {ui.stateStays(rec.state)}</span>
        </div>
      );
    case 'gap': return <div class="gap-row">⚠ {ui.lostHere(count(rec.lost))}</div>;
    case 'connection':
      return (
        <div class="note-row">
          {ui.connName(rec.conn)} · {rec.since === 'before-trace' ? ui.before : ui.firstSeen}
        </div>
      );
    case 'outcome': return <div class={`result v-${tone(rec.verdict)}`}>{headline(d.value, rec)}</div>;
    default: return <div class="note-row">{conn.id}</div>;
  }
}

/** How a verdict looks: well, bad, or open. */
export function tone(verdict: string): 'good' | 'bad' | 'open' {
  if (verdict.startsWith('closed')) return 'good';
  return /refused|reset|timed-out|no-answer|incomplete/.test(verdict) ? 'bad' : 'open';
}

function Segment({ rec }: { rec: SegmentRec }) {
  const words = d.value;
  const kind = rec.flags.includes('RST') ? 'rst' : rec.flags.includes('SYN') ? 'syn' : rec.flags.includes('FIN') ? 'fin' : rec.len > 0 ? 'data' : 'ack';
  const again = rec.notes?.includes('retransmission');
  const right = rec.from === 'client';
  return (
    <div class={`seg ${rec.from} k-${kind} ${again ? 'again' : ''}`}>
      <svg class="arrow" aria-hidden="true" width="100%" height="40">
        <line x1={right ? '0' : '100%'} y1="23" x2={right ? '100%' : '0'} y2="31" />
      </svg>
      <i class="head" aria-hidden="true" />
      <div class="seg-text">
        <span class="sr">{words.end[rec.from].start} → {words.end[rec.from === 'client' ? 'server' : 'client'].mid}: </span>
        <b>{flagsOf(rec)}</b>
        {rec.win === 0 && !rec.flags.includes('RST') && <em> win 0</em>}
        {rec.notes?.map((n) => <em key={n} class={isTrouble(n) ? '' : 'mild'} title={known(words.why.notes, n)}> {known(words.terms, n) ?? show(n, 24)}</em>)}
        <span class="nums"> {seqText(rec)}</span>
      </div>
    </div>
  );
}

function StateChange({ rec, selected }: { rec: StateRec; selected: boolean }) {
  const words = d.value;
  const cause: Rec | undefined = trace.value?.byN(rec.because);
  const inferred = rec.how === 'inferred' || rec.how === 'assumed';
  return (
    <div class={`chip change ${rec.end} s-${groupOf(rec.to)} ${inferred ? 'inferred' : rec.how === 'sampled' ? 'sampled' : ''}`}>
      <span class="sr">{words.end[rec.end].start}: </span>
      {rec.how === 'sampled' && <span title={words.how.sampled}>≈</span>}
      <span class="move"><Glyph group={groupOf(rec.to)} /> {rec.from} → <b>{rec.to}</b></span>
      {cause
        ? <button
            class="cause-link" tabIndex={selected ? 0 : -1} title={words.ui.causeOf(`${shortOf(cause)} #${cause.n}`)}
            onClick={(e) => { e.stopPropagation(); moveToRecord(cause.n); }}
          ><span aria-hidden="true">↰ </span>{shortOf(cause)}</button>
        : rec.call !== undefined ? <code class="muted">{show(rec.call, 24)}()</code>
          : rec.rfc !== undefined && <span class="muted rfc">{show(rec.rfc.split(' / ')[0], 24)}</span>}
    </div>
  );
}

function Call({ rec }: { rec: CallRec }) {
  const end = rec.end ?? 'client';
  return (
    <div class={`chip call ${end} ${callFailed(rec) ? 'failed' : ''}`}>
      <span class="sr">{d.value.end[end].start}: </span>
      <code>{callText(rec)}</code>
      {rec.comm !== undefined && <span class="muted comm">{show(rec.comm, 24)}</span>}
    </div>
  );
}

function Queue({ rec }: { rec: QueueRec }) {
  const ui = d.value.ui;
  const limit = rec.limit ?? trace.value?.listener(rec.listener)?.rec.limit;
  const bad = rec.why === 'overflow' || rec.why === 'expired' || rec.why === 'dropped';
  return (
    <div class={`chip soft server ${bad ? 'failed' : ''}`}>
      {!bad && <><span class={rec.why === 'syn' ? 'lit' : ''}>{ui.synQueue} <b>{count(rec.syn)}</b></span><span>·</span></>}
      <span class={rec.why === 'accept' || rec.why === 'established' ? 'lit' : ''}>
        {ui.acceptQueue} <b>{count(rec.accept)}{limit !== undefined && ` / ${count(limit)}`}</b>
      </span>
      {bad && <em> {rec.why === 'overflow' ? ui.full : d.value.terms[rec.why as 'expired' | 'dropped']}</em>}
      {bad && rec.drops !== undefined && rec.drops > 0 && <em> {ui.drops(count(rec.drops))}</em>}
    </div>
  );
}

function Timer({ rec }: { rec: TimerRec }) {
  const ui = d.value.ui;
  const text = rec.fired ? ui.timerFired : rec.cancelled ? ui.timerCancelled
    : ui.timerSet(rec.expires === undefined ? '?' : span(rec.expires - rec.t));
  return (
    <div class={`chip soft ${rec.end} ${rec.fired && rec.name !== 'time-wait' ? 'failed' : ''}`}>
      <span class="tag">{known(d.value.terms, rec.name) ?? show(rec.name, 16)}</span> <span>{text}{rec.count !== undefined && ` ×${count(rec.count)}`}</span>{rec.why !== undefined && <span class="tag">{known(d.value.terms, rec.why) ?? show(rec.why, 16)}</span>}{rec.rto_ns !== undefined && <span class="muted"> RTO {span(rec.rto_ns)}</span>}
    </div>
  );
}

function Disagreement({ rec }: { rec: DisagreementRec }) {
  const words = d.value;
  return (
    <div class={`chip differ ${rec.end} ${rec.known === undefined ? 'failed' : ''}`}>
      <span class="sr">{words.end[rec.end].start}: </span>
      <span aria-hidden="true">≠</span> <span>{words.ui.kernelSays} <b>{rec.kernel}</b></span> <span>{words.ui.packetsSay} <b>{rec.wire}</b></span>
    </div>
  );
}

function Reset({ rec }: { rec: ResetRec }) {
  const words = d.value;
  return (
    <div class={`chip soft failed ${rec.end}`}>
      <span class="sr">{words.end[rec.end].start}: </span>
      <b>{words.ui.rst[rec.direction]}</b>
      {rec.reason !== undefined && <span class="tag" title={known(words.why.reasons, rec.reason)}>{show(rec.reason, 32)}</span>}
    </div>
  );
}
