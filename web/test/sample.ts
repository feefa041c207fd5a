// One whole connection, whose every value the tests know. A client connects, sends three messages
// that the server echoes, and closes; the server closes a second later, and the client is left in
// TIME-WAIT.

import { Talk, Writer } from './writer';

export function demo(w: Writer, conn = 1, clientPort = 40312): void {
  const server = { addr: '127.0.0.1', port: 7007, pid: 4710, comm: 'tcplens-echo' };
  const client = { addr: '127.0.0.1', port: clientPort, pid: 4711, comm: 'tcplens-echo' };
  const limit = 17;
  w.put('listener', 0, {
    listener: 1, addr: server.addr, port: server.port, backlog: 16, limit, netns: 4026532281,
    owner: { pid: server.pid, comm: server.comm },
  });
  w.put('call', 2, { listener: 1, end: 'server', name: 'listen', fd: 4, ret: 0, args: { backlog: 16 }, pid: 4710, tid: 4710, comm: server.comm });
  const talk = new Talk(w, conn, { client, server }, 850);
  talk.handshake(1, 0, 0, limit);
  talk.accepted(11, 1, 0, 1, limit);
  talk.echo(90, 5);
  talk.echo(60, 5);
  talk.echo(60, 5);
  talk.close(80, 'client', 1_000_000);
  talk.outcome(400, 'closed-normally', 'Closed normally: the client closed first and waits in TIME-WAIT.', {
    conn_state: 'SF', history: 'ShADadFAfa', closed_by: 'client',
  });
}

export function sampleText(): string {
  const w = new Writer();
  w.header();
  demo(w);
  w.end();
  return w.text();
}
