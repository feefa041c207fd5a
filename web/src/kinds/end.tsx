// The last line of a trace.

import { known } from '../i18n';
import type { EndRec } from '../trace/records';
import { count, show } from '../text';
import { fact, nameOf, tell, type KindOf } from './kind';

export const end: KindOf<EndRec> = {
  height: 30,
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    tell(e, d.why.end);
    fact(e, f.reason, known(d.why.ends, rec.reason) ?? rec.reason);
    fact(e, f.result, rec.status === undefined ? undefined : String(rec.status));
    fact(e, f.lost, Object.entries(rec.lost ?? {}).map(([s, n]) => `${show(s, 16)} ${count(n)}`).join(' · '));
    fact(e, f.skipped, Object.entries(rec.skipped ?? {}).map(([what, n]) => `${show(what)} ${count(n)}`).join(' · '));
    for (const [what, n] of Object.entries(rec.beyond ?? {}))
      e.more.push(`${known(d.why.beyond, what) ?? show(what, 32)} (${count(n)}).`);
  },
  row({ d }, rec) {
    return <div class="note-row">{nameOf(d, rec.record)}</div>;
  },
};
