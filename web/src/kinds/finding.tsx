// What is wrong over many connections.

import { known } from '../i18n';
import type { FindingRec } from '../trace/records';
import { clock, count, show } from '../text';
import { fact, nameOf, type KindOf } from './kind';

export const finding: KindOf<FindingRec> = {
  height: 28,
  short: (rec) => show(rec.kind, 32),
  problem: (rec) => (rec.severity === 'note' ? undefined : 'finding'),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = `${nameOf(d, 'finding')}: ${show(rec.kind, 32)}`;
    e.why = known(d.why.severities, rec.severity) ?? '';
    e.what = show(rec.text ?? rec.kind, 320);
    e.more.push(...(rec.remedy ?? []).map((r) => show(r, 160)));
    fact(e, f.count, rec.count === undefined ? undefined : count(rec.count));
    if (rec.first !== undefined && rec.last !== undefined) fact(e, d.ui.time, `${clock(rec.first)} – ${clock(rec.last)} s`);
  },
  row(_scene, rec) {
    return <div class="gap-row">‼ {show(rec.text ?? rec.kind, 160)}</div>;
  },
};
