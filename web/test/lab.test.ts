// What a lab comes to in its page: as `tcplens lab --check` counts the same trace.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { answers, bringLab, choose, forgetChosen, lab, open, score } from '../src/lab/state';
import { reset, revision, trace } from '../src/state/app';
import { Trace } from '../src/trace/model';
import { Parser } from '../src/trace/parse';
import { Writer } from './writer';

const Q1 = { id: 'q1', choices: ['yes', 'no'], answer: 'yes', points: 1 }, Q2 = { id: 'q2', choices: ['a', 'b'], answer: 'b', points: 2 };

/** A trace of the lab: what its checks came to, and what was predicted. */
function show(checks: Record<string, string>, predicted: readonly (readonly [string, string])[] = [], version = 2): void {
  const w = new Writer();
  w.header();
  w.put('lab', 1, { lab: 'own', version, student: 's1' });
  for (const [question, choice] of predicted) w.put('answer', 1, { question, choice });
  for (const [check, result] of Object.entries(checks)) w.put('check', 1, { check, result });
  const t = new Trace();
  const p = new Parser((s) => t.take(s));
  p.feed(w.text());
  p.finish();
  trace.value = t;
  revision.value++;
}

beforeEach(() => {
  reset();
  forgetChosen();
  bringLab(new TextEncoder().encode(JSON.stringify({ lab: 'own', version: 2, questions: [Q1, Q2], points: { c1: 3, c2: 1 }, guides: {} })));
});

test('checks that passed and predictions that are right count; the total is the same for all', () => {
  show({});
  assert.equal(score.value, undefined, 'nothing before the checks have come');
  show({ c1: 'passed', c2: 'failed', q1: 'passed' }, [['q1', 'yes'], ['q2', 'a']]);
  assert.deepEqual(score.value, { points: 4, of: 7 });
  show({ c1: 'passed', c2: 'inconclusive' });
  assert.deepEqual(score.value, { points: 3, of: 7 }, 'unanswered');
});

test('of several answers the first counts that is a choice, and what the trace holds before what is chosen here', () => {
  show({ c1: 'passed', c2: 'passed' }, [['q1', 'maybe'], ['q1', 'no'], ['q1', 'yes'], ['q9', 'yes']]);
  assert.deepEqual([...answers.value], [['q1', 'no']]);
  assert.equal(open.value?.id, 'q2');
  choose(Q1, 'yes');
  choose(Q2, 'b');
  assert.deepEqual(score.value, { points: 6, of: 7 });
});

test('a trace of another version is none of this lab', () => {
  show({ c1: 'passed' }, [], 1);
  assert.equal(lab.value === undefined, true);
  assert.equal(score.value, undefined);
  show({ c1: 'passed' });
  assert.equal(lab.value?.lab, 'own');
});
