// A socket listens.

import { who } from '../i18n';
import type { ListenerRec } from '../trace/records';
import { count, owner } from '../text';
import { fact, nameOf, tell, type KindOf } from './kind';

export const listener: KindOf<ListenerRec> = {
  height: 28,
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    tell(e, rec.closed ? d.why.listenerClosed : d.why.listener, who(d, 'server'));
    fact(e, f.owner, rec.owner && owner(rec.owner));
    fact(e, 'backlog', rec.backlog === undefined ? undefined : count(rec.backlog));
    fact(e, f.limit, rec.limit === undefined ? undefined : count(rec.limit));
    e.governs = { calls: ['listen()'], sysctl: ['net.core.somaxconn'], rfc: ['3.10.1'] };
  },
  row({ d }, rec) {
    return <div class="note-row">{nameOf(d, rec.record)}</div>;
  },
};
