// What was predicted before a lab ran.

import type { AnswerRec } from '../trace/records';
import { show } from '../text';
import { fact, tell, type KindOf } from './kind';

export const answer: KindOf<AnswerRec> = {
  height: 28,
  short: (rec) => show(rec.question, 32),
  explain(d, _around, rec, e) {
    tell(e, d.why.answer);
    fact(e, d.why.fields.question, show(rec.question));
    fact(e, d.why.fields.choice, `${show(rec.choice)} ${rec.right ? '✓' : '✗'}`);
  },
  row(_scene, rec) {
    return <div class={`chip soft ${rec.right ? '' : 'failed'}`}><span class="tag">{show(rec.question, 24)}</span> {show(rec.choice, 48)} {rec.right ? '✓' : '✗'}</div>;
  },
};
