// An ICMP error that quotes a segment.

import { known, who, type Dictionary } from '../i18n';
import type { IcmpRec } from '../trace/records';
import { bytes, count, show } from '../text';
import { fact, tell, type KindOf } from './kind';

const errorOf = (d: Dictionary, rec: IcmpRec) => known(d.causes, `icmp-${rec.error}`) ?? show(rec.error, 32);

export const icmp: KindOf<IcmpRec> = {
  height: 28,
  short: () => 'ICMP',
  problem: () => 'icmp',
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = `ICMP${d.colon}${errorOf(d, rec)}`;
    tell(e, d.why.icmp, who(d, rec.end));
    fact(e, f.by, rec.by === undefined ? undefined : show(rec.by));
    fact(e, f.mtu, rec.mtu === undefined ? undefined : bytes(rec.mtu));
    fact(e, f.seq, rec.seq_abs === undefined ? undefined : String(rec.seq_abs));
    fact(e, f.frame, rec.frame === undefined ? undefined : count(rec.frame));
    e.governs = { rfc: ['3.9.2.2'] };
  },
  row({ d }, rec) {
    return (
      <div class={`chip soft failed ${rec.end}`}>
        <span class="sr">{d.end[rec.end].start}{d.colon}</span>
        <b>ICMP</b>
        <span class="tag">{errorOf(d, rec)}</span>
      </div>
    );
  },
};
