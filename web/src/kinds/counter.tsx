// A counter of the network namespace, as the trace ends.

import type { CounterRec } from '../trace/records';
import { count, show } from '../text';
import { fact, tell, type KindOf } from './kind';

const moved = (rec: CounterRec): string => `${rec.delta < 0 ? '−' : '+'}${count(Math.abs(rec.delta))}`;

export const counter: KindOf<CounterRec> = {
  height: 28,
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = show(rec.name, 48);
    tell(e, d.why.counter);
    fact(e, f.change, moved(rec));
    fact(e, f.value, count(rec.value));
  },
  row(_scene, rec) {
    return <div class="chip soft"><code>{show(rec.name, 48)}</code> <span class="muted">{moved(rec)}</span></div>;
  },
};
