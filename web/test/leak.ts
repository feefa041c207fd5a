// A trace of a server that does not close, and of a listener that drops.

import { demo } from './sample';
import { Talk, Writer } from './writer';

export const SERVER = { addr: '10.0.1.1', port: 443, pid: 810, comm: 'httpd' };
export const client = (i: number) => ({ addr: `10.0.0.${i}`, port: 40000 + i, pid: 5000 + i, comm: 'curl' });

/** Connections that a server leaves in CLOSE-WAIT for longer than ten seconds, and ones that a full queue held up. */
export function leak(held: number, late: number): string {
  const w = new Writer();
  w.header();
  demo(w);
  w.put('listener', 10, { listener: 2, addr: '::', port: 443, backlog: 2, limit: 3, owner: { pid: 810, comm: 'httpd' } });
  for (let i = 2; i < 2 + held; i++) {
    const talk = new Talk(w, i, { client: client(i), server: SERVER }, 100);
    talk.handshake(2, 0, 1, 3, 500);
    talk.kernel(10, 'client', 'FIN-WAIT-1');
    const fin = talk.segment(1, 'client', ['FIN', 'ACK']);
    talk.kernel(5, 'server', 'CLOSE-WAIT', 'sock', fin);
    const ack = talk.segment(1, 'server', ['ACK']);
    talk.kernel(1, 'client', 'FIN-WAIT-2', 'sock', ack);
    talk.outcome(10, 'half-closed', 'Half closed.', { closed_by: 'client', durations: { server: { 'CLOSE-WAIT': 12_000_000_000 } }, rtt_ns: 500_000 });
  }
  for (let i = 2 + held; i < 2 + held + late; i++) {
    const talk = new Talk(w, i, { client: client(i), server: SERVER }, 100);
    talk.queue(1, 2, 0, 3, 3, 1, 'overflow');
    talk.handshake(2, 0, 1, 3, 500);
    talk.close(10, 'client', 10, 500);
    talk.outcome(10, 'closed-normally', 'Closed normally: the client closed first.', { closed_by: 'client' });
  }
  w.end();
  return w.text();
}
