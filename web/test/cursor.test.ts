import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { conn, currentRec, currentRow, cursor, filterText, follow, ladder, reset, revision, selected, trace, visible } from '../src/state/app';
import { first, isState, last, moveToRecord, moveToTime, select, step, stepConn, stepProblem } from '../src/state/cursor';
import { Trace } from '../src/trace/model';
import { isProblem } from '../src/kinds';
import { Parser } from '../src/trace/parse';
import { makeTrace } from './scenes';

beforeEach(() => {
  reset();
  const t = new Trace();
  const p = new Parser((s) => t.take(s));
  p.feed(makeTrace({ connections: 20 }));
  p.finish();
  trace.value = t;
  revision.value++;
  select(1);
});

test('a fresh selection stands on the first event', () => {
  assert.equal(currentRow.value?.index, 0);
  assert.equal(currentRec.value?.record, 'connection');
});

test('stepping visits every event once and stops at the ends', () => {
  const seen = [currentRec.value!.n];
  while (step(1)) seen.push(currentRec.value!.n);
  assert.equal(seen.length, ladder.value!.events.length);
  assert.equal(new Set(seen).size, seen.length);
  assert.equal(step(1), false);
  let back = 0;
  while (step(-1)) back++;
  assert.equal(back, seen.length - 1);
});

test('stepping by state stops at state changes only', () => {
  const to: string[] = [];
  while (step(1, isState)) {
    const rec = currentRec.value!;
    assert.equal(rec.record, 'state');
    if (rec.record === 'state') to.push(rec.to);
  }
  assert.equal(to.length, 10);
  assert.deepEqual(to.slice(0, 4), ['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'ESTABLISHED']);
});

test('stepping by problem finds what went wrong', () => {
  const bad = trace.value!.conns.find((c) => c.outcome?.verdict === 'reset-by-server')!;
  select(bad.id);
  assert.ok(stepProblem(1));
  assert.ok(isProblem(currentRec.value!));
});

test('first and last', () => {
  last();
  assert.equal(currentRec.value?.record, 'outcome');
  first();
  assert.equal(currentRow.value?.index, 0);
});

test('choosing a connection moves the cursor into it, and only then', () => {
  select(5);
  assert.equal(conn.value?.id, 5);
  assert.ok(conn.value!.events.includes(currentRec.value!));
});

test('next and previous connection go through what the filter shows', () => {
  filterText.value = 'port:443';
  const ids = visible.value.map((c) => c.id);
  select(ids[0]!);
  stepConn(1);
  assert.equal(selected.value, ids[1]);
  stepConn(-1);
  stepConn(-1);
  assert.equal(selected.value, ids[0]);
});

test('a jump to a record goes to its connection; one to a time to its last event by then', () => {
  const c3 = trace.value!.conn(3)!;
  const rec = c3.events[2]!;
  moveToRecord(rec.n);
  assert.equal(selected.value, 3);
  assert.equal(currentRec.value, rec);
  moveToTime(c3.events[1]!.t);
  assert.equal(cursor.value.t, c3.events[1]!.t);
  moveToTime(0);
  assert.equal(cursor.value.t, 0);
});

test('a hand on the cursor ends following', () => {
  follow.value = true;
  step(1);
  assert.equal(follow.value, false);
});

test('the wire’s own change can be selected though it has no row of its own', () => {
  const row = ladder.value!.events.find((r) => r.attached.length > 0)!;
  moveToRecord(row.attached[0]!.n);
  assert.equal(currentRec.value, row.attached[0]);
  assert.equal(currentRow.value, row);
});
