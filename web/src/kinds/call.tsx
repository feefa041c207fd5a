// A system call of the application.

import { known, who, type Dictionary, type Told, type Who } from '../i18n';
import { callKind, callText, type CallKind } from '../trace/describe';
import { callFailed, interrupted, wouldBlock } from '../trace/problems';
import type { CallRec } from '../trace/records';
import { count, owner, show, span } from '../text';
import { fact, tell, type KindOf } from './kind';

const SECTIONS: Partial<Record<CallKind, string[]>> = {
  connect: ['3.10.1'], listen: ['3.10.1'], send: ['3.10.2'], recv: ['3.10.3'], 'recv-eof': ['3.10.3', '3.6'],
  close: ['3.10.4'], shutdown: ['3.10.4', '3.6'],
};

/** A call that failed did nothing of what its kind does. */
function told(d: Dictionary, rec: CallRec, kind: CallKind | undefined): Told {
  const { why } = d;
  if (rec.blocked) return why.callBlocked;
  if (interrupted(rec.errno)) return why.callInterrupted;
  if (wouldBlock(rec.errno)) return why.callAgain;
  if (rec.errno === 'EINPROGRESS') return why.callUnderWay;
  if (rec.errno !== undefined || (rec.ret ?? 0) < 0) return why.callFailed;
  return kind ? why.calls[kind] : why.callOther;
}

/** Before there is a connection no end is told: then the process is spoken of. */
function caller(d: Dictionary, rec: CallRec): Who {
  const end = rec.end ?? (rec.listener !== undefined ? 'server' : undefined);
  if (end) return who(d, end);
  const name = rec.comm === undefined ? d.why.process : show(rec.comm, 24);
  return { a: name, A: name, b: '', B: '' };
}

/** What was ready of what a call waited for. */
const readyText = (rec: CallRec): string =>
  (rec.ready ?? []).map((r) => `${r.fd === undefined ? '' : `fd ${r.fd} `}${(r.events ?? []).map((x) => show(x, 12)).join('|')}`).join(' · ');

/** A call that took as long waited: nothing that a processor does for one takes it. */
const SLOW_NS = 1_000_000;

export const call: KindOf<CallRec> = {
  height: 28,
  short: (rec) => `${show(rec.name, 24)}()`,
  problem: (rec) => (callFailed(rec) ? 'failed' : undefined),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    const kind = callKind(rec);
    e.title = `${rec.end ? `${d.label[rec.end]}${d.colon}` : ''}${callText(rec)}`;
    tell(e, told(d, rec, kind), caller(d, rec));
    const errno = known(d.why.errno, rec.errno);
    if (errno) e.more.push(`${rec.errno}${d.colon}${errno}`);
    if (rec.ret !== undefined) e.facts.push({ label: f.result, value: `${rec.ret}${rec.errno ? ` ${show(rec.errno, 20)}` : ''}` });
    const args = Object.entries(rec.args ?? {}).map(([k, v]) => `${show(k, 24)} ${show(v, 60)}`);
    if (rec.socket !== undefined) e.facts.push({ label: f.socket, value: `#${rec.socket}` });
    if (rec.fd !== undefined && rec.fd >= 0) args.unshift(`fd ${rec.fd}`);
    if (args.length > 0) e.facts.push({ label: f.arguments, value: args.join(' · ') });
    fact(e, f.ready, readyText(rec));
    if (rec.events) e.facts.push({ label: f.events, value: show(rec.events.join(' '), 80) });
    if (rec.duration_ns !== undefined) e.facts.push({ label: rec.blocked ? f.sofar : f.took, value: span(rec.duration_ns) });
    if (rec.comm !== undefined || rec.pid !== undefined) {
      e.facts.push({ label: f.owner, value: owner(rec) });
    }
    e.governs = { rfc: (kind && SECTIONS[kind]) ?? ['3.9.1'] };
  },
  row({ d, end: at = 'client' }, rec) {
    const end = rec.end ?? at;
    return (
      <div class={`chip call ${end} ${callFailed(rec) ? 'failed' : ''}`}>
        <span class="sr">{d.end[end].start}{d.colon}</span>
        <code>{callText(rec)}</code>{rec.blocked && ' …'}{' '}
        {typeof rec.args?.watched === 'number' && <span>{d.view.watched(count(rec.args.watched))}</span>}{' '}
        {rec.ready && <span class="lit">{readyText(rec)}</span>}{' '}
        {(rec.duration_ns ?? 0) >= SLOW_NS && <span class="muted">{span(rec.duration_ns!)}</span>}{' '}
        {rec.comm !== undefined && <span class="muted comm">{show(rec.comm, 24)}</span>}
      </div>
    );
  },
};
