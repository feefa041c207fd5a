// A segment came to its receiver: out of the wire of a lab, or where both hosts were watched.

import { who } from '../i18n';
import type { ArrivalRec } from '../trace/records';
import { span } from '../text';
import { fact, tell, type KindOf } from './kind';

export const arrival: KindOf<ArrivalRec> = {
  height: 28,
  explain(d, _around, rec, e) {
    tell(e, d.why.arrival, who(d, rec.end));
    fact(e, d.why.fields.took, rec.delay_ns === undefined ? undefined : span(rec.delay_ns));
    e.governs = { rfc: ['3.10.7'] };
  },
  row({ d, around, short }, rec) {
    const sent = around.byN(rec.because);
    return (
      <div class={`chip soft ${rec.end}`}>
        <span class="tag">{d.kinds.arrival}</span> <span>{sent && short(sent)}</span>
        {rec.delay_ns !== undefined && <span class="muted"> +{span(rec.delay_ns)}</span>}
      </div>
    );
  },
};
