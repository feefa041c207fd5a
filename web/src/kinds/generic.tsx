// A kind that has no file of its own: one that is new in the vocabulary.

import type { Rec } from '../trace/records';
import { SAYS } from '../trace/words';
import { show } from '../text';
import { fact, nameOf, type KindOf } from './kind';

/** What every record has. */
const COMMON = new Set(['record', 'n', 't', 'late', 'conn', 'because']);
const fieldsOf = (rec: Rec): [string, string][] =>
  Object.entries(rec).filter(([k]) => !COMMON.has(k)).map(([k, v]) => [show(k, 24), show(v, 80)]);

export const generic: KindOf<Rec> = {
  height: 28,
  explain(_d, _around, rec, e) {
    e.what = `${SAYS[rec.record]}.`;
    for (const [label, value] of fieldsOf(rec)) fact(e, label, value);
  },
  row({ d }, rec) {
    const fields = fieldsOf(rec).slice(0, 3).map(([k, v]) => `${k} ${v}`).join(' · ');
    return <div class="chip soft"><span class="tag">{nameOf(d, rec.record)}</span> <span class="muted">{show(fields, 60)}</span></div>;
  },
};
