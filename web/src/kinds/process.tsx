// A process of the command begins, becomes another program, or ends.

import { known } from '../i18n';
import type { ProcessRec } from '../trace/records';
import { bytes, count, owner, show, span } from '../text';
import { fact, tell, type KindOf } from './kind';

export const process: KindOf<ProcessRec> = {
  height: 28,
  short: (rec) => show(rec.event, 12),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    tell(e, known(d.why.processes, rec.event) ?? d.why.processOther);
    fact(e, f.owner, owner(rec));
    fact(e, f.parent, rec.parent === undefined ? undefined : String(rec.parent));
    fact(e, f.status, rec.status === undefined ? undefined : String(rec.status));
    if (rec.cpu_ns !== undefined) {
      const parts = rec.user_ns !== undefined && rec.system_ns !== undefined ? d.view.cpu(span(rec.user_ns), span(rec.system_ns)) : '';
      fact(e, f.cpu, span(rec.cpu_ns) + parts);
    }
    if (rec.nvcsw !== undefined && rec.nivcsw !== undefined) fact(e, f.switches, `${count(rec.nvcsw)} · ${count(rec.nivcsw)}`);
    if (rec.maxrss_kb !== undefined) fact(e, f.memory, bytes(rec.maxrss_kb * 1024));
  },
  row({ end = '' }, rec) {
    const cost = [
      rec.cpu_ns !== undefined && `CPU ${span(rec.cpu_ns)}`,
      rec.maxrss_kb !== undefined && bytes(rec.maxrss_kb * 1024),
    ].filter((v) => v !== false).join(' · ');
    return <div class={`chip soft ${end}`}><b>{show(rec.event, 12)}{rec.status !== undefined && ` ${rec.status}`}</b> <span class="lit">{cost}</span> <span class="muted comm">{show(rec.comm ?? rec.pid, 24)}</span></div>;
  },
};
