// What findings say: by the trace in English, by templates elsewhere, which must fit what the program tells of each kind.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dictionaries } from '../src/i18n';
import { findingText } from '../src/kinds/finding-text';
import { Trace } from '../src/trace/model';
import { Parser } from '../src/trace/parse';
import type { FindingRec } from '../src/trace/records';
import { CAUSES, FINDINGS, SYSCTLS } from '../src/trace/words';
import { Writer } from './writer';

const { en, zh } = dictionaries;
const finding = (f: Partial<FindingRec>): FindingRec => ({ record: 'finding', n: 9, t: 1, kind: 'refused', severity: 'error', count: 3, text: 'As written.', ...f });

/** The figures of each kind, as src/conn/finding_NAME.c names them. */
function figures(): Map<string, string[]> {
  const root = new URL('../../', import.meta.url);
  const words = new Map([...readFileSync(new URL('include/tcplens/trace/words.h', root), 'utf8').matchAll(/X\(FINDING, ([a-z0-9_]+), "([a-z0-9-]+)"/g)].map((m) => [m[1]!, m[2]!]));
  const out = new Map<string, string[]>();
  for (const file of readdirSync(new URL('src/conn/', root))) {
    const text = /^finding_.*\.c$/.test(file) ? readFileSync(new URL(`src/conn/${file}`, root), 'utf8') : '';
    const kind = /\.kind = FINDING_([a-z0-9_]+)/.exec(text);
    if (kind) out.set(words.get(kind[1]!)!, [.../\.figures = \{([^}]*)\}/.exec(text)?.[1]!.matchAll(/"([a-z_]+)"/g) ?? []].map((m) => m[1]!));
  }
  return out;
}

test('every template is of what the program tells', () => {
  const told = figures();
  assert.deepEqual([...told.keys()].sort(), [...FINDINGS].sort());
  for (const d of Object.values(dictionaries)) {
    for (const kind of FINDINGS) {
      const { text = [], remedy = [], by = {} } = d.findings[kind]!;
      for (const cause of Object.keys(by)) assert.ok((CAUSES as readonly string[]).includes(cause), cause);
      for (const template of [...text, ...remedy, ...Object.values(by).flat()]) {
        for (const [, name] of template.matchAll(/\{!?([a-z0-9_.]+)\}/g)) assert.ok(['count', 'where', 'cause', 'share', ...told.get(kind)!].includes(name!), `${kind}: ${name}`);
        for (const [, name] of template.matchAll(/\{\?([^}]*)\}/g)) assert.ok((SYSCTLS as readonly string[]).includes(name!), `${kind}: ${name}`);
        assert.doesNotMatch(template.replace(/\{[?!]?[a-z0-9_.]+\}/g, ''), /[{}]/, kind);
      }
    }
  }
  for (const kind of FINDINGS) {
    assert.ok(zh.findings[kind]!.text?.length && zh.findings[kind]!.remedy?.length, kind);
    assert.equal(en.findings[kind]!.text, undefined, 'English is the trace’s own');
  }
});

test('English is as the trace has it, Chinese says the same figures', () => {
  const full = finding({
    kind: 'accept-queue-overflow', listener: 2, count: 12, evidence: { limit: 5, delay_ns: 1_500_000_000, clients: 3 }, remedy: ['do it\u202e'],
  });
  assert.deepEqual(findingText(en, full), { name: 'Accept queue full', text: 'As written.', remedy: ['do it\\u202e'] });
  const told = findingText(zh, full, { 'net.core.somaxconn': 4096 });
  assert.match(told.text, /L2 的 accept 队列已满：它最多容纳 5 条.*12 个/);
  assert.match(told.text, /3 个客户端.*1\.50\ss/);
  assert.match(told.remedy[1]!, /somaxconn \(4096\)/);
  // a sentence of which a figure is not there is left out, and so is a setting
  const less = findingText(zh, { ...full, evidence: { limit: 5 } });
  assert.doesNotMatch(less.text, /客户端/);
  assert.match(less.remedy[1]!, /somaxconn$/);
});

test('whom it is about, and why', () => {
  const text = (f: Partial<FindingRec>) => findingText(zh, finding(f)).text;
  assert.match(text({ peer: '192.0.2.1', port: 80 }), /^192\.0\.2\.1:80 用 RST 拒绝了 3 条连接。$/);
  assert.match(text({ peer: '2001:db8::1', port: 80, cause: 'no-listener' }), /^\[2001:db8::1\]:80 .*原因：无人监听。$/);
  assert.match(text({ kind: 'close-wait-held', owner: { pid: 12, comm: 'py\u202e' }, evidence: { longest_ns: 20e9 } }), /py\\u202e/);
  const resets = { kind: 'resets', peer: '192.0.2.1', port: 80 } as const;
  assert.match(text(resets), /结束了 3 条连接。没有看到原因。$/);
  assert.match(text({ ...resets, cause: 'abort' }), /原因：[^{}]+。$/);
  assert.doesNotMatch(text({ ...resets, cause: 'abort' }), /没有看到/);
  assert.equal(text({ kind: 'brand-new' }), 'As written.');
  assert.match(findingText(zh, finding({ kind: 'resets', peer: '::1', cause: 'abort' })).remedy[0]!, /SO_LINGER/);
});

test('nothing is left out for being zero, nobody, or unknown', () => {
  const text = (f: Partial<FindingRec>) => findingText(zh, finding(f)).text;
  assert.match(text({ kind: 'retransmissions', count: 4, evidence: { segments: 7 } }), /7 个.*4 个被重传（57\.1 %）.*没有快速重传/);
  assert.match(text({ kind: 'retransmissions', count: 4, evidence: { segments: 7, fast: 1 } }), /其中 1 个是快速重传。$/);
  assert.match(text({ kind: 'resets', cause: 'abort' }), /^其他/);
  assert.match(text({ kind: 'half-open-peer', peer: '192.0.2.1', evidence: { silent_ns: 26e9, unacknowledged: 1000 } }), /^192\.0\.2\.1 在 3 条连接上不再出声.*26.*1000|1,000/);
  assert.doesNotMatch(text({ kind: 'half-open-peer', peer: '192.0.2.1', cause: 'user-timeout' }), /不再出声/);
  assert.doesNotMatch(text({ kind: 'no-answer', peer: '192.0.2.1', evidence: {} }), /As written/);
  assert.match(zh.problems.unreadable(zh.problems.said('the file breaks off at byte 7946, after 52 packets')), /第 7946 字节处中断，之前有 52 个报文$/);
});

test('of several with one subject the last one counts', () => {
  const w = new Writer();
  w.header();
  const put = (more: object) => w.put('finding', 1, { kind: 'refused', severity: 'error', conns: [], first: 0, last: 1, text: 'It.', evidence: {}, remedy: [], ...more });
  put({ count: 1, peer: '192.0.2.1', port: 80 });
  put({ count: 2, peer: '192.0.2.1', port: 80, because: [1] });
  put({ count: 1, peer: '192.0.2.1', port: 81 });
  put({ count: 1, peer: '192.0.2.1', port: 81, cause: 'no-listener' });
  const t = new Trace();
  const p = new Parser((s) => t.take(s));
  p.feed(w.text());
  p.finish();
  assert.deepEqual([...t.findings.values()].map((f) => f.count), [2, 1, 1]);
});
