// A UDP datagram, or an ICMP error that quotes one.

import { known, type Dictionary } from '../i18n';
import type { DatagramRec } from '../trace/records';
import { address, bytes, count, show } from '../text';
import { Arrow } from './arrow';
import { opposite } from './earlier';
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
  height: 40,
  short: () => 'UDP',
  problem: (rec) => (rec.icmp ? 'icmp' : rec.lost ? 'loss' : rec.checksum === 'bad' ? 'checksum' : undefined),
  explain(d, _around, rec, e) {
    const f = d.why.fields;
    e.title = `${address(rec.from)} → ${address(rec.to)}`;
    tell(e, rec.icmp ? d.why.datagramRefused : d.why.datagram);
    const refused = errorOf(d, rec);
    if (refused) e.more.push(`ICMP: ${refused}`);
    if (rec.lost) e.more.push(d.why.notes['lost-on-wire']);
    const checksum = known(d.why.checksums, rec.checksum);
    if (checksum) e.more.push(checksum);
    fact(e, f.len, bytes(rec.len));
    fact(e, f.by, rec.icmp?.by === undefined ? undefined : show(rec.icmp.by));
    fact(e, 'DNS', dnsOf(rec));
    const sockets = [rec.sender, rec.receiver].map((n) => (n === undefined ? '?' : `#${n}`));
    fact(e, f.socket, rec.sender ?? rec.receiver ? sockets.join(' → ') : undefined);
    fact(e, f.frame, rec.frame === undefined ? undefined : count(rec.frame));
  },
  row({ d, end = 'client' }, rec) {
    const trouble = errorOf(d, rec) ?? (rec.lost ? d.terms['lost-on-wire'] : rec.checksum === 'bad' ? d.terms['bad-checksum'] : undefined);
    // What refuses it comes back to its sender.
    const from = rec.icmp ? opposite(end) : end;
    return (
      <div class={`seg udp ${from} k-data ${trouble ? 'again' : ''}`}>
        <Arrow right={from === 'client'} lost={rec.lost} />
        <div class="seg-text">
          <span class="sr">{d.end[from].start} → {d.end[opposite(from)].mid}{d.colon}</span>
          <b>{rec.icmp ? 'ICMP' : 'UDP'}</b>
          {trouble && <em> {trouble}</em>}
          <span class="nums"> {dnsOf(rec) ?? `len ${count(rec.len)}`}</span>
        </div>
      </div>
    );
  },
};
