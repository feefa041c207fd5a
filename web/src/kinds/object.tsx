// The kernel moved an end into another object.

import { who } from '../i18n';
import type { ObjectRec } from '../trace/records';
import { show } from '../text';
import { fact, nameOf, tell, type KindOf } from './kind';

export const object: KindOf<ObjectRec> = {
  height: 28,
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = `${nameOf(d, 'object')}${d.colon}${show(rec.from, 16)} → ${show(rec.to, 16)}`;
    const { sock, timewait, waits, other } = d.why.objects;
    tell(e, rec.to === 'sock' ? sock : rec.to !== 'timewait' ? other : rec.state === 'TIME-WAIT' ? waits : timewait, who(d, rec.end));
    fact(e, d.ui.state, d.ui.stateStays(rec.state));
    fact(e, f.kernel, rec.kernel?.state === undefined ? undefined : show(rec.kernel.state, 24));
  },
  row({ d }, rec) {
    return (
      <div class={`chip soft ${rec.end}`}>
        {show(rec.from, 12)} → <b>{show(rec.to, 12)}</b>
        <span class="muted"> {d.ui.stateStays(rec.state)}</span>
      </div>
    );
  },
};
