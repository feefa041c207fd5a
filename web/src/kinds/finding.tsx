// What is wrong over many connections.

import { known } from '../i18n';
import type { FindingRec } from '../trace/records';
import { clock, count } from '../text';
import { findingText } from './finding-text';
import { fact, nameOf, type KindOf } from './kind';

export const finding: KindOf<FindingRec> = {
  height: 28,
  short: (rec) => rec.kind.slice(0, 32),
  problem: (rec) => (rec.severity === 'note' ? undefined : 'finding'),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    const told = findingText(d, rec);
    e.title = `${nameOf(d, 'finding')}${d.colon}${told.name}`;
    e.why = known(d.why.severities, rec.severity) ?? '';
    e.what = told.text;
    e.more.push(...told.remedy);
    fact(e, f.count, rec.count === undefined ? undefined : count(rec.count));
    if (rec.first !== undefined && rec.last !== undefined) fact(e, d.ui.time, `${clock(rec.first)} – ${clock(rec.last)} s`);
  },
  row({ d }, rec) {
    return <div class="gap-row">‼ {findingText(d, rec).text}</div>;
  },
};
