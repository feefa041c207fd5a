// A large trace that looks as one of the tracer's: many connections at once through one listener, each with both
// witnesses' records. It is written piece by piece, for a trace can be larger than a string.
//   node bench/make-trace.mjs RECORDS FILE

import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Connections that are open at the same time. */
const TOGETHER = 200;
const RFC = {
  open: 'active OPEN / create TCB, snd SYN', syn: 'rcv SYN / snd SYN,ACK', synack: 'rcv SYN,ACK / snd ACK',
  ack: 'rcv ACK of SYN / x', close: 'CLOSE / snd FIN', fin: 'rcv FIN / snd ACK', ackfin: 'rcv ACK of FIN / x',
};

const state = (end, from, to, witness, rfc, more = {}) => ({
  record: 'state', end, from, to, how: witness === 'kernel' ? 'observed' : 'inferred', source: witness, rfc, ...more,
});
const kernel = (name, object = 'sock') => ({ kernel: { state: name, object } });
const segment = (from, flags, seq, ack, len) => ({
  record: 'segment', from, flags, seq, ...(ack === undefined ? {} : { ack }), len, win: 65536,
  ...(flags.includes('SYN') ? { seq_abs: 651851805 } : {}), options: { ts: [473139440 + seq, 907024799 + seq] },
});
const owner = { owner: { pid: 5259, comm: 'echo-client' } };

/** One connection's records in order; every tenth is reset by its client. */
function story(conn) {
  const steps = [
    { record: 'connection', client: { addr: `10.${(conn >> 16) & 255}.${(conn >> 8) & 255}.${conn & 255}`, port: 1024 + (conn % 60000) }, server: { addr: '10.9.0.1', port: 7007 }, family: 'ipv4', netns: 4026532000, local: ['client', 'server'] },
    state('client', 'CLOSED', 'SYN-SENT', 'kernel', RFC.open, { ...kernel('SYN_SENT'), ...owner, call: 'connect' }),
    segment('client', ['SYN'], 0, undefined, 0),
    state('client', 'CLOSED', 'SYN-SENT', 'wire', RFC.open),
    state('server', 'LISTEN', 'SYN-RECEIVED', 'kernel', RFC.syn, kernel('NEW_SYN_RECV', 'request')),
    { record: 'queue', listener: 1, syn: 1 + (conn % 5), accept: conn % 9, limit: 17, drops: 0, why: 'syn' },
    segment('server', ['SYN', 'ACK'], 0, 1, 0),
    state('server', 'LISTEN', 'SYN-RECEIVED', 'wire', RFC.syn),
    state('client', 'SYN-SENT', 'ESTABLISHED', 'wire', RFC.synack),
    state('client', 'SYN-SENT', 'ESTABLISHED', 'kernel', RFC.synack, { ...kernel('ESTABLISHED'), ...owner }),
    segment('client', ['ACK'], 1, 1, 0),
    state('server', 'SYN-RECEIVED', 'ESTABLISHED', 'wire', RFC.ack),
    state('server', 'SYN-RECEIVED', 'ESTABLISHED', 'kernel', RFC.ack, kernel('ESTABLISHED')),
    { record: 'queue', listener: 1, syn: conn % 5, accept: 1 + (conn % 9), limit: 17, drops: 0, why: 'established' },
    { record: 'call', end: 'server', listener: 1, name: 'accept4', fd: 5, ret: 6, duration_ns: 2100, socket: 1, pid: 5257, tid: 5257, comm: 'echo-server' },
  ];
  for (let i = 0; i < 3; i++) {
    steps.push(segment('client', ['PSH', 'ACK'], 1 + 5 * i, 1 + 5 * i, 5), segment('server', ['PSH', 'ACK'], 1 + 5 * i, 6 + 5 * i, 5));
  }
  if (conn % 10 === 0) {
    steps.push(segment('client', ['RST', 'ACK'], 16, 16, 0),
      state('client', 'ESTABLISHED', 'CLOSED', 'kernel', undefined, kernel('CLOSE', 'none')),
      state('server', 'ESTABLISHED', 'CLOSED', 'kernel', undefined, kernel('CLOSE', 'none')),
      { record: 'reset', end: 'server', direction: 'received', reason: 'TCP_RST', who: 'peer' });
  } else {
    steps.push(
      state('client', 'ESTABLISHED', 'FIN-WAIT-1', 'kernel', RFC.close, { ...kernel('FIN_WAIT1'), ...owner, call: 'close' }),
      segment('client', ['FIN', 'ACK'], 16, 16, 0),
      state('server', 'ESTABLISHED', 'CLOSE-WAIT', 'kernel', RFC.fin, kernel('CLOSE_WAIT')),
      state('server', 'CLOSE-WAIT', 'LAST-ACK', 'kernel', RFC.close, kernel('LAST_ACK')),
      segment('server', ['FIN', 'ACK'], 16, 17, 0),
      state('client', 'FIN-WAIT-1', 'FIN-WAIT-2', 'kernel', RFC.ackfin, kernel('FIN_WAIT2')),
      state('client', 'FIN-WAIT-2', 'TIME-WAIT', 'kernel', RFC.fin, kernel('TIME_WAIT', 'timewait')),
      { record: 'timer', end: 'client', name: 'time-wait', source: 'kernel', expires: 0 },
      state('server', 'LAST-ACK', 'CLOSED', 'kernel', RFC.ackfin, kernel('CLOSE', 'none')));
  }
  return steps;
}

const outcome = (conn) => (conn % 10 === 0
  ? { record: 'outcome', verdict: 'reset-by-client', text: 'Reset by the client.', durations: { client: { ESTABLISHED: 3e7 }, server: { ESTABLISHED: 3e7 } }, conn_state: 'RSTO', final: { client: 'CLOSED', server: 'CLOSED' }, bytes: { client: 15, server: 15 }, segments: { client: 7, server: 4 }, duration_ns: 3e7 }
  : { record: 'outcome', verdict: 'closed-normally', text: 'Closed normally.', durations: { client: { ESTABLISHED: 3e7 }, server: { ESTABLISHED: 3e7 } }, conn_state: 'SF', final: { client: 'TIME-WAIT', server: 'CLOSED' }, bytes: { client: 15, server: 15 }, segments: { client: 7, server: 5 }, duration_ns: 3e7, closed_by: 'client' });

export async function makeTrace(records, path) {
  const out = createWriteStream(path);
  let n = 0;
  let t = 0;
  let lines = [];
  const put = (fields, more = {}) => lines.push(JSON.stringify({ record: fields.record, n: n++, t, ...more, ...fields }));
  put({ record: 'header', format: 'tcplens-trace', version: 1, tool: 'tcplens 0.1.0', start: '2026-11-21T03:00:00.123456789Z', kernel: 'Linux', sources: ['kernel', 'wire'] });
  put({ record: 'listener', listener: 1, addr: '127.0.0.1', port: 7007, backlog: 16, limit: 17, netns: 4026532000, owner: { pid: 5257, comm: 'echo-server' } });
  const open = [];
  let conn = 0;
  while (n < records - 1) {
    while (open.length < TOGETHER) {
      conn++;
      open.push({ conn, steps: [...story(conn), outcome(conn)], at: 0 });
    }
    // A step of each in turn: so interleave the records of a busy host.
    for (let i = 0; i < open.length && n < records - 1; i++) {
      const talk = open[i];
      t += 900;
      const step = talk.steps[talk.at++];
      put(step.record === 'timer' ? { ...step, expires: t + 6e10 } : step, { conn: talk.conn });
      if (talk.at === talk.steps.length) open.splice(i--, 1);
    }
    if (!out.write(lines.join('\n') + '\n')) await once(out, 'drain');
    lines = [];
  }
  put({ record: 'end', reason: 'command', status: 0, counts: {}, lost: { kernel: 0, wire: 0 }, late: 0 });
  out.end(lines.join('\n') + '\n');
  await once(out, 'close');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [records, path] = process.argv.slice(2);
  if (!(Number(records) > 2) || !path) {
    console.error('usage: node bench/make-trace.mjs RECORDS FILE');
    process.exit(2);
  }
  await makeTrace(Number(records), path);
}
