// The engine beside the program: the same bytes, the same messages, whatever the capture. Under node; browser-capture.test.ts has
// the page.

import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readCapture } from '../src/engine/capture';
import { CaptureError, DEFAULTS, Engine, type Options } from '../src/engine/module';
import { Trace } from '../src/trace/model';
import { Parser } from '../src/trace/parse';
import { bytesOf, captures, damaged, program, random, Scratch, variable, type Said } from './captures';

const VARIANTS = Number(process.env.VARIANTS ?? 10_000);
/** So many of them are read by the program too; that takes a hundred times as long. */
const COMPARED = Number(process.env.COMPARED ?? 300);
const wasm = readFileSync(variable('ENGINE_WASM'));
const module = new WebAssembly.Module(wasm);
const files = captures();
const scratch = new Scratch();
after(() => scratch.remove());

/** piece: bytes fed at once. */
function engine(bytes: Uint8Array, name: string, options: Options = DEFAULTS, piece = bytes.length || 1): Said {
  const lines: Buffer[] = [];
  let message = '';
  let begun: Engine | undefined;
  try {
    begun = new Engine(module, { lines: (l) => { lines.push(Buffer.from(l)); } }, name, options);
    for (let at = 0; at < bytes.length; at += piece) begun.feed(bytes.subarray(at, at + piece));
    begun.complete();
  } catch (e) {
    // Anything else is a trap.
    if (!(e instanceof CaptureError)) throw e;
    message = e.message;
    if (e.refused) return { trace: undefined, message };
  }
  begun!.end(message !== '');
  return { trace: Buffer.concat(lines), message };
}

/** With gzip undone, as the page does it. */
async function page(bytes: Uint8Array, name: string, options: Options = DEFAULTS): Promise<Said> {
  const lines: Buffer[] = [];
  const file = new File([bytes], name) as unknown as globalThis.File;
  try {
    const { failed } = await readCapture({ file, engine: new Uint8Array(gzipSync(wasm)), options }, { lines: (l) => { lines.push(Buffer.from(l)); } }, {
      everyMs: 0, progress() {},
    });
    return { trace: Buffer.concat(lines), message: failed ?? '' };
  } catch (e) {
    if (!(e instanceof CaptureError)) throw e;
    return { trace: undefined, message: e.message };
  }
}

function same(ours: Said, theirs: Said, what: string): void {
  assert.equal(ours.message, theirs.message, what);
  assert.equal(ours.trace === undefined, theirs.trace === undefined, `${what}: one has a trace`);
  if (!ours.trace || !theirs.trace || ours.trace.equals(theirs.trace)) return;
  const a = ours.trace.toString().split('\n'), b = theirs.trace.toString().split('\n');
  const at = a.findIndex((line, i) => line !== b[i]);
  assert.fail(`${what}, line ${at + 1}: the engine wrote\n${a[at]}\nthe program\n${b[at]}`);
}

test('imports nothing but the place for its lines', () => {
  assert.deepEqual(WebAssembly.Module.imports(module), [{ module: 'tcplens', name: 'lines', kind: 'function' }]);
});

test('fits its budget', () => {
  assert.ok(gzipSync(wasm, { level: 9 }).length <= 120_000);
});

test('says of every capture what the program says', async () => {
  for (const path of files) same(await page(bytesOf(path), basename(path)), program(path), path);
});

/** What the page keeps of a capture: all of its records. `text`: by lines alone. */
function kept(bytes: Uint8Array, text: boolean, options: Options = DEFAULTS, most?: number) {
  const trace = new Trace();
  const parser = new Parser((slice) => trace.take(slice), most);
  let lines = 0;
  try {
    const engine = new Engine(module, { lines(l) { lines += l.length; parser.feed(l); }, ...(!text && { columns: parser }) }, 'x', options);
    for (let at = 0; at < bytes.length; at += 50_000) engine.feed(bytes.subarray(at, at + 50_000));
    engine.complete();
    engine.end(false);
  } catch (e) {
    if (!(e instanceof CaptureError)) throw e;
    if (!parser.header) return undefined;
  }
  parser.finish();
  assert.equal(parser.malformed, undefined);
  return { lines, tooLarge: parser.tooLarge, ended: parser.ended, records: [...trace.records] };
}

test('what the engine gathers in columns are the records of its lines, of every capture, and most of them', () => {
  let whole = 0;
  let rest = 0;
  for (const path of files.filter((f) => !f.endsWith('.gz'))) {
    const bytes = bytesOf(path);
    for (const options of [DEFAULTS, { ...DEFAULTS, udp: true, checksums: 'ignore' as const }]) {
      const text = kept(bytes, true, options);
      const columns = kept(bytes, false, options);
      assert.deepEqual(columns?.records, text?.records, path);
      assert.equal(columns?.ended, text?.ended, path);
      whole += text?.lines ?? 0;
      rest += columns?.lines ?? 0;
    }
  }
  assert.ok(rest < whole * 0.8, `${rest} of ${whole} bytes were still written as text`);
});

test('columns, too, end where the page has no room for more', () => {
  const bytes = bytesOf(files.filter((f) => !f.endsWith('.gz')).map((f) => [bytesOf(f).length, f] as const).sort((a, b) => b[0] - a[0])[0]![1]);
  const all = kept(bytes, false)!;
  assert.equal(all.tooLarge, false);
  const some = kept(bytes, false, DEFAULTS, all.records.length - 1)!;
  assert.equal(some.tooLarge, true);
  assert.ok(some.records.length < all.records.length);
});

test('says the same wherever the bytes are cut', () => {
  const draw = random(7);
  for (const path of files.filter((f) => !f.endsWith('.gz'))) {
    const bytes = bytesOf(path);
    same(engine(bytes, basename(path), DEFAULTS, 1 + draw(1500)), engine(bytes, basename(path)), path);
  }
});

const asked: [Partial<Options>, string[]][] = [
  [{ checksums: 'check' }, ['--checksums', 'check']],
  [{ checksums: 'ignore' }, ['--checksums', 'ignore']],
  [{ segments: 'control' }, ['--segments', 'control']],
  [{ segments: 'none' }, ['--segments', 'none']],
  [{ ports: [80, 443] }, ['--port', '80', '--port', '443']],
  [{ hosts: ['192.168.0.0/16', '2001:db8::/32'], segments: 'control' }, ['--host', '192.168.0.0/16', '--host', '2001:db8::/32', '--segments', 'control']],
  [{ udp: true }, ['--udp']],
  [{ udp: true, ports: [53] }, ['--udp', '--port', '53']],
  [{ ports: [21], hosts: ['::/0'] }, ['--port', '21', '--host', '::/0']],
];

for (const [options, words] of asked) {
  test(`takes ${words.join(' ')}`, () => {
    for (const path of files.filter((f, i) => i % 3 === 0 && !f.endsWith('.gz'))) {
      same(engine(bytesOf(path), basename(path), { ...DEFAULTS, ...options }), program(path, words), path);
    }
  });
}

test('refuses a port too many and a host that is none', () => {
  for (const wrong of [{ hosts: ['10.0.0.1/8'] }, { hosts: ['no'] }, { ports: Array.from({ length: 17 }, (_, i) => i + 1) }]) {
    assert.throws(() => new Engine(module, { lines() {} }, 'x', { ...DEFAULTS, ...wrong }), (e) => e instanceof CaptureError && e.refused);
  }
});

test('keeps what a gzip file that ends too early holds, with the program’s words', async () => {
  const zip = gzipSync(bytesOf(files.find((f) => f.endsWith('zeek-wikipedia.pcap'))!));
  for (const part of [1, 0.9, 0.5, 0.1]) {
    const bytes = new Uint8Array(zip.subarray(0, Math.floor(zip.length * part)));
    const path = scratch.file('cut.pcap.gz', bytes);
    same(await page(bytes, 'cut.pcap.gz'), program(path), `${part} of it`);
  }
});

test('says of a gzip file that is damaged how far it was read', async () => {
  const whole = bytesOf(files.find((f) => f.endsWith('zeek-wikipedia.pcap'))!);
  const zip = new Uint8Array(gzipSync(whole));
  zip.fill(0xff, zip.length >> 1, (zip.length >> 1) + 64);
  const { message } = await page(zip, 'bad.pcap.gz');
  assert.match(message, /^(cannot read on after \d+ packets: the gzip data is damaged|the file is damaged at byte \d+.*)$/);
});

test(`${VARIANTS} damaged captures do not end it; ${COMPARED} of them are said the same of by the program`, () => {
  const draw = random(42);
  const whole = files.filter((f) => !f.endsWith('.gz')).map((f) => bytesOf(f)).filter((b) => b.length < 200_000);
  let told = 0;
  for (let i = 0; i < VARIANTS; i++) {
    const bytes = damaged(whole[i % whole.length]!, draw);
    const ours = engine(bytes, 'damaged.pcap', DEFAULTS, 1 + draw(4096));
    assert.ok(!ours.message.includes('\n') && !ours.message.includes('\0'));
    if (ours.message) told++;
    if (i % Math.ceil(VARIANTS / COMPARED) === 0) same(ours, program(scratch.file('damaged.pcap', bytes)), `variant ${i}`);
  }
  assert.ok(told > VARIANTS / 20 && told < VARIANTS, `${told} messages`);
});
