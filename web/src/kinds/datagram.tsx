// A UDP datagram, or an ICMP error that quotes one.

import { known, type Dictionary } from '../i18n';
import type { DatagramRec } from '../trace/records';
import { address, bytes, count, show } from '../text';
import { fact, tell, type KindOf } from './kind';

const errorOf = (d: Dictionary, rec: DatagramRec): string | undefined =>
  rec.icmp && (known(d.why.udpErrors, rec.icmp.error) ?? show(rec.icmp.error, 32));

/** The question, and what an answer says to it. */
function dnsOf({ dns }: DatagramRec): string | undefined {
  if (!dns) return undefined;
  const answers = Array.isArray(dns.answers) ? dns.answers.map((a) => show(a)).join(', ') : '';
  return [dns.q, dns.type, dns.rcode].filter((v) => v !== undefined).map((v) => show(v)).join(' ') + (answers && ` → ${answers}`);
}

export const datagram: KindOf<DatagramRec> = {
  height: 28,
  short: () => 'UDP',
  problem: (rec) => (rec.icmp ? 'icmp' : rec.checksum === 'bad' ? 'checksum' : undefined),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = `${address(rec.from)} → ${address(rec.to)}`;
    tell(e, rec.icmp ? d.why.datagramRefused : d.why.datagram);
    const refused = errorOf(d, rec);
    if (refused) e.more.push(`ICMP: ${refused}`);
    const checksum = known(d.why.checksums, rec.checksum);
    if (checksum) e.more.push(checksum);
    fact(e, f.len, bytes(rec.len));
    fact(e, f.by, rec.icmp?.by === undefined ? undefined : show(rec.icmp.by));
    fact(e, 'DNS', dnsOf(rec));
    const sockets = [rec.sender, rec.receiver].map((n) => (n === undefined ? '?' : `#${n}`));
    fact(e, f.socket, rec.sender ?? rec.receiver ? sockets.join(' → ') : undefined);
    fact(e, f.frame, rec.frame === undefined ? undefined : count(rec.frame));
  },
  row({ d }, rec) {
    return (
      <div class={`chip soft ${rec.icmp ? 'failed' : ''}`}>
        <b>UDP</b> <span class="muted">{address(rec.from)} → {address(rec.to)}</span> <span>{dnsOf(rec) ?? bytes(rec.len)}</span>
        {rec.icmp && <span class="tag">{errorOf(d, rec)}</span>}
      </div>
    );
  },
};
