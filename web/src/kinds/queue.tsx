// A queue of a listener changed.

import { known, who } from '../i18n';
import type { QueueRec } from '../trace/records';
import { lastSegment } from './earlier';
import { count } from '../text';
import { fact, tell, type Around, type KindOf } from './kind';

/** What was dropped: the segment that is named, or the client's last one before. */
function droppedOf(around: Around, rec: QueueRec): 'SYN' | 'ACK' | undefined {
  const named = around.byN(rec.because);
  const segment = named?.record === 'segment' ? named : lastSegment(around, rec, 'client');
  return segment && (segment.flags.includes('SYN') ? 'SYN' : 'ACK');
}

export const queue: KindOf<QueueRec> = {
  height: 28,
  problem: (rec) =>
    (rec.why === 'overflow' ? 'overflow' : rec.why === 'expired' || rec.why === 'dropped' ? 'expired' : undefined),
  explain(d, around, rec, e) {
    const f = d.why.fields;
    const dropped = rec.why === 'overflow' ? droppedOf(around, rec) : undefined;
    tell(e, dropped ? d.why.overflow[dropped] : known(d.why.queues, rec.why) ?? d.why.queueOther, who(d, 'server'));
    fact(e, d.ui.cause, known(d.causes, rec.cause));
    const l = around.listener(rec.listener);
    const limit = rec.limit ?? l?.rec.limit;
    fact(e, f.queues, `${d.ui.synQueue} ${rec.syn} · ${d.ui.acceptQueue} ${rec.accept}${limit === undefined ? '' : ` / ${limit}`}`);
    fact(e, f.dropsInAll, rec.drops === undefined ? undefined : count(rec.drops));
    e.governs = {
      calls: ['listen()', 'accept()'], rfc: ['3.10.7.2'],
      sysctl: ['net.core.somaxconn', 'net.ipv4.tcp_max_syn_backlog', 'net.ipv4.tcp_syncookies', 'net.ipv4.tcp_abort_on_overflow'],
    };
  },
  row({ d, around }, rec) {
    const { ui } = d;
    const limit = rec.limit ?? around.listener(rec.listener)?.rec.limit;
    const bad = rec.why === 'overflow' || rec.why === 'expired' || rec.why === 'dropped';
    return (
      <div class={`chip soft server ${bad ? 'failed' : ''}`}>
        {!bad && <><span class={rec.why === 'syn' ? 'lit' : ''}>{ui.synQueue} <b>{count(rec.syn)}</b></span><span>·</span></>}
        <span class={rec.why === 'accept' || rec.why === 'established' ? 'lit' : ''}>
          {ui.acceptQueue} <b>{count(rec.accept)}{limit !== undefined && ` / ${count(limit)}`}</b>
        </span>
        {bad && <em> {rec.why === 'overflow' ? ui.full : d.terms[rec.why as 'expired' | 'dropped']}</em>}
        {bad && rec.drops !== undefined && rec.drops > 0 && <span class="muted"> {ui.dropsInAll(count(rec.drops))}</span>}
      </div>
    );
  },
};
