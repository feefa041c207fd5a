// A RST, by the kernel.

import { known, who } from '../i18n';
import type { ResetRec } from '../trace/records';
import { show } from '../text';
import { fact, tell, type KindOf } from './kind';

export const reset: KindOf<ResetRec> = {
  height: 28,
  problem: () => 'reset',
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = `${d.label[rec.end]}: ${d.ui.rst[rec.direction]}`;
    tell(e, d.why.reset[rec.direction], who(d, rec.end));
    if (known(d.why.reasons, rec.reason)) e.more.push(d.evidence.reason(d.end[rec.end].mid, known(d.why.reasons, rec.reason)!));
    fact(e, f.reason, rec.reason === undefined ? undefined : show(rec.reason));
    e.governs = { rfc: ['3.5.2', '3.5.3'], calls: ['close()', 'setsockopt(SO_LINGER)'] };
  },
  row({ d }, rec) {
    const words = d;
    return (
      <div class={`chip soft failed ${rec.end}`}>
        <span class="sr">{words.end[rec.end].start}: </span>
        <b>{words.ui.rst[rec.direction]}</b>
        {rec.reason !== undefined && <span class="tag" title={known(words.why.reasons, rec.reason)}>{show(rec.reason, 32)}</span>}
      </div>
    );
  },
};
