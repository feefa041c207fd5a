// Events were lost.

import { known } from '../i18n';
import type { GapRec } from '../trace/records';
import { count, show } from '../text';
import { fact, tell, type KindOf } from './kind';

export const gap: KindOf<GapRec> = {
  height: 34,
  problem: () => 'gap',
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    tell(e, rec.interface !== undefined ? d.why.gapInterface : rec.records !== undefined ? d.why.gapRecords : d.why.gap);
    fact(e, f.interface, rec.interface === undefined ? undefined : show(rec.interface));
    fact(e, f.lost, rec.lost ? count(rec.lost) : undefined);
    fact(e, f.records, rec.records === undefined ? undefined : count(rec.records));
    fact(e, f.hook, rec.hook === undefined ? undefined : show(rec.hook));
    fact(e, f.source, known(d.source, rec.source) ?? show(rec.source));
  },
  row({ d }, rec) {
    const what = rec.interface !== undefined ? d.ui.interfaceGone(show(rec.interface))
      : rec.records !== undefined ? d.ui.recordsGone(count(rec.records)) : d.ui.lostHere(count(rec.lost));
    return <div class="gap-row">⚠ {what}</div>;
  },
};
