// A connection is first seen.

import type { ConnectionRec } from '../trace/records';
import { fact, tell, type KindOf } from './kind';

export const connection: KindOf<ConnectionRec> = {
  height: 32,
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    tell(e, rec.since === 'before-trace' ? d.why.connectionBefore : d.why.connection);
    fact(e, f.netns, rec.netns === undefined ? undefined : String(rec.netns));
    if (rec.roles === 'assumed') e.more.push(d.ui.assumedRoles);
    e.governs = { rfc: ['3.3.1', '3.4'] };
  },
  row({ d }, rec) {
    return (
      <div class="note-row">
        {d.ui.connName(rec.conn)} · {rec.since === 'before-trace' ? d.ui.before : d.ui.firstSeen}
      </div>
    );
  },
};
