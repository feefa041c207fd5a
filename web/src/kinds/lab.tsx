// A lab begins, or an actor of it has done a step.

import type { LabRec } from '../trace/records';
import { show, span } from '../text';
import { fact, tell, type KindOf } from './kind';

const result = (rec: LabRec): string => show(rec.errno ?? rec.ret ?? '', 24);

export const lab: KindOf<LabRec> = {
  height: 28,
  short: (rec) => show(`${rec.actor ?? rec.lab} ${rec.op ?? ''}`, 32),
  problem: (rec) => (rec.errno === undefined ? undefined : 'failed'),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    tell(e, rec.actor === undefined ? d.why.lab : d.why.labStep);
    fact(e, f.lab, show(rec.lab));
    fact(e, f.actor, rec.actor === undefined ? undefined : show(rec.actor));
    fact(e, f.step, rec.op === undefined ? undefined : `${rec.step === undefined ? '' : `${rec.step}${d.colon}`}${show(rec.op)} ${show(rec.text ?? '')}`);
    fact(e, f.result, result(rec));
    fact(e, f.took, rec.duration_ns === undefined ? undefined : span(rec.duration_ns));
  },
  row(_scene, rec) {
    return (
      <div class={`chip soft ${rec.errno === undefined ? '' : 'failed'}`}>
        <span class="tag">{show(rec.actor ?? rec.lab, 24)}</span> <span>{show(`${rec.op ?? ''} ${rec.text ?? ''}`, 60)}</span> <b>{result(rec)}</b>
      </div>
    );
  },
};
