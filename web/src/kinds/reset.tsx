// A RST, by the kernel.

import { known, who } from '../i18n';
import type { ResetRec } from '../trace/records';
import { sent } from './earlier';
import type { Governs } from '../trace/transitions';
import { show } from '../text';
import { fact, tell, type KindOf } from './kind';

/** What of the application's or of the host makes the kernel say so. */
const GOVERNS: Partial<Record<string, Omit<Governs, 'rfc'>>> = {
  TCP_ABORT_ON_CLOSE: { calls: ['close()', 'recv()'] }, TCP_ABORT_ON_DATA: { calls: ['close()', 'shutdown()'] },
  TCP_ABORT_ON_LINGER: { calls: ['setsockopt(TCP_LINGER2)'] }, TCP_STATE: { calls: ['close()', 'setsockopt(SO_LINGER)'] },
  TCP_DISCONNECT_WITH_DATA: { calls: ['close()', 'setsockopt(SO_LINGER)'] },
  NO_SOCKET: { calls: ['listen()'] }, INVALID_SYN: { sysctl: ['net.ipv4.tcp_abort_on_overflow'] },
  TCP_KEEPALIVE_TIMEOUT: { calls: ['setsockopt(SO_KEEPALIVE)'], sysctl: ['net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes'] },
};

export const reset: KindOf<ResetRec> = {
  height: 28,
  problem: () => 'reset',
  explain(d, around, rec, e) {
    const f = d.why.fields;
    e.title = `${d.label[rec.end]}${d.colon}${d.ui.rst[rec.direction]}`;
    const refusal = rec.direction === 'sent' && rec.end === 'server' && sent(around, rec, 'client', 'SYN') && !sent(around, rec, 'server', 'SYN');
    tell(e, refusal ? d.why.resetRefusal : d.why.reset[rec.direction], who(d, rec.end));
    if (known(d.why.reasons, rec.reason)) e.more.push(d.evidence.reason(d.end[rec.end].mid, known(d.why.reasons, rec.reason)!));
    fact(e, f.reason, rec.reason === undefined ? undefined : show(rec.reason));
    // Where no SYN is refused, no listener is what is missing.
    const governs = rec.reason === 'NO_SOCKET' && !refusal ? {} : GOVERNS[rec.reason ?? ''];
    e.governs = { rfc: ['3.5.2', '3.5.3'], ...governs };
  },
  row({ d }, rec) {
    const words = d;
    return (
      <div class={`chip soft failed ${rec.end}`}>
        <span class="sr">{words.end[rec.end].start}{words.colon}</span>
        <b>{words.ui.rst[rec.direction]}</b>
        {rec.reason !== undefined && <span class="tag" title={known(words.why.reasons, rec.reason)}>{show(rec.reason, 32)}</span>}
      </div>
    );
  },
};
