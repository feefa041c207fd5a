// A damaged line costs itself and nothing else: 10,000 of them (MUTATED=100000: so many, others each time) in the place of whole
// ones, read, indexed, laid out and explained. One that hangs would hang this test, which test/run.mjs ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dictionaries } from '../src/i18n';
import { explain } from '../src/kinds';
import { around, LAST, stateAt, Trace } from '../src/trace/model';
import { Parser } from '../src/trace/parse';
import { ENDS } from '../src/trace/records';
import { buildLadder } from '../src/trace/rows';
import { random } from './captures';
import { makeTrace } from './scenes';

const base = makeTrace({ connections: 5, scene: 'rare' }).trim().split('\n');
const LINES = 100;
const TRACES = Math.ceil(Number(process.env.MUTATED ?? 10_000) / LINES);
const FIRST = process.env.MUTATED ? Date.now() % 1_000_000_007 : 1;
/** What JSON allows and a field does not, or barely. */
const ODD = ['9007199254740993', '2000000000.0', '1e400', '-1', '-0', '1e3', '0.5', '00', '18446744073709551616', 'null', 'true', '[]', '{}', '""',
  '"\\u202e"', '"\\ud800"', '[[[[]]]]', '{"a":{"b":1}}', '[1,"x",null]', '"CLOSED"', '4294967296', 'NaN'];
const VALUE = /(?<=:)(?:-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|true|false|null)/g;

/** The number stays: a line whose number was seen already is taken for one that a stream has sent again. */
function mutated(whole: string, draw: (n: number) => number): string {
  const kept = /^\{"record":"[^"]*","n":\d+,/.exec(whole)![0];
  const line = whole.slice(kept.length);
  const at = draw(line.length);
  switch (draw(6)) {
    case 0: return kept + line.slice(0, at);
    case 1: return kept + line.slice(0, at) + String.fromCharCode(draw(256)) + line.slice(at + 1);
    case 2: return kept + line.slice(0, at) + line.slice(at + draw(20));
    case 3: return kept + line.slice(0, at) + line.slice(draw(line.length));
    default: {
      const values = [...line.matchAll(VALUE)];
      const hit = values[draw(values.length)]!;
      return kept + line.slice(0, hit.index) + ODD[draw(ODD.length)]! + line.slice(hit.index + hit[0].length);
    }
  }
}

/** All that the page would make of it. */
function show(lines: readonly string[]): { trace: Trace; parser: Parser } {
  const trace = new Trace();
  const parser = new Parser((slice) => trace.take(slice));
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  for (let at = 0; at < bytes.length; at += 5000) parser.feed(bytes.subarray(at, at + 5000));
  parser.finish();
  for (const c of trace.conns) {
    const near = around(trace, c);
    for (const row of buildLadder(trace, c).events) {
      for (const d of Object.values(dictionaries)) assert.equal(typeof explain(d, near, row.rec).what, 'string');
    }
    buildLadder(trace, c, 1000, { on: true, open: new Set() });
    for (const end of ENDS) stateAt(c, end, LAST);
  }
  for (const l of trace.listeners) l.queue.at(LAST);
  return { trace, parser };
}

test(`${TRACES * LINES} mutated lines: none hangs or ends the page, and no whole line is lost`, () => {
  for (let seed = FIRST; seed < FIRST + TRACES; seed++) {
    const draw = random(seed * 7919);
    const lines = [...base];
    const hit = new Set<number>();
    // The header stays what it is: another would begin another trace.
    while (hit.size < LINES) hit.add(1 + draw(base.length - 1));
    for (const i of hit) lines[i] = mutated(base[i]!, draw).replaceAll('\n', ' ');
    try {
      const { trace, parser } = show(lines);
      const there = new Set([...trace.records].map((r) => r.n));
      assert.deepEqual(base.map((_, i) => i).filter((i) => !hit.has(i) && !there.has(i)), [], 'whole lines that are lost');
      assert.ok(trace.records.length + (parser.malformed?.count ?? 0) <= lines.length, 'each line is one thing');
    } catch (e) {
      throw new Error(`seed ${seed}: ${e instanceof Error ? e.stack : String(e)}`);
    }
  }
});

test('a number that no double holds, or one with a fraction, where an integer is due', () => {
  const queue = base.find((l) => l.includes('"record":"queue"') && l.includes('"limit"'))!;
  const call = base.find((l) => l.includes('"record":"call"') && l.includes('"conn"'))!;
  for (const value of ['9007199254740993', '2000000000.0', '1e9', '-1']) {
    const lines = [queue.replace(/"limit":\d+/, `"limit":${value}`), call.replace(/"conn":\d+/, `"conn":${value}`)];
    const { trace } = show([...base.slice(0, -1), ...lines, base[base.length - 1]!]);
    assert.ok(trace.records.length >= base.length, value);
  }
});

test('a line whose number is damaged costs itself', () => {
  for (const [from, to] of [[/"n":40,/, '"n":4000000000,'], [/"n":40,/, '"n":4,'], [/("n":40,.*)}/, '$1,"n":900}']] as const) {
    const { trace } = show(base.map((line) => line.replace(from, to)));
    assert.deepEqual([...trace.records].map((r) => r.n), base.map((_, i) => i).filter((i) => i !== 40), to);
    assert.equal(trace.byN(41)?.n, 41);
  }
  const { parser } = show(base.map((line) => line.replace('"n":40,', '"n":400,')));
  assert.deepEqual(parser.malformed, { count: 1, line: 41, why: 'a number beyond those that follow', text: '' });
});
