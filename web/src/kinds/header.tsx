// The first line of a trace.

import type { HeaderRec } from '../trace/records';
import { show } from '../text';
import { fact, nameOf, tell, type KindOf } from './kind';

export const header: KindOf<HeaderRec> = {
  height: 30,
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    tell(e, d.why.header);
    fact(e, f.tool, rec.tool === undefined ? undefined : show(rec.tool));
    fact(e, f.start, rec.start === undefined ? undefined : show(rec.start));
    fact(e, f.kernel, rec.kernel === undefined ? undefined : show(rec.kernel));
    fact(e, nameOf(d, 'call'), rec.command?.map((a) => show(a)).join(' '));
  },
  row({ d }, rec) {
    return <div class="note-row">{nameOf(d, rec.record)}</div>;
  },
};
