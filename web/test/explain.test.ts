// What "Why?" says must be true of the record that it explains: every kind, over all combinations of the fields that a
// sentence depends on, in every language. A rule names sentences that cannot be true where its condition holds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dictionaries, type Dictionary } from '../src/i18n';
import { ERRNOS, REASONS } from '../src/i18n/types';
import { explain } from '../src/kinds';
import type { Around, Explanation } from '../src/kinds/kind';
import { check, type CallRec, type End, type QueueRec, type Rec, type ResetRec, type SegmentRec, type StateRec, type TimerRec } from '../src/trace/records';
import { moveOf } from '../src/trace/transitions';
import {
  CAUSES, DIFFERENCES, DIRECTIONS, ENDS, HOWS, NOTES, QUEUE_WHYS, SHAPES, SOURCES, STATES, TIMERS, TIMER_WHYS, VERDICTS,
} from '../src/trace/words';

interface Case { rec: Rec; before: Rec[]; listened?: boolean }

const base = { n: 100, t: 1000, conn: 1 };
const at = (n: number) => ({ n, t: n, conn: 1 });
const segment = (n: number, from: End, flags: string[], more: Partial<SegmentRec> = {}): SegmentRec =>
  ({ ...at(n), record: 'segment', from, flags, seq: 1, len: 0, win: 100, ...more });
const state = (n: number, end: End, from: StateRec['from'], to: StateRec['to']): StateRec =>
  ({ ...at(n), record: 'state', end, from, to, how: 'observed', source: 'kernel' });
const BOTH_SYNS = [segment(1, 'client', ['SYN'], { seq: 0 }), segment(2, 'server', ['SYN', 'ACK'], { seq: 0, ack: 1 })];
const other = (e: End): End => (e === 'client' ? 'server' : 'client');

function* states(): Generator<Case> {
  for (const end of ENDS) {
    const causes: Rec[][] = [
      [], [...BOTH_SYNS, segment(90, other(end), ['RST'])], [segment(1, 'client', ['SYN'], { seq: 0 }), segment(90, 'server', ['RST', 'ACK'])],
      [...BOTH_SYNS, segment(80, end, ['FIN', 'ACK']), segment(90, other(end), ['ACK'])],
      [...BOTH_SYNS, segment(80, end, ['FIN', 'ACK']), segment(90, other(end), ['FIN', 'ACK'])], [state(80, other(end), 'ESTABLISHED', 'FIN-WAIT-1')],
    ];
    for (const from of STATES) for (const to of STATES) for (const how of HOWS) for (const before of causes) {
      if (from === to) continue;
      const source = how === 'sampled' ? 'diag' : how === 'observed' || how === 'predicted' ? 'kernel' : 'wire';
      const last = before.find((r) => r.n === 90);
      for (const call of how === 'observed' ? [undefined, 'close', 'exit_group'] : [undefined]) {
        yield { before, rec: { ...base, record: 'state', end, from, to, how, source, ...(last && { because: 90 }), ...(call && { call }), ...(to === 'CLOSED' && how === 'observed' && { error: 'ETIMEDOUT' }) } };
      }
    }
  }
}

function* segments(): Generator<Case> {
  const flags = [['SYN'], ['SYN', 'ACK'], ['ACK'], ['PSH', 'ACK'], ['FIN', 'ACK'], ['RST'], ['RST', 'ACK'], ['FIN', 'SYN'], []];
  for (const from of ENDS) for (const peerWindow of [0, 500]) for (const syns of [true, false]) for (const closed of [false, true]) {
    const before = [
      ...(syns ? BOTH_SYNS : []), segment(50, other(from), ['ACK'], { win: peerWindow }), ...(closed ? [segment(60, other(from), ['FIN', 'ACK'], { win: peerWindow })] : []),
    ];
    for (const f of flags) for (const len of [0, 1, 100]) for (const win of [0, 64]) {
      for (const notes of [undefined, ...NOTES.map((n) => [n]), ['duplicate-ack', 'challenge-ack']]) yield { before, rec: segment(100, from, f, { len, win, ...(notes && { notes }), ack: 1 }) };
    }
  }
  for (const end of ENDS) yield { before: [segment(1, other(end), ['SYN'], { seq: 0 })], rec: segment(100, end, ['RST', 'ACK']) };
}

function* calls(): Generator<Case> {
  for (const name of ['socket', 'bind', 'listen', 'connect', 'accept4', 'sendto', 'recvfrom', 'close', 'shutdown', 'setsockopt', 'epoll_wait']) {
    for (const errno of [undefined, 'ERESTARTSYS', ...ERRNOS]) for (const end of [undefined, ...ENDS]) for (const listener of [undefined, 1]) {
      for (const ret of errno ? [-1] : [0, 5]) {
        yield { before: [], rec: { record: 'call', n: 100, t: 1000, name, ret, comm: 'curl', ...(errno && { errno }), ...(end && { end, conn: 1 }), ...(listener && { listener }) } };
      }
    }
  }
}

function* rest(): Generator<Case> {
  for (const end of ENDS) {
    for (const name of TIMERS) for (const now of ['SYN-SENT', 'ESTABLISHED'] as const) {
      for (const more of [{ expires: 5000 }, { fired: true as const, count: 2 }, ...TIMER_WHYS.map((why) => ({ cancelled: true as const, why }))]) {
        yield { before: [state(1, end, 'CLOSED', now)], rec: { ...base, record: 'timer', end, name, ...more } };
        for (const win of [0, 70656]) yield { before: [state(1, end, 'CLOSED', now), segment(80, other(end), ['ACK'], { win })], rec: { ...base, record: 'timer', end, name, ...more } };
      }
    }
    for (const to of ['sock', 'timewait', 'request', 'none']) for (const s of STATES) yield { before: [], rec: { ...base, record: 'object', end, from: 'sock', to, state: s } };
    for (const direction of ['sent', 'received'] as const) for (const reason of [undefined, ...REASONS]) for (const before of [BOTH_SYNS, [BOTH_SYNS[0]!]]) {
      yield { before, rec: { ...base, record: 'reset', end, direction, ...(reason && { reason }) } };
    }
    for (const known of [undefined, ...DIFFERENCES]) yield { before: [], rec: { ...base, record: 'disagreement', end, kernel: 'CLOSED', wire: 'LAST-ACK', ...(known && { known }) } };
  }
  for (const why of QUEUE_WHYS) for (const cause of [undefined, ...CAUSES]) {
    for (const before of [[], [BOTH_SYNS[0]!], [...BOTH_SYNS, segment(3, 'client', ['ACK'])]]) {
      yield { before, rec: { ...base, record: 'queue', listener: 1, syn: 1, accept: 2, drops: 9, why, ...(cause && { cause }) } };
    }
  }
  for (const verdict of VERDICTS) for (const cause of [undefined, ...CAUSES]) yield { before: BOTH_SYNS, rec: { ...base, record: 'outcome', verdict, text: '结局 outcome.', final: { client: 'CLOSED', server: 'CLOSED' }, ...(cause && { cause, cause_end: 'server' as End }) } };
  for (const listened of [true, false]) for (const since of [undefined, 'before-trace']) {
    yield { before: [], listened, rec: { ...base, record: 'connection', client: { addr: '::1', port: 1 }, server: { addr: '::1', port: 2 }, roles: 'assumed', ...(since && { since }) } };
  }
  for (const closed of [undefined, true as const]) yield { before: [], rec: { ...base, record: 'listener', listener: 1, addr: '::', port: 80, ...(closed && { closed }) } };
}

/** English, Chinese: what must not be said, and of what. */
const RULES: { of: Rec['record']; never: [RegExp, RegExp]; where: (c: Case) => boolean; why: string }[] = [
  { of: 'segment', why: 'a probe of a closed window is no keep-alive of an application', never: [/SO_KEEPALIVE|one byte/, /SO_KEEPALIVE|发送一个字节/],
    where: ({ rec, before }) => before.some((r) => r.record === 'segment' && r.from !== (rec as SegmentRec).from && r.win === 0) },
  { of: 'segment', why: 'the peer has closed', never: [/may still send/, /仍可发送/],
    where: ({ rec, before }) => (rec as SegmentRec).len === 0 && before.some((r) => r.record === 'segment' && r.from !== (rec as SegmentRec).from && r.flags.includes('FIN')) },
  { of: 'segment', why: 'nothing was there to be cut off', never: [/cuts the connection off|abortive/, /中断连接|异常关闭/],
    where: ({ rec, before }) => (rec as SegmentRec).flags.includes('RST') && before.length === 1 && (before[0] as SegmentRec).flags[0] === 'SYN' },
  { of: 'segment', why: 'a window without its scale is no number of bytes', never: [/64\u00a0B/, /64\u00a0B/],
    where: ({ rec, before }) => (rec as SegmentRec).win === 64 && !(rec as SegmentRec).flags.includes('SYN') && !before.some((r) => r.record === 'segment' && r.flags.includes('SYN')) },
  { of: 'segment', why: 'a SYN is behind no hole', never: [/showed a hole/, /缺口/],
    where: ({ rec }) => (rec as SegmentRec).flags.includes('SYN') && !!(rec as SegmentRec).notes?.includes('retransmission') },
  { of: 'segment', why: 'a challenge asks for nothing that is missing', never: [/behind a hole/, /缺口/], where: ({ rec }) => !!(rec as SegmentRec).notes?.includes('challenge-ack') },
  { of: 'segment', why: 'a RST that moves nothing cuts nothing off', never: [/cuts the connection off/, /中断连接/],
    where: ({ rec }) => (rec as SegmentRec).flags.includes('RST') && !!(rec as SegmentRec).notes?.some((n) => n === 'unacceptable' || n === 'earlier-connection') },
  { of: 'call', why: 'a call that failed did nothing', never: [/took bytes|took a finished|handed bytes|closed (its|one)|made (a|the)|gave its|changed an|returned 0/, /取走|交给了|关闭了|创建了|绑定了|设为|修改了|返回 0/],
    where: ({ rec }) => (rec as CallRec).errno !== undefined },
  { of: 'call', why: 'a signal is no error', never: [/failed/, /失败/], where: ({ rec }) => /^(ERESTARTSYS|EINTR|EAGAIN|EINPROGRESS)$/.test((rec as CallRec).errno ?? '') },
  { of: 'call', why: 'a listener is no client', never: [/client/, /客户端/], where: ({ rec }) => (rec as CallRec).end === undefined && /^(socket|bind|listen|setsockopt)$/.test((rec as CallRec).name) },
  { of: 'state', why: 'a process may have ended', never: [/called close/, /调用了 close/], where: ({ rec }) => (rec as StateRec).call !== 'close' },
  { of: 'state', why: 'it may be the second', never: [/closed first/, /先关闭：/], where: ({ before, rec }) => (rec as StateRec).to === 'FIN-WAIT-1' && before.some((r) => r.record === 'state' && r.end !== (rec as StateRec).end && r.to === 'FIN-WAIT-1') },
  { of: 'state', why: 'the kernel gave up', never: [/reset (was|came)|got a reset|last ACK arrived|SO_LINGER|orphan/, /RST|最后一个 ACK 到达|orphan/],
    where: ({ rec, before }) => { const s = rec as StateRec; return s.error === 'ETIMEDOUT' && !/^(SYN-SENT|UNKNOWN)$/.test(s.from) && moveOf(s.from, s.to) !== undefined && !before.some((r) => r.record === 'segment' && r.flags.includes('RST')); } },
  { of: 'state', why: 'the peer has closed with it', never: [/has to close/, /轮到/],
    where: ({ rec, before }) => { const s = rec as StateRec; return s.from === 'FIN-WAIT-1' && s.to === 'FIN-WAIT-2' && before.some((r) => r.n === 90 && r.record === 'segment' && r.flags.includes('FIN')); } },
  { of: 'state', why: 'nothing governs what was never so', never: [/net\.ipv4|\(\)/, /net\.ipv4|\(\)/], where: ({ rec }) => (rec as StateRec).how === 'corrected' },
  { of: 'state', why: 'its FIN was seen', never: [/without its own FIN/, /没有发出自己的 FIN/], where: ({ before, rec }) => before.some((r) => r.record === 'segment' && r.from === (rec as StateRec).end && r.flags.includes('FIN')) },
  { of: 'state', why: 'between two samples are steps, not resets', never: [/Resets and timeouts|without its own FIN/, /RST 和超时|没有发出自己的 FIN/],
    where: ({ rec }) => (rec as StateRec).how === 'sampled' && (rec as StateRec).rfc === undefined },
  { of: 'state', why: 'an end first seen did not move', never: [/arrived|closes|gave up|changed its/, /到达|关闭：|放弃|状态迁移/],
    where: ({ rec }) => { const s = rec as StateRec; return s.from === 'UNKNOWN' && s.because === undefined && !/^SYN/.test(s.to); } },
  { of: 'state', why: 'no listener opens for a client', never: [/accept queue/, /accept 队列/], where: ({ rec }) => { const s = rec as StateRec; return s.end === 'client' && s.from === 'SYN-RECEIVED' && s.to === 'ESTABLISHED'; } },
  { of: 'state', why: 'refused: there was no connection', never: [/ended the connection/, /RST 结束了/], where: ({ rec, before }) => (rec as StateRec).to === 'CLOSED' && (rec as StateRec).from === 'SYN-SENT' && before.some((r) => r.record === 'segment' && r.n === 90 && r.flags.includes('RST')) && (rec as StateRec).how !== 'corrected' },
  { of: 'timer', why: 'a SYN has settings of its own', never: [/tcp_retries2|doubles each time/, /tcp_retries2|每次加倍/],
    where: ({ rec, before }) => (rec as TimerRec).name === 'retransmit' && (before[0] as StateRec).to === 'SYN-SENT' },
  { of: 'timer', why: 'the window was open', never: [/still closed|opens it/, /是否仍然关闭|重新打开窗口/],
    where: ({ rec, before }) => (rec as TimerRec).name === 'persist' && before.some((r) => r.record === 'segment' && r.win !== 0) },
  { of: 'timer', why: 'the window was closed', never: [/could not send/, /没能发出去/],
    where: ({ rec, before }) => (rec as TimerRec).name === 'persist' && before.some((r) => r.record === 'segment' && r.win === 0) },
  { of: 'queue', why: 'which of the two was dropped is known', never: [/a SYN, or the ACK/, /一个 SYN，或/], where: ({ rec, before }) => (rec as QueueRec).why === 'overflow' && before.length > 0 },
  { of: 'object', why: 'in FIN-WAIT-2 data can come', never: [/No data can come|Both directions are closed/, /不会再有数据|两个方向都已关闭/], where: ({ rec }) => 'state' in rec && rec.state === 'FIN-WAIT-2' },
  { of: 'reset', why: 'a refusal has no close() behind it', never: [/SO_LINGER|close\(\)/, /SO_LINGER|close\(\)/],
    where: ({ rec, before }) => before.length === 1 && (rec as ResetRec).end === 'server' && ['NO_SOCKET', undefined].includes((rec as ResetRec).reason) },
  { of: 'reset', why: 'a minisock may be in FIN-WAIT-2', never: [/in TIME-WAIT,/, /TIME-WAIT 中的/], where: ({ rec }) => (rec as ResetRec).reason === 'TCP_TIMEWAIT_SOCKET' },
  { of: 'connection', why: 'the listener is known', never: [/guess/, /推测/], where: ({ listened }) => listened === true },
];

const textOf = (e: Explanation) => [e.title, e.what, e.why, ...e.more, ...e.facts.map((f) => `${f.label}: ${f.value}`), ...(e.governs.calls ?? []), ...(e.governs.sysctl ?? [])].join('\n');

test('no sentence is told of a record that it cannot be true of', () => {
  const applied = new Map(RULES.map((r) => [r, 0]));
  const wrong = new Map<string, string>();
  let cases = 0;
  for (const c of [...states(), ...segments(), ...calls(), ...rest()]) {
    cases++;
    const around: Around = { byN: (n) => c.before.find((r) => r.n === n), listener: () => undefined, events: [...c.before, c.rec], listened: c.listened ?? false };
    for (const [lang, d] of Object.entries(dictionaries) as [string, Dictionary][]) {
      const e = explain(d, around, c.rec);
      const text = textOf(e);
      assert.ok(e.what.trim() !== '' && e.why.trim() !== '', JSON.stringify(c.rec));
      assert.doesNotMatch(text, /undefined|NaN|\{\w+\}|\[object/, JSON.stringify(c.rec));
      const plain = e.what + e.why;
      if (lang === 'zh') {
        assert.match(plain, /[\u4e00-\u9fff]/);
        assert.doesNotMatch([e.title, ...e.more].join('\n'), /[\u4e00-\u9fff]: |[。：] /, 'punctuation of another language');
      }
      for (const rule of RULES) {
        if (rule.of !== c.rec.record || !rule.where(c)) continue;
        applied.set(rule, applied.get(rule)! + 1);
        const found = rule.never[lang === 'zh' ? 1 : 0].exec(text);
        if (found) wrong.set(`${rule.why}: “${found[0]}” (${lang})`, JSON.stringify(c.rec));
      }
    }
  }
  assert.deepEqual([...wrong], []);
  for (const [rule, n] of applied) assert.ok(n > 0, `never looked at: ${rule.why}`);
  assert.ok(cases > 5000);
});

/** A value of each tag of the schema, as little of it as check() lets through. */
const LEAST: Record<string, unknown> = {
  'int': 7, 'str': 'word', 'object': {}, 'true': true, 'array': [], 'state': 'ESTABLISHED', 'end': 'client', 'strings': ['word'], 'ints': { word: 7 },
  'address': { addr: '::1', port: 7 }, 'words:HOWS': HOWS[0], 'words:SOURCES': SOURCES[0], 'words:DIRECTIONS': DIRECTIONS[0],
};

test('every kind has sentences for what the schema allows: no field, each, any two of them, all', () => {
  const wrong = new Map<string, string>();
  const said = (rec: Rec) => {
    const around: Around = { byN: () => undefined, listener: () => undefined, events: [rec], listened: false };
    for (const [lang, d] of Object.entries(dictionaries) as [string, Dictionary][]) {
      const e = explain(d, around, rec);
      const odd = /undefined|NaN|\{\w+\}|\[object/.exec(textOf(e))?.[0] ?? (e.what.trim() === '' ? 'no sentence' : undefined);
      if (odd !== undefined) wrong.set(`${rec.record}: ${odd} (${lang})`, JSON.stringify(rec));
    }
  };
  let cases = 0;
  for (const [record, { need, may }] of Object.entries(SHAPES)) {
    const valued = (fields: [string, string][]) => Object.fromEntries(fields.map(([name, tag]) => [name, LEAST[tag]]));
    const fields = Object.entries(may);
    const some = [[], fields, ...fields.flatMap((one, i) => fields.slice(i).map((two) => [one, two]))];
    for (const more of some) {
      const got = check({ n: 1, t: 1, record, ...valued(Object.entries(need)), ...valued(more) });
      assert.ok('rec' in got, `${record}: ${JSON.stringify(got)}`);
      said(got.rec);
      cases++;
    }
  }
  assert.deepEqual([...wrong], []);
  assert.ok(cases > 1000);
});

test('titles do not say the name of the kind twice', () => {
  for (const d of Object.values(dictionaries)) {
    const e = explain(d, { byN: () => undefined, listener: () => undefined, events: [] }, { ...base, record: 'queue', listener: 1, syn: 0, accept: 0, why: 'syn' });
    assert.equal(e.title, '');
  }
});
