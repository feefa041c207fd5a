import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dictionaries } from '../src/i18n';
import { compile, complete, lastWord, matches, parseFilter } from '../src/trace/filter';
import { barsOf, spansOf } from '../src/trace/lanes';
import { LAST, stateAt, timerAt, Trace, type Conn } from '../src/trace/model';
import { SLICE } from '../src/trace/columns';
import { Parser } from '../src/trace/parse';
import { factsOf } from '../src/trace/problems';
import { buildLadder, firstRowBelow, landing, rowAt } from '../src/trace/rows';
import { udpTrace, waitsTrace } from './doings';
import { client, leak, SERVER } from './leak';
import { sampleText } from './sample';
import { timescale } from '../src/trace/timescale';
import { makeTrace } from './scenes';
import { Talk, Writer } from './writer';

function load(text: string): Trace {
  const t = new Trace();
  const p = new Parser((s) => t.take(s));
  p.feed(text);
  p.finish();
  assert.equal(p.malformed, undefined);
  return t;
}

test('both ends of the sample take the two paths of the textbook', () => {
  const c = load(sampleText()).conns[0]!;
  for (const w of ['host', 'wire'] as const) {
    assert.deepEqual(c.paths.client[w].map((s) => s.to), ['SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT']);
    assert.deepEqual(c.paths.server[w].map((s) => s.to), ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSED']);
  }
});

test('the state at the cursor is that after the last change, in order of time then number', () => {
  const c = load(sampleText()).conns[0]!;
  const syn = c.paths.client.host[0]!;
  assert.equal(stateAt(c, 'client', { t: syn.t, n: syn.n - 1 }).state, 'CLOSED');
  assert.equal(stateAt(c, 'client', syn).state, 'SYN-SENT');
  assert.equal(stateAt(c, 'server', { t: 0, n: 0 }).began, false);
  assert.equal(stateAt(c, 'server', LAST).state, 'CLOSED');
});

test('a late record is put where its time belongs', () => {
  const t = load('{"record":"header","n":0,"t":0,"format":"tcplens-trace","version":1}\n' +
    '{"record":"connection","n":1,"t":10,"conn":1,"client":{"addr":"::1","port":1},"server":{"addr":"::1","port":2}}\n' +
    '{"record":"state","n":2,"t":30,"conn":1,"end":"client","from":"SYN-SENT","to":"ESTABLISHED","how":"observed","source":"kernel"}\n' +
    '{"record":"state","n":3,"t":20,"late":true,"conn":1,"end":"client","from":"CLOSED","to":"SYN-SENT","how":"observed","source":"kernel"}\n');
  const c = t.conns[0]!;
  assert.deepEqual(c.paths.client.host.map((s) => s.to), ['SYN-SENT', 'ESTABLISHED']);
  assert.equal(stateAt(c, 'client', { t: 25, n: 99 }).state, 'SYN-SENT');
});

test('records are found by number even where lines are missing', () => {
  const lines = makeTrace().trim().split('\n');
  const t = load(lines.filter((_, i) => i % 10 !== 5).join('\n'));
  for (const r of t.records) assert.equal(t.byN(r.n), r);
  assert.equal(t.byN(5), undefined);
  assert.equal(t.byN(1e9), undefined);
});

test('TIME-WAIT counts down from its timer', () => {
  const c = load(sampleText()).conns[0]!;
  const timer = c.timers.client[0]!;
  assert.equal(timerAt(c, 'client', 'time-wait', { t: timer.t - 1, n: 0 }), undefined);
  assert.equal(timerAt(c, 'client', 'time-wait', LAST), timer);
  assert.equal(timer.expires! - timer.t, 60e9);
});

test('every record of a connection has a row, and rows stand in order', () => {
  const t = load(makeTrace({ connections: 30 }));
  for (const c of t.conns) {
    const l = buildLadder(t, c);
    for (const e of c.events) assert.ok(l.rowOf.has(e.n), `record ${e.n}`);
    l.rows.forEach((r, i) => { if (i > 0) assert.equal(r.y, l.rows[i - 1]!.y + l.rows[i - 1]!.h); });
    for (const row of l.events) assert.equal(rowAt(l, row.rec), row);
    assert.equal(firstRowBelow(l.rows, -1), 0);
  }
});

test('with both witnesses a change stands once; with the wire alone it stands too', () => {
  const t = load(makeTrace({ connections: 12 }));
  const both = buildLadder(t, t.conn(1)!);
  assert.equal(both.events.filter((r) => r.rec.record === 'state').length, 10);
  assert.equal(both.events.reduce((n, r) => n + r.attached.length, 0), 10);
  const wire = t.conns.find((c) => c.events.some((e) => e.record === 'state') && !c.events.some((e) => e.record === 'state' && e.source === 'kernel'))!;
  const l = buildLadder(t, wire);
  assert.ok(l.events.some((r) => r.rec.record === 'state'));
  assert.ok(spansOf(l, wire, 'client', 'wire').some((s) => s.how === 'inferred'));
  assert.ok(l.events.some((r) => r.rec.record === 'gap'), 'lost events stand in the ladder');
});

test('the lanes cover the ladder from top to bottom without holes', () => {
  const t = load(sampleText());
  const l = buildLadder(t, t.conns[0]!);
  for (const end of ['client', 'server'] as const) {
    const spans = spansOf(l, t.conns[0]!, end, 'host');
    assert.equal(spans[0]!.top, 0);
    assert.equal(spans[spans.length - 1]!.bottom, l.height);
    spans.forEach((s, i) => { if (i > 0) assert.equal(s.top, spans[i - 1]!.bottom); });
  }
});

test('idle time is folded', () => {
  const t = load(sampleText());
  const idle = buildLadder(t, t.conns[0]!).rows.filter((r) => r.kind === 'idle');
  assert.equal(idle.length, 1);
  assert.ok(Math.abs((idle[0] as { ns: number }).ns - 1e9) < 1e6);
});

test('a connection of 10,000 events is laid out', () => {
  const t = load(makeTrace({ scene: 'long', events: 10_000 }));
  assert.ok(buildLadder(t, t.conn(2)!).events.length > 9000);
});

test('filter: words, keys, negation, short state names', () => {
  const t = load(makeTrace({ connections: 30 }));
  const hits = (f: string) => t.conns.filter((c) => matches(c, compile(parseFilter(f)), LAST)).length;
  assert.equal(hits(''), 30);
  assert.equal(hits('port:7007'), 1);
  assert.equal(hits('-port:7007'), 29);
  assert.equal(hits('state:TIME-WAIT'), hits('state:timewait'));
  assert.ok(hits('state:TIME-WAIT') > 0);
  assert.ok(hits('state:estab') > 0);
  assert.ok(hits('outcome:refused') > 0);
  assert.ok(hits('addr:2001:db8') > 0);
  assert.equal(hits('comm:tcplens-echo'), 1);
  assert.equal(hits('comm:CURL'), hits('comm:curl'));
  assert.equal(hits('outcome:refused port:443'), 0);
  assert.equal(hits('state:'), 30);
  assert.equal(hits('127.0.0.1:7007'), 1);
  assert.equal(hits('nothing-like-this'), 0);
});

const english = (id: string) => (dictionaries.en.causes as Record<string, string>)[id] ?? (dictionaries.en.answers.problems as Record<string, string>)[id] ?? id;

test('filter: quotes hold a value together, and what a table calls a cause finds it', () => {
  const t = load(leak(2, 3));
  const hits = (f: string) => t.conns.filter((c) => matches(c, compile(parseFilter(f), english), LAST)).length;
  assert.equal(hits('cause:"dropped by the listener"'), 3);
  assert.equal(hits('cause:listener-dropped'), 3);
  assert.equal(hits('not cause:"dropped by the listener" final:close-wait'), 2);
  assert.equal(hits('cause:"left in CLOSE-WAIT"'), 2, 'where no cause is known the table says that');
  assert.equal(hits('"not"'), 0, 'in quotes it is text');
  assert.equal(hits('cause:"dropped by'), 3, 'a quote that is still open reaches to the end');
  assert.equal(lastWord('port:80 cause:"a b'), 'cause:"a b');
  assert.equal(lastWord('port:80 '), '');
  assert.deepEqual(complete('port:80 cause:"by the lis', t, english).map((c) => [c.text, c.says]), [['cause:listener-dropped', 'dropped by the listener']]);
});

test('filter: what is not understood, or can match nothing, is told, with what would do', () => {
  const told = (f: string) => compile(parseFilter(f), english).hints.map((h) => `${h.kind} ${h.word} ${h.key ?? ''}`.trim());
  assert.deepEqual(told('final:XYZ'), ['value final:xyz final']);
  assert.deepEqual(told('sate:closed'), ['key sate:']);
  assert.deepEqual(told('rtt>soon port:http'), ['time rtt>soon', 'number port:http']);
  assert.deepEqual(told('or or curl'), ['operator or', 'operator or']);
  assert.deepEqual(told('curl not or port:80'), ['operator not']);
  assert.deepEqual(told('(final:CLOSED or rtt>1s)'), ['parenthesis (final:closed', 'parenthesis rtt>1s)']);
  for (const fine of ['final:closed or', 'not', 'cause:any', 'outcome:refused', 'problem:gap', 'fe80::1', 'comm:(sd-pam)', 'cause:"left in close-wait"', 'ever:fin']) assert.deepEqual(told(fine), [], fine);
});

test('what stands out is counted as the program counts it, with where it lasted longest', () => {
  const t = load(leak(2, 3));
  assert.deepEqual([...t.standing], [['close-wait', { count: 2, ns: 12e9, conn: 2, end: 'server' }]]);
  assert.equal(t.endings, 6);
  assert.equal(t.badEndings, 2, 'half closed');
  assert.deepEqual(t.conns.map((c) => c.stands), [false, true, true, false, false, false]);
  // A window of zero is an answer: nothing was asked in vain.
  const w = new Writer();
  w.header();
  (['zero-window', 'keep-alives'] as const).forEach((what, i) => {
    const talk = new Talk(w, i + 1, { client: client(i), server: SERVER }, 100);
    talk.handshake(2, 0, 1, 3, 500);
    talk.outcome(10, 'still-open', 'Open.', { stalled: { what, end: 'client', count: 3, ns: (i + 2) * 1e9 } });
  });
  assert.deepEqual([...load(w.text()).standing], [
    ['zero-window', { count: 1, ns: 2e9, conn: 1, end: 'client' }], ['in-vain', { count: 1, ns: 3e9, conn: 2, end: 'client' }]]);
});

test('filter: state is that at the cursor', () => {
  const t = load(sampleText());
  const c = t.conns[0]!;
  assert.equal(matches(c, compile(parseFilter('state:SYN-SENT')), c.paths.client.host[0]!), true);
  assert.equal(matches(c, compile(parseFilter('state:SYN-SENT')), LAST), false);
});

test('the folded time axis is monotone and goes back and forth', () => {
  const t = load(sampleText());
  const s = timescale(t.records, t.last);
  assert.ok(s.folds.length > 0);
  let last = -1;
  for (const r of t.records) {
    if (r.record === 'end') continue;
    const x = s.at(r.t);
    assert.ok(x >= last && x >= 0 && x <= 1);
    last = x;
    assert.ok(Math.abs(s.time(x) - r.t) < t.last * 1e-6);
  }
  // The handshake, 50 µs of a second, is no longer a hair.
  assert.ok(s.at(t.conns[0]!.paths.server.host[1]!.t) - s.at(t.conns[0]!.rec.t) > 0.03);
  assert.doesNotThrow(() => timescale().at(0));
});

test('calls before there was a connection or a listener are found at what their socket became', () => {
  const t = load(makeTrace({ connections: 1, scene: 'rare' }));
  assert.deepEqual(t.conn(2)!.events.slice(0, 3).map((e) => (e.record === 'call' ? `${e.name} ${e.end}` : e.record)),
    ['socket client', 'setsockopt client', 'connection']);
  const listening = new Trace();
  const p = new Parser((slice) => listening.take(slice));
  p.feed('{"record":"header","n":0,"t":0,"format":"tcplens-trace","version":1}\n');
  const lines = [
    { record: 'call', name: 'socket' }, { record: 'call', name: 'bind' }, { record: 'listener', listener: 1, addr: '::', port: 80 },
    { record: 'call', name: 'listen', listener: 1 }, { record: 'call', name: 'accept4', listener: 1 },
  ];
  lines.forEach((line, i) => p.feed(`${JSON.stringify({ ...line, n: i + 1, t: i, ...(line.record === 'call' && { socket: 5 }) })}\n`));
  p.finish();
  assert.deepEqual(listening.listener(1)!.calls.map((c) => c.name), ['socket', 'bind', 'listen']);
});

const rowsOf = (t: Trace, c: Conn) => buildLadder(t, c).events.map(({ rec, end }) =>
  `${end} ${rec.record === 'call' ? rec.name : rec.record}${rec.record === 'datagram' && rec.icmp ? ' refused' : ''}`);

test('datagrams between two endpoints are a pair: with the calls on its sockets, and what its processes cost', () => {
  const t = load(udpTrace());
  assert.equal(t.conns.length, 0);
  assert.deepEqual(t.all.map((c) => [c.id, c.rec.client.port, c.datagrams, factsOf(c.troubles).join(' ')]),
    [[-1, 5001, 2, ''], [-2, 5002, 2, ''], [-3, 5003, 3, 'icmp loss checksum']]);
  // What the server did for the other client is not in it.
  const own = ['client connect', 'client datagram', 'client sendto', 'server recvfrom', 'server datagram', 'server sendto', 'client recvfrom', 'client process'];
  assert.deepEqual(rowsOf(t, t.conn(-1)!), ['server socket', 'server bind', ...own, 'server close']);
  assert.deepEqual(rowsOf(t, t.conn(-2)!), ['server socket', 'server bind', ...own, 'server close']);
  assert.deepEqual(rowsOf(t, t.conn(-3)!), ['client connect', 'client datagram', 'client datagram', 'client datagram', 'client datagram refused', 'client recvfrom']);
  for (const r of t.records) if (r.record === 'datagram') assert.equal(t.connOf(r)!.endOf(r), r.from.port === 7007 ? 'server' : 'client');
});

test('a pair goes with its last datagram, and its calls with it', () => {
  const t = load(udpTrace());
  t.keep(1);
  assert.equal(t.records.first, 0, 'one slice stays whole');
  assert.equal(t.all.length, 3);

  // The third pair comes in a slice after those of the others.
  const lines = udpTrace().trim().split('\n');
  const third = lines.findIndex((l) => /"pid":22\b/.test(l));
  const { t: now } = JSON.parse(lines[third - 1]!) as { t: number };
  const between = Array.from({ length: 2 * SLICE }, () => `{"record":"counter","n":0,"t":${now},"name":"x","value":1,"delta":1}`);
  const later = load([...lines.slice(0, third), ...between, ...lines.slice(third)].map((l, n) => `${l.replace(/"n":\d+/, `"n":${n}`)}\n`).join(''));
  const rows = rowsOf(later, later.conn(-3)!);
  later.keep(1);
  assert.deepEqual(later.all.map((c) => c.id), [-3]);
  assert.deepEqual([later.conn(-1), later.callsOn(1)], [undefined, []]);
  assert.deepEqual(rowsOf(later, later.conn(-3)!), rows);
});

test('a segment lands where it arrives: to scale the slope is its time on the way; a lost one lands nowhere', () => {
  const lines = [
    { record: 'header', n: 0, t: 0, format: 'tcplens-trace', version: 1 },
    { record: 'connection', n: 1, t: 0, conn: 1, client: { addr: '10.0.0.1', port: 1 }, server: { addr: '10.0.0.2', port: 2 } },
    { record: 'segment', n: 2, t: 0, conn: 1, from: 'client', flags: ['SYN'], seq: 0, len: 0, notes: ['lost-on-wire'], sent: 0 },
    { record: 'segment', n: 3, t: 1e9, conn: 1, from: 'client', flags: ['SYN'], seq: 0, len: 0, sent: 1e9, received: 1.02e9 },
    { record: 'arrival', n: 4, t: 1.02e9, conn: 1, end: 'server', delay_ns: 2e7, because: 3 },
  ];
  const c = load(`${lines.map((l) => JSON.stringify(l)).join('\n')}\n`);
  const even = buildLadder(c, c.conns[0]!);
  assert.equal(landing(even.rowOf.get(2)!), undefined);
  assert.equal(landing(even.rowOf.get(3)!), even.rowOf.get(4));
  const scaled = buildLadder(c, c.conns[0]!, 10_000);
  const sent = scaled.rowOf.get(3)!;
  assert.equal(landing(sent)!.y - sent.y, 200); // 20 ms
  // what is folded away has no arrow of its own
  const many = lines.slice(0, 2);
  for (let i = 0; i < 10; i++) {
    const n = 2 + 2 * i;
    many.push({ record: 'segment', n, t: n * 1e6, conn: 1, from: 'client', flags: ['ACK'], seq: i, ack: 1, len: 1, sent: n * 1e6, received: n * 1e6 + 1 } as never);
    many.push({ record: 'arrival', n: n + 1, t: n * 1e6 + 1, conn: 1, end: 'server', delay_ns: 1, because: n });
  }
  const t = load(`${many.map((l) => JSON.stringify(l)).join('\n')}\n`);
  const folded = buildLadder(t, t.conns[0]!, undefined, { on: true, open: new Set() });
  assert.equal(folded.rows.filter((r) => r.kind === 'run').length, 1);
  assert.equal(landing(folded.rowOf.get(4)!), undefined);
});

test('calls that wait stand at the end whose descriptor was ready, or whose thread it is; a process with its cost', () => {
  const t = load(waitsTrace());
  const rows = rowsOf(t, t.conn(1)!).filter((r) => /poll|process|read/.test(r));
  assert.deepEqual(rows, ['server poll', 'server poll', 'server read', 'server poll', 'server process']);
});

test('a bar is a call from its entry to its return; one that goes on ends where its thread does, or does something else', () => {
  const t = load(waitsTrace());
  const ladder = buildLadder(t, t.conn(1)!);
  const bars = barsOf(ladder, 'server').filter((b) => b.rec.name === 'poll');
  const rowOf = (n: number) => ladder.rowOf.get(n)!;
  assert.deepEqual(bars.map((b) => [b.open, b.rec.ret]), [[false, 1], [true, undefined]]);
  const [returned, goesOn] = bars as [typeof bars[0], typeof bars[0]];
  assert.equal(returned.bottom, rowOf(returned.rec.n).y + rowOf(returned.rec.n).h / 2);
  assert.ok(returned.top < rowOf(returned.rec.n - 2).y, 'it began before what came while it waited');
  assert.equal(goesOn.bottom, ladder.events.find(({ rec }) => rec.record === 'process')!.y);
  const running = load(waitsTrace().replace(/^.*"record":"process".*$/gm, ''));
  const whole = buildLadder(running, running.conn(1)!);
  assert.equal(barsOf(whole, 'server').find((b) => b.open)!.bottom, whole.height);
  const next = { record: 'call', n: 900, t: goesOn.rec.t + 9000, conn: 1, end: 'server', socket: 3, name: 'read', fd: 5, ret: 5, duration_ns: 1000, pid: 10, tid: 10 };
  const ended = load(waitsTrace().replace(/^.*"record":"process".*$/gm, '').replace(/^.*"record":"end".*$/m, JSON.stringify(next)));
  const after = buildLadder(ended, ended.conn(1)!);
  assert.equal(barsOf(after, 'server').find((b) => b.open)!.bottom, after.rowOf.get(900)!.y);
  assert.deepEqual(barsOf(ladder, 'client').map((b) => b.rec.name).includes('poll'), false);
});
