import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferOf, join, numberOf, SLICE, timeOf, type Slice } from '../src/trace/columns';
import { MAX_EVENTS, stateAt, stateNow, Trace } from '../src/trace/model';
import { Parser } from '../src/trace/parse';
import { check, ENDS } from '../src/trace/records';
import { Store } from '../src/trace/store';
import { makeTrace } from './scenes';

const HEADER = '{"record":"header","n":0,"t":0,"format":"tcplens-trace","version":1}\n';

function slicesOf(text: string, feed = 1 << 16): { slices: Slice[]; p: Parser } {
  const slices: Slice[] = [];
  const p = new Parser((s) => slices.push(s));
  const bytes = new TextEncoder().encode(text);
  for (let i = 0; i < bytes.length; i += feed) p.feed(bytes.subarray(i, i + feed));
  p.finish();
  return { slices, p };
}

function storeOf(text: string): Store {
  const store = new Store();
  for (const s of slicesOf(text).slices) store.add(s);
  return store;
}

const written = (text: string) => text.trim().split('\n').map((line) => (check(JSON.parse(line)) as { rec: unknown }).rec);

test('all records of every scene come back from columns as they were written', () => {
  for (const scene of ['all', 'long', 'hostile', 'rare']) {
    const text = makeTrace({ scene, connections: 60, events: 6000 });
    assert.deepEqual([...storeOf(text)], written(text), scene);
  }
});

test('numbers of any size and strings of any kind come back', () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 0x7fffffff) % below;
  const strings = ['', '\\', '"', '\u0000\u0001', '\ud83d\ude00', '\ud800', 'é', '10.0.0.1', '":', '-7', 'x'.repeat(300)];
  const lines = [HEADER.trim()];
  for (let n = 1; n < 5000; n++) {
    const size = 10 ** random(17);
    const v = random(3) === 0 ? -Math.min(size, 1e15) - random(9) : Math.min(size + random(9), Number.MAX_SAFE_INTEGER);
    lines.push(JSON.stringify({
      record: 'call', n, t: random(2) ? n : Math.min(size, 1e15), name: 'x', conn: random(100), ret: v, comm: strings[random(strings.length)]!,
      args: { [strings[random(3)]!]: random(2) ? strings[random(strings.length)] : -0.5 * v, addr: strings[random(strings.length)] },
    }));
  }
  const text = lines.join('\n');
  const back = [...storeOf(text)];
  written(text).forEach((rec, i) => assert.deepEqual(back[i], rec));
  assert.equal(back.length, lines.length);
});

test('integers that are not written as such, and more shapes than there are templates', () => {
  const odd = '{"record":"call","n":1e0,"t":20e-1,"conn":3.0,"name":"x"}\n{"record":"call","n":2,"t":2,"conn":30E-1,"name":"y"}\n';
  assert.deepEqual([...storeOf(HEADER + odd)], written(HEADER + odd));
  let many = HEADER;
  for (let n = 1; n < 40_000; n++) many += `{"record":"timer","n":${n},"t":${n},"conn":1,"end":"client","name":"x${n}"}\n`;
  many += '{"record":"end","n":40000,"t":40000}\n';
  const { p, slices } = slicesOf(many);
  assert.equal(p.ended, true);
  assert.ok(slices.reduce((sum, s) => sum + s.templates.length, 0) < 33_000);
  const store = storeOf(many);
  assert.equal(store.length, 40_001);
  for (const n of [1, 30_000, 39_999]) {
    assert.deepEqual(store.get(store.find(n)), { record: 'timer', n, t: n, conn: 1, end: 'client', name: `x${n}` });
    assert.equal(store.integer(store.find(n), 'conn'), 1);
  }
});

test('a line that is nearly like the one that came there before is read as itself', () => {
  const like = (ret: string, more = '', comm = '"sh"') => (n: number) => `{"record":"call","n":${n},"t":${n},"name":"x","ret":${ret},"comm":${comm}${more}}`;
  const shapes = [
    like('5'), like('-5'), like('55'), like('5.5'), like('5e1'), like('0'), like('-0'), like('9007199254740991'), like('9007199254740993'), like('12345678901234567'),
    like('5', ',"fd":1'), like('5', ' '), like('5', '', '"\\"sh"'), like('5', '', '"sh\\\\"'), like('5', '', '5'), like('"5"'), like('"5'), like('05'), like('5', '}'), like('5', '', '"sh'),
  ];
  const valid = (line: string) => { try { JSON.parse(line); return true; } catch { return false; } };
  const lines: string[] = [];
  // Each after each, and once more: what was learnt of the one is tried with the other.
  for (const a of shapes) for (const b of shapes) for (const shape of [a, b, a, a, b]) lines.push(shape(lines.length + 1));
  const { slices, p } = slicesOf(`${HEADER}${lines.join('\n')}\n`);
  const store = new Store();
  for (const slice of slices) store.add(slice);
  const good = lines.filter(valid);
  assert.equal(p.malformed?.count, lines.length - good.length);
  assert.deepEqual([...store], written(`${HEADER}${good.join('\n')}`));
});

test('names twice, names of prototypes, lists and escapes come back as JSON has them', () => {
  const lines = [1, 2, 3].flatMap((n) => [
    `{"record":"call","n":${4 * n},"t":${n},"name":"x","fd":1,"fd":${n},"args":{"list":[${n},"a",{"b":${-n}}],"__proto__":{"conn":${n}}},"__proto__":{"ret":${n}}}`,
    `{"record":"call","n":${4 * n + 1},"t":${n},"name":"x","conn":"none","comm":"a\\"b\\u000${n}"}`,
    `{"record":"state","n":${4 * n + 2},"t":${n},"conn":7,"end":"client","from":"CLOSED","to":"NEW-${n}","source":"wire","how":"inferred","owner":{"pid":${n},"comm":"\\\\${n}"}}`,
    `{"record":"outcome","n":${4 * n + 3},"t":${n},"conn":7,"verdict":"unknown","final":{"client":${n},"server":{"x":${n}}}}`,
  ]);
  const text = HEADER + lines.join('\n');
  const store = storeOf(text);
  const all = [...store];
  assert.equal(all.length, 13);
  assert.deepEqual(all.map((r) => JSON.stringify(r)), written(text).map((r) => JSON.stringify(r)));
  assert.ok(all.every((r) => Object.getPrototypeOf(r) === Object.prototype));
  assert.equal(store.string(2, 'comm'), 'a"b\u0001');
  assert.equal(store.string(3, 'comm', 'owner'), '\\1');
  assert.equal(store.integer(5, 'fd'), 2);
});

test('bytes that stand for holes cannot be smuggled in', () => {
  const good = '{"record":"call","n":1,"t":1,"name":"x","fd":5,"comm":"sh"}\n';
  const { p, slices } = slicesOf(`${HEADER}${good}${good.replace('5', '\0')}${good.replace('"sh"', '"\x01"')}${good.replace('"sh"', '\x01')}`);
  assert.equal(slices.reduce((sum, s) => sum + s.count, 0), 2);
  assert.equal(p.malformed?.count, 3);
});

test('slices joined hold what they held, whatever their columns', () => {
  const text = makeTrace({ connections: 400 }).trim().split('\n').filter((_, i) => i % 7 !== 3).join('\n');
  const { slices } = slicesOf(text);
  const [a, b] = [slices[0]!, slices[1]!];
  assert.ok(a.n !== undefined, 'numbers with holes have a column');
  const both = join(a, b);
  for (const [s, from] of [[a, 0], [b, a.count]] as const) {
    for (let k = 0; k < s.count; k++) {
      assert.equal(timeOf(both, from + k), timeOf(s, k));
      assert.equal(numberOf(both, from + k), numberOf(s, k));
    }
  }
  const little = new Store();
  const p = new Parser((s) => little.add(s));
  for (const line of text.split('\n')) {
    p.feed(`${line}\n`);
    p.flush();
  }
  assert.deepEqual([...little], written(text));
});

test('columns take less than 40 bytes a record', () => {
  const { slices } = slicesOf(makeTrace({ connections: 3000 }));
  let bytes = 0;
  let count = 0;
  for (const s of slices) {
    bytes += bufferOf(s).byteLength;
    // What the page adds: how far back the record before it is.
    bytes += 4 * s.count + [...s.templates, ...s.strings].join('').length;
    count += s.count;
  }
  assert.ok(count > 50_000 && bytes / count < 40, `${bytes / count} B/record of ${count}`);
});

test('of a live trace the newest records are kept, and what they belong to', () => {
  const KEEP = 5000;
  const t = new Trace();
  const p = new Parser((s) => {
    t.take(s);
    t.keep(KEEP);
  }, Infinity);
  const whole = new Trace();
  const q = new Parser((s) => whole.take(s));
  let most = 0;
  for (const line of makeTrace({ connections: 2000 }).trim().split('\n')) {
    p.feed(`${line}\n`);
    q.feed(`${line}\n`);
    if (Math.random() < 0.1) p.flush();
    most = Math.max(most, t.records.length);
  }
  p.finish();
  q.finish();
  assert.ok(whole.records.length > 8 * KEEP);
  assert.ok(most <= KEEP * 1.1 + SLICE, `${most} records at most`);
  assert.equal(t.byN(0), undefined);
  assert.equal(t.header?.version, 1);
  assert.ok(t.conns.length < 300 && t.conns.length > 20);
  assert.equal(t.conn(1), undefined);
  const since = t.records.time(t.records.first);
  assert.ok(t.troubles.every((p) => p.t >= since));
  for (const l of t.listeners) assert.ok(l.queue.length === 0 || l.queue.t[0]! >= since);
  for (const c of t.conns.slice(1)) {
    const same = whole.conn(c.id)!;
    assert.deepEqual(c.events, same.events);
    for (const end of ENDS) {
      const at = c.events[c.events.length >> 1]!;
      assert.equal(stateAt(c, end, at).state, stateAt(same, end, at).state);
    }
  }
});

test('a connection that is longer than can be laid out shows its newest records', () => {
  const t = new Trace();
  const p = new Parser((s) => {
    t.take(s);
    // As on the page: looked at while it grows.
    void t.conn(2)?.events;
  });
  p.feed(makeTrace({ scene: 'long', events: 90_000 }));
  p.finish();
  const c = t.conn(2)!;
  assert.equal(c.cut, true);
  assert.ok(c.events.length >= MAX_EVENTS && c.events.length <= MAX_EVENTS * 1.1 + 1);
  assert.equal(c.events[0], c.rec);
  assert.equal(c.paths.server.host.at(-1)?.to, 'CLOSED');
  assert.equal(t.conn(1)!.cut, false);
});

test('the state without a record being made is the state with it', () => {
  const t = new Trace();
  const p = new Parser((s) => t.take(s));
  p.feed(makeTrace({ connections: 40, scene: 'rare' }));
  p.finish();
  const last = t.records.end;
  for (const c of t.conns) {
    for (let i = 0; i < last; i += 13) {
      const at = { t: t.records.time(i), n: t.records.number(i) };
      for (const end of ENDS) assert.equal(stateNow(c, end, at), stateAt(c, end, at).state, `#${c.id} ${end} at ${at.t}`);
    }
  }
});
