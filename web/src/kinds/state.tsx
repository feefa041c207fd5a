// One end changed state.

import { Glyph } from '../glyph';
import { who } from '../i18n';
import { groupOf } from '../trace/describe';
import type { Rec, StateRec } from '../trace/records';
import { GOVERNS, moveOf } from '../trace/transitions';
import { owner, show } from '../text';
import { nameOf, tell, type KindOf } from './kind';

export const state: KindOf<StateRec> = {
  height: 34,
  short: (rec) => `${rec.from} → ${rec.to}`,
  explain(d, around, rec, e) {
    const f = d.why.fields;
    const move = moveOf(rec.from, rec.to);
    e.title = `${d.label[rec.end]}: ${rec.from} → ${rec.to}`;
    const cause = around.byN(rec.because);
    const reset = rec.to === 'CLOSED' && ((cause?.record === 'segment' && cause.flags.includes('RST')) || cause?.record === 'reset');
    tell(e, reset ? d.why.resetMove : move ? d.why.moves[move] : d.why.otherMove, who(d, rec.end));
    if (reset) e.governs = { rfc: ['3.5.2', '3.5.3'] };
    else if (move) e.governs = GOVERNS[move];
    e.facts.push({ label: d.why.rfcEdge, value: rec.rfc === undefined ? d.ui.noEdge : show(rec.rfc) });
    e.facts.push({ label: f.how, value: `${d.how[rec.how]}, ${d.source[rec.source]}` });
    if (rec.how === 'sampled') e.more.push(d.why.sampled);
    if (rec.how === 'predicted') e.more.push(d.why.predicted);
    if (rec.call !== undefined) e.facts.push({ label: nameOf(d, 'call'), value: `${show(rec.call, 24)}()` });
    if (rec.kernel?.state !== undefined) {
      const where = rec.kernel.object === undefined ? '' : ` (${show(rec.kernel.object, 16)})`;
      e.facts.push({ label: f.kernel, value: show(rec.kernel.state, 24) + where });
    }
    if (rec.owner) e.facts.push({ label: f.owner, value: owner(rec.owner) });
  },
  row({ d, around, selected, go, short }, rec) {
    const words = d;
    const cause: Rec | undefined = around.byN(rec.because);
    const inferred = rec.how === 'inferred' || rec.how === 'assumed';
    return (
      <div class={`chip change ${rec.end} s-${groupOf(rec.to)} ${inferred ? 'inferred' : rec.how === 'sampled' ? 'sampled' : ''}`}>
        <span class="sr">{words.end[rec.end].start}: </span>
        {rec.how === 'sampled' && <span title={words.how.sampled}>≈</span>}
        <span class="move"><Glyph group={groupOf(rec.to)} /> {rec.from} → <b>{rec.to}</b></span>
        {cause
          ? <button
              class="cause-link" tabIndex={selected ? 0 : -1} title={words.ui.causeOf(`${short(cause)} #${cause.n}`)}
              onClick={(e) => { e.stopPropagation(); go(cause.n); }}
            ><span aria-hidden="true">↰ </span>{short(cause)}</button>
          : rec.call !== undefined ? <code class="muted">{show(rec.call, 24)}()</code>
            : rec.rfc !== undefined && <span class="muted rfc">{show(rec.rfc.split(' / ')[0], 24)}</span>}
      </div>
    );
  },
};
