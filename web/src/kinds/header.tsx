// The first line of a trace.

import { known } from '../i18n';
import type { HeaderRec } from '../trace/records';
import { show, span } from '../text';
import { fact, nameOf, tell, type KindOf } from './kind';

export const header: KindOf<HeaderRec> = {
  height: 30,
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    tell(e, d.why.header);
    fact(e, f.tool, rec.tool === undefined ? undefined : show(rec.tool));
    fact(e, f.start, rec.start === undefined ? undefined : show(rec.start));
    fact(e, f.host, rec.host?.name === undefined ? undefined : show(rec.host.name, 64));
    fact(e, f.clockError, rec.clock?.maxerror_us === undefined ? undefined : span(rec.clock.maxerror_us * 1000));
    for (const m of Array.isArray(rec.merged) ? rec.merged.slice(0, 16) : []) {
      const clock = known(d.why.clockFits, m.clock ?? '') ?? show(m.clock ?? '', 32);
      const off = m.offset_ns === undefined ? '' : ` · ${d.why.mergedClock(span(m.offset_ns), span(m.band_ns ?? 0))}`;
      e.facts.push({ label: show(m.input ?? '', 64), value: `${clock}${off}` });
    }
    fact(e, f.kernel, rec.kernel === undefined ? undefined : show(rec.kernel));
    fact(e, nameOf(d, 'call'), rec.command?.map((a) => show(a)).join(' '));
  },
  row({ d }, rec) {
    return <div class="note-row">{nameOf(d, rec.record)}</div>;
  },
};
