// Every word that a trace may hold (the enums of docs/trace.schema.json, the ids of docs/differences.md) has words in
// both languages; a new enum must be placed here before the test passes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dictionaries, known, type Dictionary } from '../src/i18n';
import { REASONS } from '../src/i18n/types';
import { evidence, headline } from '../src/kinds/outcome';
import { Trace } from '../src/trace/model';
import { Parser } from '../src/trace/parse';
import type { OutcomeRec } from '../src/trace/records';
import { makeTrace } from './scenes';

const doc = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

type Words = (d: Dictionary, id: string) => (string | undefined)[];
const pick = (map: object, id: string): string[] => [(map as Record<string, string | readonly string[]>)[id] ?? ''].flat() as string[];

const TRANSLATED: Record<string, Words> = {
  'process.event': (d, id) => [...d.why.processes[id as 'fork']],
  'record': (d, id) => pick(d.kinds, id),
  'state.how': (d, id) => pick(d.how, id),
  'segment.notes': (d, id) => [...pick(d.why.notes, id), ...pick(d.terms, id)],
  'queue.why': (d, id) => [...pick(d.why.queues, id), ...pick(d.terms, id)],
  'timer.name': (d, id) => [...pick(d.why.timers, id), ...pick(d.terms, id)],
  'timer.why': (d, id) => [...pick(d.why.timerWhys, id), ...pick(d.terms, id)],
  'datagram.icmp.error': (d, id) => pick(d.why.udpErrors, id),
  'datagram.checksum': (d, id) => pick(d.why.checksums, id),
  'icmp_error': (d, id) => [...pick(d.causes, `icmp-${id}`), ...pick(d.why.udpErrors, id)],
  'icmp.error': (d, id) => pick(d.causes, `icmp-${id}`),
  'reset.direction': (d, id) => [...pick(d.why.reset, id), ...pick(d.ui.rst, id)],
  'disagreement.known': (d, id) => pick(d.why.differences, id),
  'outcome.verdict': (d, id) => [...pick(d.verdict, id), headline(d, { record: 'outcome', n: 1, t: 1, conn: 1, verdict: id, text: 'Its text.' })],
  'outcome.cause': (d, id) => [headline(d, { record: 'outcome', n: 1, t: 1, conn: 1, verdict: 'refused', text: 'Its text.', cause: id })],
  'queue.cause': (d, id) => [headline(d, { record: 'outcome', n: 1, t: 1, conn: 1, verdict: 'no-answer', text: 'Its text.', cause: id })],
  'outcome.stalled.what': (d, id) => [headline(d, { record: 'outcome', n: 1, t: 1, conn: 1, verdict: 'still-open', text: 'Its text.', stalled: { what: id, end: 'client', count: 2, ns: 1e9 } })],
  'finding.kind': (d, id) => pick(known(d.findings as Record<string, object>, id) ?? {}, 'name'),
  'finding.cause': (d, id) => pick(d.causes, id),
  'finding.severity': (d, id) => pick(d.why.severities, id),
  'check.result': (d, id) => pick(d.why.checkResults, id),
  'header.merged.clock': (d, id) => pick(d.why.clockFits, id),
  'end.beyond': (d, id) => pick(d.why.beyond, id),
  'end.reason': (d, id) => pick(d.why.ends, id),
  'side': (d, id) => [...pick(d.label, id), d.end[id as 'client'].mid, d.end[id as 'client'].start],
  'witness': (d, id) => pick(d.source, id),
  'tcp_state': (d, id) => pick(d.states, id),
};
/** Names of the protocol, the kernel and Zeek, the same in every language; or never on the page. */
const NAMES = ['connection.family', 'tunnel.type', 'segment.flags', 'reset.who', 'outcome.conn_state', 'end.counts', 'kernel_object', 'poll_event', 'call.events', 'call.ready.events'];

function enums(node: unknown, path: string[], out: Map<string, string[]>): Map<string, string[]> {
  if (typeof node !== 'object' || node === null) return out;
  if (!Array.isArray(node) && Array.isArray((node as { enum?: unknown }).enum)) {
    const at = path.filter((p) => !['$defs', 'properties', 'items', 'propertyNames', 'allOf'].includes(p)).join('.');
    out.set(at, (node as { enum: string[] }).enum);
  }
  for (const [k, v] of Object.entries(node)) enums(v, [...path, k], out);
  return out;
}

test('every word of the schema is told in all languages', () => {
  const found = enums(JSON.parse(doc('trace.schema.json')), [], new Map());
  assert.deepEqual([...found.keys()].sort(), [...Object.keys(TRANSLATED), ...NAMES].sort());
  for (const [at, words] of Object.entries(TRANSLATED)) {
    for (const id of found.get(at)!) {
      for (const [lang, d] of Object.entries(dictionaries)) {
        const told = words(d, id);
        for (const text of told) {
          assert.ok(text !== undefined && text.trim() !== '', `${lang} has no words for ${at} ${id}`);
          if (lang === 'zh') assert.match(text, /[\u4e00-\u9fff]/, `${at} ${id}: ${text}`);
        }
      }
    }
  }
});

test('every difference that the documents know is told', () => {
  const table = doc('differences.md').split('## Between the kernel and the packets')[1]!.split('\n## ')[0]!;
  const ids = [...table.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map((m) => m[1]!);
  assert.ok(ids.length >= 10);
  for (const d of Object.values(dictionaries)) assert.deepEqual(Object.keys(d.why.differences).sort(), [...ids].sort());
});

test('reasons of a reset are told without their prefix, as the trace writes them', () => {
  for (const d of Object.values(dictionaries)) {
    for (const id of REASONS) assert.ok(d.why.reasons[id].length > 2 && !/^(SK_RST|TCP)/.test(d.why.reasons[id]), id);
  }
});

const outcome = (o: Partial<OutcomeRec>): OutcomeRec => ({ record: 'outcome', n: 1, t: 1, conn: 1, verdict: 'unknown', text: 'As written.', ...o });

test('one sentence for a verdict: English is the trace’s own, Chinese says as much and no more', () => {
  const { en, zh } = dictionaries;
  assert.equal(headline(en, outcome({ verdict: 'refused' })), 'As written.');
  const closed = (o: Partial<OutcomeRec>) => headline(zh, outcome({ verdict: 'closed-normally', ...o }));
  assert.equal(closed({ closed_by: 'server', final: { client: 'CLOSED', server: 'TIME-WAIT' } }), '正常关闭：服务器先关闭，目前处于 TIME-WAIT。');
  assert.equal(closed({ closed_by: 'client', durations: { client: { 'TIME-WAIT': 5 } } }), '正常关闭：客户端先关闭，并已走完 TIME-WAIT。');
  assert.equal(closed({ closed_by: 'client' }), '正常关闭：客户端先关闭。');
  assert.doesNotMatch(closed({}), /先关闭/);
  assert.match(headline(zh, outcome({ verdict: 'reset-by-server', closed_by: 'client' })), /服务器在客户端的 FIN 之后/);
  assert.match(headline(zh, outcome({ verdict: 'reset-by-server' })), /服务器用 RST/);
  assert.match(headline(zh, outcome({ verdict: 'half-closed', closed_by: 'client', final: { client: 'FIN-WAIT-2', server: 'CLOSE-WAIT' } })), /服务器还没有发出自己的（CLOSE-WAIT）/);
  assert.equal(headline(zh, outcome({ verdict: 'brand-new' })), 'As written.');
  const full = { verdict: 'no-answer', cause: 'accept-queue-full', listener: 2, drops: 3 };
  assert.match(headline(zh, outcome(full)), /L2 的 accept 队列已满，它的 SYN 被丢弃了 3 次/);
  for (const verdict of ['refused', 'reset-by-server']) {
    for (const cause of ['listener-closed', 'no-listener']) assert.notEqual(headline(zh, outcome({ verdict, cause })), headline(zh, outcome({ verdict })));
  }
});

test('more is said only where a record shows it', () => {
  const read = (text: string) => {
    const t = new Trace();
    const p = new Parser((s) => t.take(s));
    p.feed(text);
    p.finish();
    return t;
  };
  const { en } = dictionaries;
  const whole = makeTrace({ connections: 7 });
  const t = read(whole);
  const said = t.conns.map((c) => evidence(en, c.events, c.outcome).join(' '));
  const of = (verdict: string, queue = false) => t.conns.findIndex((c) => c.outcome?.verdict === verdict && (!queue || c.events.some((e) => e.record === 'queue')));
  assert.match(said[of('closed-normally')]!, /Every byte.*acknowledged/);
  assert.match(said[of('refused')]!, /kernel of the server.*nothing listens/);
  assert.match(said[of('no-answer', true)]!, /dropped 3 of its segments because a queue was full/);
  assert.equal(said.filter((s) => /acknowledged/.test(s)).length, t.conns.filter((c) => c.outcome?.verdict === 'closed-normally').length);
  // Without the witness, without its reason, nothing is claimed.
  const without = (skip: RegExp) => read(whole.split('\n').filter((l) => !skip.test(l)).join('\n'));
  for (const c of without(/"record":"segment"/).conns) assert.doesNotMatch(evidence(en, c.events, c.outcome).join(' '), /acknowledged/);
  for (const c of without(/"record":"(reset|queue)"/).conns) assert.doesNotMatch(evidence(en, c.events, c.outcome).join(' '), /listens|queue|kernel of/);
});
