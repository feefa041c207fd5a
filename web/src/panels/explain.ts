// What "Why?" says about a record: words from the dictionary, facts from the record. Pure, so that
// a test can ask for every kind in every language.

import { fill, known, who, type Dictionary, type Told, type Who } from '../i18n';
import { callKind, callText, flagsOf, segmentKind } from '../trace/describe';
import type { Conn, Trace } from '../trace/model';
import type { CallRec, End, OutcomeRec, Rec, ResetRec, SegmentRec, StateRec, TimerRec } from '../trace/records';
import { GOVERNS, moveOf, type Governs } from '../trace/transitions';
import { bytes, clock, count, show, span } from '../text';

export interface Fact { label: string; value: string }
export interface Explanation {
  title: string;
  what: string;
  why: string;
  /** Further sentences: what a note, an errno or a reason means. */
  more: string[];
  facts: Fact[];
  governs: Governs;
}

const NOTHING: Governs = { rfc: [] };

function tell(e: Explanation, [what, why]: Told, w?: Who): void {
  e.what = w ? fill(what, w) : what;
  e.why = w ? fill(why, w) : why;
}

export function explain(d: Dictionary, trace: Trace, conn: Conn | undefined, rec: Rec): Explanation {
  const e: Explanation = { title: d.kinds[rec.record], what: '', why: '', more: [], facts: [], governs: NOTHING };
  const f = d.why.fields;
  const fact = (label: string, value: string | undefined) => {
    if (value !== undefined && value !== '') e.facts.push({ label, value });
  };
  switch (rec.record) {
    case 'state': state(d, trace, rec, e); break;
    case 'segment': segment(d, conn, rec, e); break;
    case 'call': call(d, rec, e); break;
    case 'timer': timer(d, rec, e); break;
    case 'queue': {
      tell(e, known(d.why.queues, rec.why) ?? d.why.queueOther, who(d, 'server'));
      const l = trace.listener(rec.listener);
      const limit = rec.limit ?? l?.rec.limit;
      fact(f.queues, `${d.ui.synQueue} ${rec.syn} · ${d.ui.acceptQueue} ${rec.accept}${limit === undefined ? '' : ` / ${limit}`}`);
      fact(f.drops, rec.drops === undefined ? undefined : count(rec.drops));
      e.governs = {
        calls: ['listen()', 'accept()'], rfc: ['3.10.7.2'],
        sysctl: ['net.core.somaxconn', 'net.ipv4.tcp_max_syn_backlog', 'net.ipv4.tcp_syncookies', 'net.ipv4.tcp_abort_on_overflow'],
      };
      break;
    }
    case 'object':
      e.title = `${d.kinds.object}: ${show(rec.from, 16)} → ${show(rec.to, 16)}`;
      tell(e, rec.to === 'sock' || rec.to === 'timewait' ? d.why.objects[rec.to] : d.why.objects.other, who(d, rec.end));
      fact(d.ui.state, d.ui.stateStays(rec.state));
      fact(f.kernel, rec.kernel?.state === undefined ? undefined : show(rec.kernel.state, 24));
      break;
    case 'disagreement':
      e.title = `${d.label[rec.end]}: ${rec.kernel} ≠ ${rec.wire}`;
      tell(e, d.why.disagreement, who(d, rec.end));
      e.more.push(known(d.why.differences, rec.known) ?? (rec.known === undefined ? d.why.unexplained : ''));
      fact(d.source.kernel, rec.kernel);
      fact(d.source.wire, rec.wire);
      fact(f.reason, rec.known === undefined ? undefined : show(rec.known, 48));
      e.more = e.more.filter((s) => s !== '');
      break;
    case 'reset':
      e.title = `${d.label[rec.end]}: ${d.ui.rst[rec.direction]}`;
      tell(e, d.why.reset[rec.direction], who(d, rec.end));
      if (known(d.why.reasons, rec.reason)) e.more.push(d.evidence.reason(d.end[rec.end].mid, known(d.why.reasons, rec.reason)!));
      fact(f.reason, rec.reason === undefined ? undefined : show(rec.reason));
      e.governs = { rfc: ['3.5.2', '3.5.3'], calls: ['close()', 'setsockopt(SO_LINGER)'] };
      break;
    case 'gap':
      tell(e, d.why.gap);
      fact(f.lost, count(rec.lost));
      fact(f.hook, rec.hook === undefined ? undefined : show(rec.hook));
      fact(f.source, known(d.source, rec.source) ?? show(rec.source));
      break;
    case 'connection':
      tell(e, rec.since === 'before-trace' ? d.why.connectionBefore : d.why.connection);
      fact(f.netns, rec.netns === undefined ? undefined : String(rec.netns));
      if (rec.roles === 'assumed') e.more.push(d.ui.assumedRoles);
      e.governs = { rfc: ['3.3.1', '3.4'] };
      break;
    case 'outcome': outcome(d, conn, rec, e); break;
    case 'listener':
      tell(e, rec.closed ? d.why.listenerClosed : d.why.listener, who(d, 'server'));
      fact(f.owner, rec.owner && owner(rec.owner));
      fact('backlog', rec.backlog === undefined ? undefined : count(rec.backlog));
      fact(f.limit, rec.limit === undefined ? undefined : count(rec.limit));
      e.governs = { calls: ['listen()'], sysctl: ['net.core.somaxconn'], rfc: ['3.10.1'] };
      break;
    case 'header':
      tell(e, d.why.header);
      fact(f.tool, rec.tool === undefined ? undefined : show(rec.tool));
      fact(f.start, rec.start === undefined ? undefined : show(rec.start));
      fact(f.kernel, rec.kernel === undefined ? undefined : show(rec.kernel));
      fact(d.kinds.call, rec.command?.map((a) => show(a)).join(' '));
      break;
    case 'end':
      tell(e, d.why.end);
      fact(f.reason, known(d.why.ends, rec.reason) ?? rec.reason);
      fact(f.result, rec.status === undefined ? undefined : String(rec.status));
      fact(f.lost, Object.entries(rec.lost ?? {}).map(([s, n]) => `${show(s, 16)} ${count(n)}`).join(' · '));
      break;
  }
  fact(f.at, `${clock(rec.t)} s`);
  fact(f.record, `#${rec.n}`);
  return e;
}

function state(d: Dictionary, trace: Trace, rec: StateRec, e: Explanation): void {
  const f = d.why.fields;
  const move = moveOf(rec.from, rec.to);
  e.title = `${d.label[rec.end]}: ${rec.from} → ${rec.to}`;
  const cause = trace.byN(rec.because);
  const reset = rec.to === 'CLOSED' && ((cause?.record === 'segment' && cause.flags.includes('RST')) || cause?.record === 'reset');
  tell(e, reset ? d.why.resetMove : move ? d.why.moves[move] : d.why.otherMove, who(d, rec.end));
  if (reset) e.governs = { rfc: ['3.5.2', '3.5.3'] };
  else if (move) e.governs = GOVERNS[move];
  e.facts.push({ label: d.why.rfcEdge, value: rec.rfc === undefined ? d.ui.noEdge : show(rec.rfc) });
  e.facts.push({ label: f.how, value: `${d.how[rec.how]}, ${d.source[rec.source]}` });
  if (rec.how === 'sampled') e.more.push(d.why.sampled);
  if (rec.how === 'predicted') e.more.push(d.why.predicted);
  if (rec.call !== undefined) e.facts.push({ label: d.kinds.call, value: `${show(rec.call, 24)}()` });
  if (rec.kernel?.state !== undefined) {
    const where = rec.kernel.object === undefined ? '' : ` (${show(rec.kernel.object, 16)})`;
    e.facts.push({ label: f.kernel, value: show(rec.kernel.state, 24) + where });
  }
  if (rec.owner) e.facts.push({ label: f.owner, value: owner(rec.owner) });
}

export function owner(o: { pid?: number; comm?: string }): string {
  return `${show(o.comm ?? '?', 48)}${o.pid === undefined ? '' : ` [${show(o.pid)}]`}`;
}

function segment(d: Dictionary, conn: Conn | undefined, rec: SegmentRec, e: Explanation): void {
  const f = d.why.fields;
  const kind = segmentKind(rec, conn);
  e.title = `${d.label[rec.from]}: ${flagsOf(rec)}`;
  tell(e, d.why.segments[kind], who(d, rec.from));
  for (const note of rec.notes ?? []) {
    const text = known(d.why.notes, note);
    if (text && !(note === 'keep-alive' && kind === 'keep-alive')) e.more.push(text);
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
  if (rec.win !== undefined) e.facts.push({ label: f.window, value: bytes(rec.win) });
  const options = Object.entries(rec.options ?? {}).map(([k, v]) => (v === true ? show(k, 16) : `${show(k, 16)} ${show(v, 60)}`));
  if (options.length > 0) e.facts.push({ label: f.options, value: options.join(' · ') });
  if (rec.dup_ack !== undefined) e.facts.push({ label: f.count, value: count(rec.dup_ack) });
  if (rec.rtt_ns !== undefined) e.facts.push({ label: f.rtt, value: span(rec.rtt_ns) });
  if (rec.notes?.length) e.facts.push({ label: f.notes, value: rec.notes.map((n) => known(d.terms, n) ?? show(n, 32)).join(', ') });
  const sections: Record<typeof kind, string[]> = {
    'syn': ['3.5', '3.2'], 'syn-ack': ['3.5'], 'handshake-ack': ['3.5'], 'data': ['3.7', '3.8'], 'ack': ['3.4', '3.8.6'],
    'fin': ['3.6'], 'fin-data': ['3.6'], 'rst': ['3.5.2', '3.5.3'], 'keep-alive': ['3.8.4'], 'odd': ['3.1'],
  };
  e.governs = { rfc: sections[kind] };
}

function call(d: Dictionary, rec: CallRec, e: Explanation): void {
  const f = d.why.fields;
  const kind = callKind(rec);
  const end = rec.end ?? 'client';
  e.title = `${rec.end ? `${d.label[rec.end]}: ` : ''}${callText(rec)}`;
  tell(e, kind ? d.why.calls[kind] : d.why.callOther, who(d, end));
  const errno = known(d.why.errno, rec.errno);
  if (errno) e.more.push(`${rec.errno}: ${errno}`);
  if (rec.ret !== undefined) e.facts.push({ label: f.result, value: `${rec.ret}${rec.errno ? ` ${show(rec.errno, 20)}` : ''}` });
  const args = Object.entries(rec.args ?? {}).map(([k, v]) => `${show(k, 24)} ${show(v, 60)}`);
  if (rec.socket !== undefined) e.facts.push({ label: f.socket, value: `#${rec.socket}` });
  if (rec.fd !== undefined && rec.fd >= 0) args.unshift(`fd ${rec.fd}`);
  if (args.length > 0) e.facts.push({ label: f.arguments, value: args.join(' · ') });
  if (rec.duration_ns !== undefined) e.facts.push({ label: f.took, value: span(rec.duration_ns) });
  if (rec.comm !== undefined || rec.pid !== undefined) {
    e.facts.push({ label: f.owner, value: owner(rec) });
  }
  const sections: Partial<Record<NonNullable<typeof kind>, string[]>> = {
    connect: ['3.10.1'], listen: ['3.10.1'], send: ['3.10.2'], recv: ['3.10.3'], 'recv-eof': ['3.10.3', '3.6'],
    close: ['3.10.4'], shutdown: ['3.10.4', '3.6'],
  };
  e.governs = { rfc: (kind && sections[kind]) ?? ['3.9.1'] };
}

function timer(d: Dictionary, rec: TimerRec, e: Explanation): void {
  const f = d.why.fields;
  e.title = `${d.label[rec.end]}: ${known(d.terms, rec.name) ?? show(rec.name, 24)}`;
  tell(e, known(d.why.timers, rec.name) ?? d.why.timerOther, who(d, rec.end));
  if (rec.fired) e.more.push(d.why.fired);
  if (rec.cancelled) e.more.push(known(d.why.timerWhys, rec.why) ?? d.why.cancelled);
  if (rec.rto_ns !== undefined) e.facts.push({ label: 'RTO', value: span(rec.rto_ns) });
  if (rec.expires !== undefined) {
    e.facts.push({ label: f.expires, value: `${clock(rec.expires)} s (+${span(rec.expires - rec.t)})` });
  }
  if (rec.count !== undefined) e.facts.push({ label: f.count, value: count(rec.count) });
  const governs: Record<string, Governs> = {
    'time-wait': { sysctl: ['net.ipv4.tcp_max_tw_buckets', 'net.ipv4.tcp_tw_reuse'], rfc: ['3.6', '3.10.8'] },
    'fin-wait-2': { sysctl: ['net.ipv4.tcp_fin_timeout'], rfc: ['3.6'] },
    'syn-ack': { sysctl: ['net.ipv4.tcp_synack_retries'], rfc: ['3.8.1'] },
    'retransmit': { sysctl: ['net.ipv4.tcp_retries1', 'net.ipv4.tcp_retries2'], rfc: ['3.8.1'] },
    'keepalive': { sysctl: ['net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes'], rfc: ['3.8.4'] },
  };
  e.governs = (Object.hasOwn(governs, rec.name) ? governs[rec.name] : undefined) ?? { rfc: ['3.10.8'] };
}

function outcome(d: Dictionary, conn: Conn | undefined, rec: OutcomeRec, e: Explanation): void {
  const f = d.why.fields;
  e.title = known(d.verdict, rec.verdict) ?? show(rec.verdict);
  tell(e, d.why.outcome);
  e.what = headline(d, rec);
  if (conn) e.more.push(...evidence(d, conn));
  for (const end of ['client', 'server'] as const) {
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
}

/** The sentence at the top of a connection. A verdict of a later version speaks for itself. */
export function headline(d: Dictionary, rec: OutcomeRec): string {
  return show(d.headline(rec) ?? rec.text ?? rec.verdict, 320);
}

/** What the records of a connection show besides its verdict; nothing that none of them says. */
export function evidence(d: Dictionary, conn: Conn): string[] {
  const out: string[] = [];
  // The outcome may have said as much already.
  const cause = conn.outcome?.cause;
  let dropped = 0;
  for (const e of conn.events) {
    if (e.record === 'queue' && e.why === 'overflow') dropped++;
    const reason = cause === undefined && e.record === 'reset' && e.direction === 'sent' && e.reason !== 'NOT_SPECIFIED' ? known(d.why.reasons, e.reason) : undefined;
    if (reason !== undefined) out.push(d.evidence.reason(d.end[(e as ResetRec).end].mid, reason));
  }
  if (dropped > 0 && cause === undefined) out.unshift(d.evidence.dropped(count(dropped)));
  if (allAcked(conn)) out.push(d.evidence.acked);
  return [...new Set(out)];
}

/** Whether the packets show an ACK for the FIN of each end, which stands behind all of its bytes. */
function allAcked(conn: Conn): boolean {
  const fin: Record<End, number> = { client: Infinity, server: Infinity };
  const acked: Record<End, number> = { client: -1, server: -1 };
  for (const e of conn.events) {
    if (e.record !== 'segment' || e.notes?.includes('bad-checksum')) continue;
    const other: End = e.from === 'client' ? 'server' : 'client';
    if (e.flags.includes('FIN')) fin[e.from] = e.seq + e.len + 1;
    if (e.ack !== undefined) acked[other] = Math.max(acked[other], e.ack);
  }
  return acked.client >= fin.client && acked.server >= fin.server;
}
