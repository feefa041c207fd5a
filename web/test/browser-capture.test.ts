// Captures on the built page, from file:// and under its policy: dropped, read in a worker, saved as the trace that the program
// writes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { bytesOf, captures, program, Scratch, variable } from './captures';
import { axe, give, launch, open, READS_CAPTURES, VIEWER, workersOver } from './page';
import { makeTrace } from './scenes';

// A page that was built without an engine has nothing to show here; what it does then is tested below.
const skip = READS_CAPTURES ? false : 'built with ENGINE=0';
const scratch = new Scratch();
let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => {
  await browser?.close();
  scratch.remove();
});

const WIKIPEDIA = 'zeek-wikipedia.pcap';
const pathOf = (name: string) => captures().find((path) => basename(path) === name)!;

/** As from a file manager. */
async function drop(page: Page, name: string, content: Uint8Array): Promise<void> {
  await page.evaluate(([name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(text!), (c) => c.charCodeAt(0))], name!));
    for (const type of ['dragenter', 'dragover', 'drop']) dispatchEvent(new DragEvent(type, { dataTransfer: data, cancelable: true }));
  }, [name, Buffer.from(content).toString('base64')]);
  await page.waitForSelector('#save-trace:not([disabled])');
}

async function saved(page: Page): Promise<{ name: string; trace: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save-trace')]);
  const trace = readFileSync(await download.path());
  await page.waitForSelector('#save-trace:not([disabled])');
  return { name: download.suggestedFilename(), trace };
}

test('a capture that is dropped is shown, and saved as the program’s trace', { skip }, async () => {
  const { page, complaints } = await open(browser);
  await drop(page, WIKIPEDIA, bytesOf(pathOf(WIKIPEDIA)));
  const { trace } = program(pathOf(WIKIPEDIA));
  const lines = trace!.toString().trim().split('\n').length;
  assert.match((await page.textContent('.stats'))!, new RegExp(`^${lines} records · 10 connections`));
  await page.waitForSelector('.ladder-body .row');
  const ours = await saved(page);
  assert.equal(ours.name, 'zeek-wikipedia.ndjson');
  assert.ok(ours.trace.equals(trace!));
  await workersOver(page);
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('every capture is saved as the program’s trace', { skip }, async () => {
  const { page, complaints } = await open(browser);
  for (const path of captures()) {
    const theirs = program(path);
    await page.setInputFiles('#file', path);
    if (!theirs.trace) {
      await page.waitForSelector(`.refused:has-text(${JSON.stringify(theirs.message)})`);
      continue;
    }
    await page.waitForFunction((name) => document.querySelector('.top .file')?.textContent === name, basename(path));
    await page.waitForSelector('#save-trace:not([disabled])');
    assert.ok((await saved(page)).trace.equals(theirs.trace), path);
  }
  assert.deepEqual(complaints, []);
  await page.close();
});

test('several captures, one of them compressed, are at hand', { skip }, async () => {
  const { page, complaints } = await open(browser);
  const zip = scratch.file('second.pcap.gz', gzipSync(bytesOf(pathOf(WIKIPEDIA))));
  await page.setInputFiles('#file', [pathOf('zeek-port4242.pcap'), zip]);
  await page.waitForSelector('#save-trace:not([disabled])');
  assert.equal(await page.$eval('select.file', (s) => (s as HTMLSelectElement).selectedOptions[0]?.textContent), 'zeek-port4242.pcap');
  await page.selectOption('select.file', { label: 'second.pcap.gz' });
  await page.waitForFunction((name) => document.querySelector<HTMLSelectElement>('select.file')?.selectedOptions[0]?.textContent === name, 'second.pcap.gz');
  await page.waitForSelector('#save-trace:not([disabled])');
  const ours = await saved(page);
  assert.equal(ours.name, 'second.ndjson');
  assert.ok(ours.trace.equals(program(zip).trace!));
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the options of the program are those of the page', { skip }, async () => {
  const { page, complaints } = await open(browser);
  await drop(page, WIKIPEDIA, bytesOf(pathOf(WIKIPEDIA)));
  await page.fill('[name=ports]', '80');
  await page.fill('[name=hosts]', '208.80.152.2, 2001:db8::/32');
  await page.selectOption('[name=checksums]', 'check');
  await page.selectOption('[name=segments]', 'control');
  await page.click('#read-again');
  await page.waitForFunction(() => !/137 records/.test(document.querySelector('.stats')?.textContent ?? '137 records'));
  await page.waitForSelector('#save-trace:not([disabled])');
  const words = ['--port', '80', '--host', '208.80.152.2', '--host', '2001:db8::/32', '--checksums', 'check', '--segments', 'control'];
  assert.ok((await saved(page)).trace.equals(program(pathOf(WIKIPEDIA), words).trace!));
  await page.fill('[name=ports]', '80, http');
  await page.click('#read-again');
  await page.waitForSelector('.capture [role=alert]');
  assert.equal(await page.inputValue('[name=ports]'), '80, http');
  await page.fill('[name=ports]', '');
  await page.fill('[name=hosts]', 'no-address');
  await page.click('#read-again');
  await page.waitForSelector('.refused:has-text("no-address")');
  await page.fill('[name=hosts]', '');
  await page.click('#read-again');
  await page.waitForSelector('.ladder-body .row');
  assert.equal(await page.inputValue('[name=ports]'), '');
  const before = await page.textContent('.stats');
  await page.check('[name=udp]');
  await page.click('#read-again');
  await page.waitForFunction((text) => ![null, undefined, text].includes(document.querySelector('.stats')?.textContent), before);
  await page.waitForSelector('#save-trace:not([disabled])');
  assert.ok((await saved(page)).trace.equals(program(pathOf(WIKIPEDIA), ['--udp', ...words.slice(6)]).trace!));
  assert.deepEqual(complaints, []);
  await page.close();
});

test('where the sender’s card fills in the checksums the page says why they are wrong, and the states are those of the packets', { skip }, async () => {
  for (const [hash, why] of [
    ['lang=en', /All that 192\.0\.2\.1 sent on a connection has a wrong checksum, 6 segments.*captured before a network card/],
    ['lang=zh', /192\.0\.2\.1 在某条连接上发出的全部报文段校验和都是错的，共 6 个/],
  ] as const) {
    const { page, complaints } = await open(browser, hash);
    await drop(page, 'own-03-checksums-all-wrong.pcap', bytesOf(pathOf('own-03-checksums-all-wrong.pcap')));
    // A note of what was read is no alarm: the page opens on the connection.
    await page.click('#view-answers');
    await page.waitForFunction((re) => new RegExp(re).test(document.querySelector('.found')?.textContent ?? ''), why.source);
    await page.click('#view-sequence');
    await page.waitForSelector('#conn-1 .verdict');
    assert.match((await page.textContent('#conn-1 .verdict'))!, /closed normally|正常关闭/);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('a capture that breaks off or is damaged is told in the program’s words, and what came before stays', { skip }, async () => {
  const { page, complaints } = await open(browser);
  const whole = bytesOf(pathOf(WIKIPEDIA));
  const broken = whole.slice();
  broken.fill(0xff, 24 + 8, 24 + 12); // the first packet's length
  for (const [name, content] of [['cut.pcap', whole.subarray(0, 5000)], ['broken.pcap', broken]] as const) {
    const path = scratch.file(name, content);
    const theirs = program(path);
    await page.setInputFiles('#file', path);
    await page.waitForSelector(`.notices:has-text(${JSON.stringify(theirs.message)})`);
    assert.doesNotMatch((await page.textContent('.notices'))!, /stopped|could not be read/, 'nobody stopped it, and it was read to there');
    assert.ok((await saved(page)).trace.equals(theirs.trace!), name);
  }
  await page.click('.switch button[lang=zh-CN]');
  await page.waitForSelector('.notices:has-text("字节处损坏，之前有")');
  await page.click('.switch button[lang=en]');
  const path = scratch.file('short.pcap', whole.subarray(0, 10));
  await page.setInputFiles('#file', path);
  await page.waitForSelector(`.refused:has-text(${JSON.stringify(program(path).message)})`);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('reading can be stopped, and what was read stays', { skip }, async () => {
  const { page, complaints } = await open(browser, undefined, undefined, `{
    const Real = Worker;
    globalThis.Worker = class extends Real {
      set onmessage(take) { super.onmessage = (e) => { if (this.held) return; this.held = !!e.data.progress; take(e); }; }
    };
  }`);
  await page.setInputFiles('#file', pathOf(WIKIPEDIA));
  await page.waitForSelector('.loading progress');
  await page.click('.loading button');
  await page.waitForSelector('.notices:has-text("Reading was stopped")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('where no worker can start the page reads a capture by itself', { skip }, async () => {
  const { page, complaints } = await open(browser, undefined, undefined,
    'globalThis.Worker = class { constructor() { throw new DOMException("no", "SecurityError"); } };');
  await page.setInputFiles('#file', pathOf(WIKIPEDIA));
  await page.waitForSelector('#save-trace:not([disabled])');
  assert.ok((await saved(page)).trace.equals(program(pathOf(WIKIPEDIA)).trace!));
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a trace starts no engine, and a report of a capture holds none', { skip }, async () => {
  const { page, complaints } = await open(browser, undefined, undefined, `{
    const Real = Worker;
    globalThis.given = [];
    globalThis.Worker = class extends Real { postMessage(m) { given.push(!!m.engine); super.postMessage(m); } };
  }`);
  await give(page, 'x.ndjson', makeTrace({ connections: 3 }));
  await page.waitForSelector('.ladder-body .row');
  assert.deepEqual(await page.evaluate('given'), [false]);
  assert.equal(await page.$('.capture'), null);
  await page.setInputFiles('#file', pathOf(WIKIPEDIA));
  await page.waitForSelector('#save-trace:not([disabled])');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  const report = scratch.file('report.html', readFileSync(await download.path()));
  assert.ok(bytesOf(report).length < bytesOf(VIEWER).length, 'the trace is smaller than an engine');
  await page.goto(pathToFileURL(report).href);
  await page.waitForFunction(() => /137 records/.test(document.querySelector('.stats')?.textContent ?? ''));
  await give(page, WIKIPEDIA, Buffer.from(bytesOf(pathOf(WIKIPEDIA))));
  await page.waitForSelector('.refused #command');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('`tcplens view` brings its files along', { skip }, async (t) => {
  const trace = scratch.file('x.ndjson', Buffer.from(makeTrace({ connections: 3 })));
  const served = spawn(variable('TCPLENS'), ['view', pathOf(WIKIPEDIA), trace], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => served.kill('SIGINT'));
  const url = await new Promise<string>((done, fail) => {
    let said = '';
    served.stderr.on('data', (d) => {
      said += String(d);
      const line = /viewer: (\S+) /.exec(said);
      if (line) done(line[1]!);
    });
    served.on('exit', () => fail(new Error(said)));
  });
  const { page, complaints } = await open(browser, undefined, url);
  await page.waitForFunction(() => /137 records/.test(document.querySelector('.stats')?.textContent ?? ''));
  await page.waitForSelector('#save-trace:not([disabled])');
  assert.ok((await saved(page)).trace.equals(program(pathOf(WIKIPEDIA)).trace!));
  await page.selectOption('select.file', { label: 'x.ndjson' });
  await page.waitForFunction((name) => document.querySelector<HTMLSelectElement>('select.file')?.selectedOptions[0]?.textContent === name, 'x.ndjson');
  await page.waitForSelector('.ladder-body .row');
  assert.equal(await page.$('#save-trace'), null, 'a trace needs no saving');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the small page says which command makes a trace of a capture', async () => {
  const { page, complaints } = await open(browser, undefined, pathToFileURL(join(dirname(VIEWER), 'viewer-small.html')).href);
  await give(page, 'x.pcap', Buffer.from(bytesOf(pathOf(WIKIPEDIA))));
  assert.match((await page.textContent('.refused #command'))!, /^tcplens read x\.pcap/);
  assert.doesNotMatch(await page.content(), /wasm-unsafe-eval/);
  assert.deepEqual(complaints, []);
  await page.close();
});
