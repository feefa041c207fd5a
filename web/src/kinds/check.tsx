// What the trace of a lab was held against.

import { known } from '../i18n';
import type { CheckRec } from '../trace/records';
import { show } from '../text';
import { expectText } from './expect-text';
import { fact, tell, type KindOf } from './kind';

export const check: KindOf<CheckRec> = {
  height: 28,
  short: (rec) => show(rec.check, 32),
  problem: (rec) => (rec.result === 'failed' ? 'failed' : undefined),
  explain(d, _around, rec, e) {
    tell(e, d.why.check);
    e.title = `${d.kinds.check} ${show(rec.check)}${d.colon}${known(d.why.checkResults, rec.result) ?? show(rec.result)}`;
    fact(e, d.why.fields.expected, expectText(d, rec.expected ?? ''));
    fact(e, d.why.fields.seen, show(rec.seen ?? '', 240));
  },
  row({ d }, rec) {
    return (
      <div class={`chip soft ${rec.result === 'passed' ? '' : 'failed'}`}>
        <span class="tag">{show(rec.check, 24)}</span> {known(d.why.checkResults, rec.result) ?? show(rec.result, 16)} <span class="muted">{show(rec.seen ?? '', 60)}</span>
      </div>
    );
  },
};
