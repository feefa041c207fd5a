import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trace } from '../src/trace/model';
import { Parser, Refused } from '../src/trace/parse';
import type { Rec } from '../src/trace/records';
import { Store } from '../src/trace/store';
import { sampleText } from './sample';

const HEADER = '{"record":"header","n":0,"t":0,"format":"tcplens-trace","version":1}\n';

function parse(text: string, step = 7): { recs: Rec[]; p: Parser } {
  const store = new Store();
  const p = new Parser((s) => store.add(s));
  const bytes = new TextEncoder().encode(text);
  for (let i = 0; i < bytes.length; i += step) p.feed(bytes.subarray(i, i + step));
  p.finish();
  return { recs: [...store], p };
}

function refusal(text: string, step = 7) {
  try {
    parse(text, step);
  } catch (e) {
    if (e instanceof Refused) return e.why;
    throw e;
  }
  assert.fail('was not refused');
}

test('the sample parses whole, however it is cut', () => {
  const lines = sampleText().trim().split('\n').length;
  for (const step of [1, 3, 64, 1e9]) {
    const { recs, p } = parse(sampleText(), step);
    assert.equal(recs.length, lines);
    assert.equal(p.malformed, undefined);
    assert.equal(p.ended, true);
  }
});

test('the sample has numbers without holes and time that does not run back', () => {
  const { recs } = parse(sampleText(), 1e9);
  recs.forEach((r, i) => {
    assert.equal(r.n, i);
    if (i > 0) assert.ok(r.t >= recs[i - 1]!.t);
  });
});

test('unknown records and fields are passed over in silence', () => {
  const { recs, p } = parse(`${HEADER}{"record":"weather","n":1,"t":5,"rain":true}\n` +
    '{"record":"timer","n":2,"t":6,"conn":1,"end":"client","name":"x","colour":"red"}\n');
  assert.deepEqual(recs.map((r) => r.record), ['header', 'timer']);
  assert.equal(p.malformed, undefined);
});

test('bad lines are skipped, counted, and the first is named', () => {
  const { recs, p } = parse(`${HEADER}{"record":"segment"}\n{oops\n\n` +
    '{"record":"state","n":3,"t":1,"conn":1,"end":"middle","from":"CLOSED","to":"LISTEN","how":"observed","source":"kernel"}\n' +
    '{"record":"end","n":4,"t":2}\n');
  assert.deepEqual(recs.map((r) => r.record), ['header', 'end']);
  assert.equal(p.malformed?.count, 3);
  assert.equal(p.malformed?.line, 2);
  assert.match(p.malformed!.why, /"n" or "t"/);
});

test('optional fields of the wrong type are dropped, not trusted', () => {
  const { recs } = parse(`${HEADER}{"record":"segment","n":1,"t":1,"conn":1,"from":"client","flags":["SYN"],"seq":0,"len":0,"notes":"x","win":"big","options":[1]}\n`);
  const seg = recs[1] as unknown as Record<string, unknown>;
  assert.equal(seg.notes, undefined);
  assert.equal(seg.win, undefined);
  assert.equal(seg.options, undefined);
});

test('a state of a later version becomes UNKNOWN', () => {
  const { recs } = parse(`${HEADER}{"record":"state","n":1,"t":1,"conn":1,"end":"client","from":"CLOSED","to":"ZOMBIE","how":"observed","source":"kernel"}\n`);
  assert.equal((recs[1] as { to: string }).to, 'UNKNOWN');
});

test('a cut last line is a truncation, not a bad line', () => {
  const whole = sampleText();
  const { p } = parse(whole.slice(0, Math.floor(whole.length / 2)));
  assert.equal(p.malformed, undefined);
  assert.equal(p.ended, false);
});

test('what is no trace is refused with the reason', () => {
  assert.deepEqual(refusal(''), { kind: 'empty' });
  assert.deepEqual(refusal('\n \n'), { kind: 'empty' });
  assert.deepEqual(refusal('hello\nworld\n'), { kind: 'not-trace', head: 'hello' });
  assert.equal(refusal('{"a":1}\n').kind, 'not-trace');
  assert.equal(refusal('[1,2]\n').kind, 'not-trace');
  assert.equal(refusal('null\n').kind, 'not-trace');
  assert.deepEqual(refusal(HEADER.replace('"version":1', '"version":2')), { kind: 'version', found: 2 });
  assert.equal(refusal('x'.repeat(3 << 20), 1 << 16).kind, 'not-trace');
});

test('a byte order mark and Windows line ends do no harm', () => {
  const { recs, p } = parse(`\ufeff${sampleText().replace(/\n/g, '\r\n')}`, 1e9);
  assert.equal(p.malformed, undefined);
  assert.ok(recs.length > 50);
});

test('prototype names as record kinds are unknown kinds', () => {
  const { p } = parse(`${HEADER}{"record":"constructor","n":1,"t":1}\n{"record":"__proto__","n":2,"t":1}\n`);
  assert.equal(p.malformed, undefined);
});

test('a resumed stream does not double what was already there', () => {
  const t = new Trace();
  const p = new Parser((s) => t.take(s));
  for (let i = 0; i < 2; i++) {
    p.feed(sampleText());
    p.flush();
  }
  assert.equal(t.records.length, parse(sampleText(), 1e9).recs.length);
  assert.equal(p.malformed, undefined);
});

test('records made of columns are those that were written', () => {
  const lines = [
    '{"record":"segment","n":1,"t":9007199254740,"conn":7,"from":"client","flags":["SYN"],"seq":0,"seq_abs":4294967295,"len":0,"options":{"ts":[1,-2]},"more":[-0.5,1e3,{"deep":12}]}',
    '{ "t": 5 , "record":"call", "n":2,"name":"a1\\"2\\\\","ret":-1,"comm":"é\\u0000 9" }',
    '{"record":"timer","n":3,"t":6,"conn":1,"end":"client","name":"x","expires":999999999999999}',
    '{"record":"timer","n":4,"t":6,"conn":1,"end":"client","name":"x","expires":9007199254740991}',
    '{"record":"timer","n":5,"t":6,"conn":1,"end":"client","name":"x","expires":-127}',
  ];
  const { recs, p } = parse(`${HEADER}${lines.join('\n')}\n`, 5);
  assert.deepEqual(recs.slice(1), lines.map((l) => JSON.parse(l)));
  assert.equal(p.malformed, undefined);
});

test('cut at every byte, all lines before the cut are there and nothing else', () => {
  const whole = new TextEncoder().encode(sampleText());
  const ends = [...whole.keys()].filter((i) => whole[i] === 10);
  const all = parse(sampleText(), 1e9).recs.length;
  for (let cut = ends[0]! + 1; cut < whole.length; cut++) {
    let got = 0;
    const p = new Parser((s) => { got += s.count; });
    p.feed(whole.subarray(0, cut));
    p.finish();
    // A last line that only lacks its newline is whole.
    assert.equal(got, ends.filter((e) => e <= cut).length, `cut at ${cut}`);
    assert.equal(p.malformed, undefined);
    assert.equal(p.ended, got === all);
  }
});

test('a line that never ends is one bad line', () => {
  const { recs, p } = parse(`${HEADER}${'x'.repeat(5 << 20)}\n{"record":"end","n":1,"t":2}\n`, 1 << 16);
  assert.deepEqual(recs.map((r) => r.record), ['header', 'end']);
  assert.equal(p.malformed?.count, 1);
  assert.equal(p.malformed?.line, 2);
});
