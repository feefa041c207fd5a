// A connection is first seen.

import type { ConnectionRec, Tunnel } from '../trace/records';
import { show } from '../text';
import { fact, tell, type KindOf } from './kind';

/** `vxlan 42 (192.0.2.1 > 192.0.2.2)`, the outermost first. */
const tunnelText = (tunnels: Tunnel[]) => tunnels.map((t) =>
  [show(t.type, 16), t.id, t.from && t.to && `(${show(t.from)} > ${show(t.to)})`].filter((v) => v !== undefined).join(' ')).join(' · ');

export const connection: KindOf<ConnectionRec> = {
  height: 32,
  explain(d, around, rec, e) {
    const f = d.why.fields;
    tell(e, rec.since === 'before-trace' ? d.why.connectionBefore : d.why.connection);
    fact(e, f.netns, rec.netns === undefined ? undefined : String(rec.netns));
    fact(e, f.tunnel, rec.tunnel && tunnelText(rec.tunnel));
    if (rec.roles === 'assumed' && !around.listened) e.more.push(d.ui.assumedRoles);
    e.governs = { rfc: ['3.3.1', '3.4'] };
  },
  row({ d }, rec) {
    return (
      <div class="note-row">
        {d.ui.connName(rec.conn)} · {rec.since === 'before-trace' ? d.ui.before : d.ui.firstSeen}
        {rec.tunnel && ` · ${tunnelText(rec.tunnel)}`}
      </div>
    );
  },
};
