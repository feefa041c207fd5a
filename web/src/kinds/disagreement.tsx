// The witnesses differ.

import { known, who } from '../i18n';
import type { DisagreementRec } from '../trace/records';
import { show } from '../text';
import { fact, tell, type KindOf } from './kind';

export const disagreement: KindOf<DisagreementRec> = {
  height: 28,
  problem: (rec) => (rec.known === undefined ? 'disagreement' : undefined),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = `${d.label[rec.end]}${d.colon}${rec.kernel} ≠ ${rec.wire}`;
    tell(e, d.why.disagreement, who(d, rec.end));
    e.more.push(known(d.why.differences, rec.known) ?? (rec.known === undefined ? d.why.unexplained : ''));
    fact(e, d.source.kernel, rec.kernel);
    fact(e, d.source.wire, rec.wire);
    fact(e, f.reason, rec.known === undefined ? undefined : show(rec.known, 48));
    e.more = e.more.filter((s) => s !== '');
  },
  row({ d }, rec) {
    const words = d;
    return (
      <div class={`chip differ ${rec.end} ${rec.known === undefined ? 'failed' : ''}`}>
        <span class="sr">{words.end[rec.end].start}{words.colon}</span>
        <span aria-hidden="true">≠</span> <span>{words.ui.kernelSays} <b>{rec.kernel}</b></span> <span>{words.ui.packetsSay} <b>{rec.wire}</b></span>
      </div>
    );
  },
};
