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
    tell(e, d.why.gap);
    fact(e, f.lost, count(rec.lost));
    fact(e, f.hook, rec.hook === undefined ? undefined : show(rec.hook));
    fact(e, f.source, known(d.source, rec.source) ?? show(rec.source));
  },
  row({ d }, rec) {
    return <div class="gap-row">⚠ {d.ui.lostHere(count(rec.lost))}</div>;
  },
};
