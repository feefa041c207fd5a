import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address, bytes, clock, quote, show, span } from '../src/text';

test('controls, bidi marks and lone surrogates are shown as escapes', () => {
  assert.equal(show('a\u202eb\u0000c\u200bd\ud800'), 'a\\u202eb\\u0000c\\u200bd\\ud800');
  assert.equal(show('😀 ünï 中文'), '😀 ünï 中文');
  assert.equal(show('<b>&'), '<b>&');
});

test('length is bounded and said', () => {
  assert.equal(show('x'.repeat(10_240), 10), `${'x'.repeat(10)}…(10240)`);
});

test('values that are no strings do not break', () => {
  assert.equal(show(undefined), '');
  assert.equal(show({ a: 1 }), '{"a":1}');
  assert.equal(show(7), '7');
});

test('time and sizes', () => {
  assert.equal(clock(12_034_518_999), '12.034\u202f518');
  assert.equal(span(480), '480\u00a0ns');
  assert.equal(span(80_000), '80.0\u00a0µs');
  assert.equal(span(1_250_000), '1.25\u00a0ms');
  assert.equal(span(2_310_000_000), '2.31\u00a0s');
  assert.equal(span(60e9), '60.0\u00a0s');
  assert.equal(span(200e9), '3\u00a0min 20\u00a0s');
  assert.equal(bytes(15), '15\u00a0B');
  assert.equal(bytes(65_495), '65.5\u00a0kB');
});

test('addresses and file names', () => {
  assert.equal(address({ addr: '::1', port: 80 }), '[::1]:80');
  assert.equal(address({ addr: '10.0.0.1', port: 80 }), '10.0.0.1:80');
  assert.equal(quote('a.pcap'), 'a.pcap');
  assert.equal(quote("it's here.pcap"), "'it'\\''s here.pcap'");
  assert.equal(quote('-rf'), "'-rf'");
});
