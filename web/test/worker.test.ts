import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Slice } from '../src/trace/columns';
import { Trace } from '../src/trace/model';
import { Refused } from '../src/trace/parse';
import { read, serve, type Message, type Status } from '../src/trace/worker';
import { sampleText } from './sample';
import { makeTrace } from './scenes';

const LINES = sampleText().trim().split('\n').length;
const fileOf = (content: string | Uint8Array, name = 'x.ndjson') => new File([content], name) as unknown as globalThis.File;

/** A worker on this thread: what it is given and what it tells goes through a structured clone, as there. */
function fake(more: { silent?: boolean; dies?: number } = {}) {
  const made = { over: false, file: undefined as File | undefined };
  const worker = {
    onmessage: (_: { data: Message }) => undefined as void,
    onerror: (_: { message: string; preventDefault(): void }) => undefined as void,
    terminate() { made.over = true; },
    postMessage(file: globalThis.File) {
      const fail = () => worker.onerror({ message: 'out of memory', preventDefault() {} });
      if (more.silent) return queueMicrotask(fail);
      let told = 0;
      void serve(file, (m, transfer = []) => {
        if (made.over) return;
        if (told++ === more.dies) return fail();
        worker.onmessage({ data: structuredClone(m, { transfer: transfer as ArrayBuffer[] }) });
      });
    },
  };
  return { made, start: () => worker as unknown as Worker };
}

async function load(file: globalThis.File, start: () => Worker, signal = new AbortController().signal) {
  const t = new Trace();
  const told: { read: number; status: Status }[] = [];
  const status = await read(file, {
    slice: (s: Slice) => t.take(s), progress: (p, now) => told.push({ read: p.read, status: now }),
  }, signal, start);
  return { t, told, status };
}

test('a worker tells slices, progress and the end, and is then over', async () => {
  const { made, start } = fake();
  const { t, told, status } = await load(fileOf(sampleText()), start);
  assert.equal(t.records.length, LINES);
  assert.deepEqual(status, { malformed: undefined, tooLarge: false, ended: true, more: [] });
  assert.ok(told.length > 0 && told.at(-1)!.read === Buffer.byteLength(sampleText()));
  assert.equal(made.over, true);
});

test('gzip, cut gzip and broken lines come through the worker', async () => {
  const zip = gzipSync(makeTrace({ connections: 40 }));
  const whole = await load(fileOf(zip, 'x.ndjson.gz'), fake().start);
  assert.equal(whole.t.conns.length, 40);
  const cut = await load(fileOf(zip.subarray(0, zip.length / 2), 'x.ndjson.gz'), fake().start);
  assert.equal(cut.status.ended, false);
  assert.ok(cut.t.records.length > 10 && cut.t.records.length < whole.t.records.length);
  const broken = await load(fileOf(sampleText().replace('"record":"segment"', '"record":')), fake().start);
  assert.equal(broken.status.malformed?.count, 1);
  assert.equal(broken.t.records.length, LINES - 1);
});

test('what is no trace is refused with its reason, by the worker and by the page', async () => {
  for (const starts of [() => fake().start, () => fake({ silent: true }).start, () => () => { throw new Error('refused'); }]) {
    for (const [content, kind] of [['', 'empty'], ['hello\n', 'not-trace'], [Buffer.from('d4c3b2a1', 'hex'), 'capture']] as const) {
      await assert.rejects(load(fileOf(content), starts()), (e) => e instanceof Refused && e.why.kind === kind);
    }
  }
});

test('where no worker starts the page reads by itself', async () => {
  const zip = fileOf(gzipSync(makeTrace({ connections: 40 })), 'x.ndjson.gz');
  for (const start of [() => { throw new DOMException('no', 'SecurityError'); }, fake({ silent: true }).start]) {
    const { t, told, status } = await load(zip, start);
    assert.equal(t.conns.length, 40);
    assert.equal(status.ended, true);
    assert.ok(told.length > 0);
  }
});

test('a worker that dies while it reads is told, not passed over', async () => {
  const { made, start } = fake({ dies: 1 });
  await assert.rejects(load(fileOf(sampleText()), start),
    (e) => e instanceof Refused && e.why.kind === 'unreadable' && /out of memory/.test(e.why.message));
  assert.equal(made.over, true);
});

test('who cancels keeps what has been read, and the worker is over', async () => {
  const control = new AbortController();
  const { made, start } = fake();
  let slices = 0;
  const status = await read(fileOf(makeTrace({ connections: 2000 })), {
    slice: () => { slices++; },
    progress: () => control.abort(),
  }, control.signal, start);
  assert.equal(status.ended, false);
  assert.equal(made.over, true);
  assert.ok(slices > 0 && slices < 5);
});
