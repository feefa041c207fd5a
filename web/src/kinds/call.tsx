// A system call of the application.

import { known, who } from '../i18n';
import { callKind, callText } from '../trace/describe';
import { callFailed } from '../trace/problems';
import type { CallRec } from '../trace/records';
import { owner, show, span } from '../text';
import { tell, type KindOf } from './kind';

export const call: KindOf<CallRec> = {
  height: 28,
  short: (rec) => `${show(rec.name, 24)}()`,
  problem: (rec) => (callFailed(rec) ? 'failed' : undefined),
  explain(d, _around, rec, e) {
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
  },
  row({ d }, rec) {
    const end = rec.end ?? 'client';
    return (
      <div class={`chip call ${end} ${callFailed(rec) ? 'failed' : ''}`}>
        <span class="sr">{d.end[end].start}: </span>
        <code>{callText(rec)}</code>
        {rec.comm !== undefined && <span class="muted comm">{show(rec.comm, 24)}</span>}
      </div>
    );
  },
};
