// One UDP datagram, or an ICMP error that quotes one.

import { known } from '../i18n';
import type { Address, DatagramRec } from '../trace/records';
import { bytes, count, show } from '../text';
import { fact, tell, type KindOf } from './kind';

const place = (a: Address): string => (a.addr.includes(':') ? `[${show(a.addr, 48)}]:${a.port}` : `${show(a.addr, 48)}:${a.port}`);

function dnsText({ q, type, rcode, answers }: NonNullable<DatagramRec['dns']>): string {
  return [q, type, rcode, ...(answers ?? [])].filter((x) => x !== undefined).map((x) => show(x, 64)).join(' ');
}

export const datagram: KindOf<DatagramRec> = {
  height: 28,
  short: () => 'UDP',
  problem: (rec) => (rec.icmp ? 'icmp' : undefined),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = `${place(rec.from)} → ${place(rec.to)}`;
    tell(e, rec.icmp ? d.why.datagramRefused : d.why.datagram);
    if (rec.checksum === 'bad') e.more.push(d.why.datagramBad);
    fact(e, f.len, bytes(rec.len));
    fact(e, f.checksum, rec.checksum === undefined ? undefined : show(rec.checksum, 12));
    if (rec.icmp) fact(e, 'ICMP', known(d.causes, `icmp-${rec.icmp.error}`) ?? show(rec.icmp.error, 32));
    fact(e, f.by, rec.icmp?.by === undefined ? undefined : show(rec.icmp.by, 48));
    if (rec.dns) fact(e, 'DNS', dnsText(rec.dns));
    fact(e, f.frame, rec.frame === undefined ? undefined : count(rec.frame));
  },
  row(_scene, rec) {
    return (
      <div class={`chip soft ${rec.icmp ? 'failed' : ''}`}>
        <b>UDP</b> <span>{place(rec.from)} → {place(rec.to)}</span>
        <span class="muted"> {rec.dns ? dnsText(rec.dns) : bytes(rec.len)}</span>
      </div>
    );
  },
};
