// A deadline.

import { known, who } from '../i18n';
import type { TimerRec } from '../trace/records';
import type { Governs } from '../trace/transitions';
import { clock, count, show, span } from '../text';
import { opposite, stateBefore, windowOf } from './earlier';
import { tell, type Around, type KindOf } from './kind';

/** The timer that probes a closed window runs too where something could not be sent: then the window is open. */
const isUnsent = (around: Around, rec: TimerRec): boolean =>
  rec.name === 'persist' && (windowOf(around, rec, opposite(rec.end)) ?? 0) > 0;

export const timer: KindOf<TimerRec> = {
  height: 28,
  short: (rec) => show(rec.name, 24),
  problem: (rec) => (rec.fired && rec.name !== 'time-wait' ? 'timeout' : undefined),
  explain(d, around, rec, e) {
    const f = d.why.fields;
    e.title = `${d.label[rec.end]}${d.colon}${known(d.terms, rec.name) ?? show(rec.name, 24)}`;
    const syn = rec.name === 'retransmit' && stateBefore(around, rec, rec.end) === 'SYN-SENT';
    tell(e, syn ? d.why.synTimer : isUnsent(around, rec) ? d.why.unsentTimer : known(d.why.timers, rec.name) ?? d.why.timerOther, who(d, rec.end));
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
      'persist': { sysctl: ['net.ipv4.tcp_retries2'], rfc: ['3.8.6.1'] },
    };
    if (syn) e.governs = { sysctl: ['net.ipv4.tcp_syn_retries', 'net.ipv4.tcp_syn_linear_timeouts'], rfc: ['3.8.1'] };
    else e.governs = (Object.hasOwn(governs, rec.name) ? governs[rec.name] : undefined) ?? { rfc: ['3.10.8'] };
  },
  row({ d }, rec) {
    const { ui } = d;
    const text = rec.fired ? ui.timerFired : rec.cancelled ? ui.timerCancelled
      : ui.timerSet(rec.expires === undefined ? '?' : span(rec.expires - rec.t));
    return (
      <div class={`chip soft ${rec.end} ${rec.fired && rec.name !== 'time-wait' ? 'failed' : ''}`}>
        <span class="tag">{known(d.terms, rec.name) ?? show(rec.name, 16)}</span> <span>{text}{rec.count !== undefined && ` ×${count(rec.count)}`}</span>{rec.why !== undefined && <span class="tag">{known(d.terms, rec.why) ?? show(rec.why, 16)}</span>}{rec.rto_ns !== undefined && <span class="muted"> RTO {span(rec.rto_ns)}</span>}
      </div>
    );
  },
};
