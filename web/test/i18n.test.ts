import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dictionaries, type Dictionary } from '../src/i18n';
import { explain } from '../src/kinds';
import { nameOf } from '../src/kinds/kind';
import { headline } from '../src/kinds/outcome';
import { around, Trace } from '../src/trace/model';
import { Parser } from '../src/trace/parse';
import { STATES } from '../src/trace/records';
import { EDGES as TABLE } from '../src/trace/edges';
import { RECORD_KINDS, SYSCTLS } from '../src/trace/words';
import { EDGES, GOVERNS, moveOf, TOLD } from '../src/trace/transitions';
import { DRAWN } from '../src/panels/machine-data';
import { makeTrace } from './scenes';

type Tree = Record<string, unknown>;

function leaves(node: unknown, at: string, out: Map<string, unknown>): void {
  if (typeof node === 'object' && node !== null) for (const [k, v] of Object.entries(node as Tree)) leaves(v, `${at}.${k}`, out);
  else out.set(at, node);
}

const all = (d: Dictionary) => {
  const out = new Map<string, unknown>();
  leaves(d, '', out);
  return out;
};

test('all languages say the same things, and nothing is empty', () => {
  const en = all(dictionaries.en);
  // The trace itself has the English sentences, and what findings say.
  const own = (key: string) => /^\.(sentences\.|findings\..*\.(text|remedy|by)\.)/.test(key);
  for (const d of Object.values(dictionaries)) {
    const map = all(d);
    assert.deepEqual([...map.keys()].filter((k) => !own(k)).sort(), [...en.keys()].sort());
    for (const [key, v] of map) {
      assert.equal(typeof v, own(key) ? 'string' : typeof en.get(key), key);
      if (typeof v === 'string') assert.ok(v.trim() !== '', key);
    }
  }
});

test('Chinese is Chinese', () => {
  const same = /^\.(tag|colon|ui\.filterHint|keys\.|why\.fields|teach\.terms\.\d+\.0)/;
  for (const [key, v] of all(dictionaries.zh)) {
    if (typeof v === 'string' && !same.test(key)) assert.match(v, /[\u4e00-\u9fff]/, key);
  }
});

test('sentences name only the ends there are', () => {
  for (const d of Object.values(dictionaries)) {
    for (const [key, v] of all(d)) {
      if (typeof v !== 'string' || key.startsWith('.findings.')) continue; // these: findings.test.ts
      const known = key.startsWith('.sentences.') ? /^\{(first|other|resetter|causer|client|server|otherState|listener|what|drops|unread|staller|times|seconds)\}$/ : /^\{[aAbB]\}$/;
      for (const hole of v.match(/\{[^}]*\}/g) ?? []) assert.match(hole, known, key);
    }
  }
});

test('the figure has the labelled edges of the program, and its way back to LISTEN', () => {
  const labelled = new Set(TABLE.filter((e) => e.label).map((e) => `${e.from}>${e.to} ${e.label}`));
  const drawn = EDGES.map((e) => `${e.from}>${e.to} ${e.event} / ${e.action}`);
  assert.deepEqual(drawn.filter((e) => !labelled.has(e)), ['SYN-RECEIVED>LISTEN rcv RST / x']);
  assert.deepEqual([...labelled].filter((e) => !drawn.includes(e)), []);
});

test('settings that the page speaks of are recorded', () => {
  const named = [...JSON.stringify(Object.values(GOVERNS)).matchAll(/net\.[a-z0-9_.]+/g)].map((m) => m[0]);
  assert.ok(named.length > 10);
  for (const name of named) assert.ok((SYSCTLS as readonly string[]).includes(name), name);
});

test('every edge of the figure is told, governed and drawn', () => {
  for (const e of EDGES) {
    assert.ok(moveOf(e.from, e.to), `${e.from}>${e.to}`);
    assert.ok(DRAWN[`${e.from}>${e.to}`], `${e.from}>${e.to} is not drawn`);
  }
  assert.equal(Object.keys(DRAWN).length, EDGES.length);
  for (const m of TOLD) assert.ok(GOVERNS[m].rfc.length > 0, m);
});

test('every record of every scene is explained in all languages', () => {
  const t = new Trace();
  const p = new Parser((s) => t.take(s));
  const rare = makeTrace({ connections: 20, scene: 'rare' });
  p.feed(rare);
  p.finish();
  const kinds = new Set<string>();
  for (const d of Object.values(dictionaries)) {
    for (const rec of t.records) {
      kinds.add(rec.record);
      const e = explain(d, around(t, 'conn' in rec ? t.conn(rec.conn) : undefined), rec);
      assert.ok(e.title !== '' || nameOf(d, rec.record) !== '');
      if (rec.record !== 'header' && rec.record !== 'end') assert.ok(e.what !== '' && e.why !== '', rec.record);
      assert.doesNotMatch(`${e.title} ${e.what} ${e.why} ${e.more.join(' ')}`, /undefined|\{[abAB]\}|NaN/);
      for (const f of e.facts) assert.doesNotMatch(f.value, /undefined|[\u202a-\u202e\u0000-\u0008]/);
    }
  }
  assert.equal(kinds.size, RECORD_KINDS.length);
});

test('any two states make an explanation, drawn in the figure or not', () => {
  const t = new Trace();
  for (const from of STATES) {
    for (const to of STATES) {
      if (from === to) continue;
      const e = explain(dictionaries.en, around(t, undefined), { record: 'state', n: 1, t: 0, conn: 1, end: 'client', from, to, how: 'observed', source: 'kernel' });
      assert.ok(e.what.length > 20);
    }
  }
});

test('a verdict of a later version speaks for itself, escaped', () => {
  const text = headline(dictionaries.zh, { record: 'outcome', n: 1, t: 1, conn: 1, verdict: 'brand-new', text: 'New\u202e thing' });
  assert.equal(text, 'New\\u202e thing');
});
