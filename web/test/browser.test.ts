// The built page in a real browser. TRACE names a trace of the demo connection (a client connects,
// exchanges messages, closes first); without it the built-in sample is used.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { demo as demoOf, sampleText } from './sample';
import { makeTrace } from './scenes';
import { Writer } from './writer';
import { axe, give, launch, open, READS_CAPTURES, VIEWER } from './page';

const demo = process.env.TRACE ? readFileSync(process.env.TRACE) : Buffer.from(sampleText());
const name = process.env.TRACE?.replace(/^.*\//, '') ?? 'demo.ndjson';
const CLIENT = ['SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'];
const SERVER = ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSED'];

const folder = mkdtempSync(join(tmpdir(), 'tcplens-page-'));
let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** Walks the whole connection by keyboard and notes what the page shows for both ends. */
async function walk(page: Page): Promise<Record<'client' | 'server', string[]>> {
  const seen: Record<'client' | 'server', string[]> = { client: [], server: [] };
  await page.focus('.ladder-scroll');
  await page.keyboard.press('Home');
  for (let i = 0; i < 200; i++) {
    const now = await page.$$eval('.ends .state-name', (all) => all.map((e) => e.textContent!.trim()));
    for (const [k, end] of (['client', 'server'] as const).entries()) {
      if (seen[end][seen[end].length - 1] !== now[k]) seen[end].push(now[k]!);
    }
    const before = await page.textContent('.position');
    await page.keyboard.press('Shift+ArrowRight');
    await page.waitForTimeout(0);
    if ((await page.textContent('.position')) === before) break;
  }
  return seen;
}

const inOrder = (want: string[], got: string[]) => {
  let i = 0;
  for (const s of got) if (s === want[i]) i++;
  assert.equal(i, want.length, `${want.join(' ')} not in ${got.join(' ')}`);
};

test('the demo connection: both ends take their paths, step by step', async () => {
  const { page, complaints } = await open(browser);
  await give(page, name, demo);
  await page.waitForSelector('.ladder-body .row');
  const seen = await walk(page);
  inOrder(CLIENT, seen.client);
  inOrder(SERVER, seen.server);
  // The tokens of the figure stand where the text says.
  await page.keyboard.press('End');
  assert.match((await page.getAttribute('.machine > svg', 'aria-label'))!, /The client: TIME-WAIT; The server: CLOSED/);
  assert.ok((await page.$$('.edge.lit')).length >= 2, 'edges light up');
  assert.match((await page.textContent('.headline'))!, /the client closed first/);
  assert.match((await page.textContent('.countdown'))!, /left/);
  // The lanes beside the rails carry the names too.
  await page.keyboard.press('Home');
  await page.waitForSelector('.lane.lead.client:has-text("SYN-SENT")');
  await page.waitForSelector('.lane.lead.server:has-text("SYN-RECEIVED")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('language, theme, keys and focus', async () => {
  const { page, complaints } = await open(browser);
  await give(page, name, demo);
  await page.waitForSelector('.ladder-body .row');
  await page.click('.switch button[lang=zh-CN]');
  assert.equal(await page.textContent('#why-title'), '为什么？');
  await page.waitForFunction(() => document.documentElement.lang === 'zh-CN');
  assert.match((await page.textContent('.headline'))!, /正常关闭/);
  await page.waitForFunction(() => location.hash.includes('lang=zh'));
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), 'light');
  await page.click('#theme');
  assert.equal(await theme(), 'dark');
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(dark, 'rgb(14, 16, 20)');
  await page.click('.switch button[lang=en]');

  await page.focus('.ladder-scroll');
  await page.keyboard.press('Home');
  const at = async () => Number(/event (\d+)/.exec((await page.textContent('.position'))!)![1]);
  assert.equal(await at(), 1);
  await page.keyboard.press('ArrowRight');
  assert.equal(await at(), 2);
  await page.keyboard.press('ArrowLeft');
  assert.equal(await at(), 1);
  assert.notEqual(await page.textContent('#announce'), '');
  await page.keyboard.press('Slash');
  await page.waitForFunction(() => document.activeElement?.id === 'filter');
  await page.keyboard.type('nnn port:1');
  assert.equal(await at(), 1, 'keys are off while typing');
  assert.match((await page.textContent('.list'))!, /No connection matches/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  assert.equal(await page.inputValue('#filter'), '');
  await page.keyboard.press('Shift+Slash');
  await page.waitForSelector('dialog[open]');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'hidden' });
  await page.focus('.ladder-scroll');
  await page.keyboard.press('Space');
  await page.waitForSelector('#play[aria-label=Pause]');
  await page.waitForFunction(() => !/event 1 /.test(document.querySelector('.position')!.textContent!));
  await page.keyboard.press('Space');
  await page.waitForSelector('#play[aria-label=Play]');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('every row can be clicked and is explained', async () => {
  const { page, complaints } = await open(browser);
  await give(page, name, demo);
  await page.waitForSelector('.ladder-body .row');
  await page.click('.row:has(.k-syn)');
  assert.match((await page.textContent('.why'))!, /SYN/);
  assert.match((await page.textContent('.why'))!, /§3\.5/);
  await page.click('.row:has(.change)');
  assert.match((await page.textContent('.why'))!, /RFC edge/);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('accessible in both languages and themes, empty and full', async () => {
  for (const [lang, theme] of [['en', 'light'], ['zh', 'dark'], ['en', 'dark'], ['zh', 'light']]) {
    const { page, complaints } = await open(browser, `lang=${lang}&theme=${theme}`);
    assert.deepEqual(await axe(page), [], `empty ${lang} ${theme}`);
    await give(page, 'all.ndjson', makeTrace({ connections: 12 }));
    await page.waitForSelector('.ladder-body .row');
    assert.deepEqual(await axe(page), [], `full ${lang} ${theme}`);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('targets are 24 pixels or more', async () => {
  const { page } = await open(browser);
  await page.click('.actions button:nth-child(2)');
  await page.waitForSelector('.ladder-body .row');
  const small = await page.$$eval('button, select, input[type=text]', (all) => all.filter((e) => {
    const r = e.getBoundingClientRect();
    return r.width > 0 && (r.width < 24 || r.height < 24);
  }).map((e) => e.outerHTML));
  assert.deepEqual(small, []);
  await page.close();
});

test('the built-in sample, gzip, and nothing leaves the computer', async () => {
  const { page, complaints } = await open(browser);
  const asked: string[] = [];
  page.on('request', (r) => asked.push(r.url()));
  assert.match((await page.textContent('.empty'))!, /Nothing leaves this computer/);
  assert.match((await page.textContent('.empty'))!, /sudo tcplens trace --netns new/);
  await page.click('.actions button:nth-child(2)');
  await page.waitForSelector('.ladder-body .row');
  await give(page, 'x.ndjson.gz', gzipSync(makeTrace({ connections: 40 })));
  await page.waitForSelector('#conn-2');
  assert.match((await page.textContent('.list h2'))!, /40 of 40/);
  assert.deepEqual(asked.filter((u) => !u.startsWith('data:') && !u.startsWith('blob:')), []);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('hostile strings are text', async () => {
  const { page, complaints } = await open(browser);
  await give(page, '<img src=x onerror=alert(1)>.ndjson', makeTrace({ connections: 1, scene: 'hostile' }));
  await page.waitForSelector('#conn-2');
  await page.click('#conn-2');
  await page.keyboard.press('End');
  const html = await page.textContent('body');
  assert.ok(html!.includes('</script><img src=x'), 'markup is shown as text');
  assert.ok(html!.includes('\\u202e'), 'bidi marks are shown as escapes');
  assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(html!), 'no bidi mark is left');
  assert.ok(!html!.includes('A'.repeat(200)), 'a long name is cut');
  assert.ok(html!.includes('(10240)'), 'and its length said');
  assert.equal((await page.$$('img, main script, .panels script')).length, 0);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, 'the page does not grow sideways');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('what is wrong with a file is said on the page', async () => {
  const { page, complaints } = await open(browser);
  const says = async (file: string, content: string | Buffer, what: RegExp, where = '.refused') => {
    await give(page, file, content);
    await page.waitForFunction(([sel, re]) => new RegExp(re!).test(document.querySelector(sel!)?.textContent ?? ''), [where, what.source]);
  };
  // A page with the engine looks into them.
  const tooShort = (n: number) => (READS_CAPTURES ? new RegExp(`too short for a capture file \\(${n} bytes\\)`) : undefined);
  const text = makeTrace({ connections: 30 });
  await says('cut.ndjson', text.slice(0, text.length * 0.7), /the end record, is missing/, '.notices');
  await page.waitForSelector('.ladder-body .row');
  const lines = text.split('\n');
  const broken = lines.map((l, i) => (i > 0 && i % 100 === 50 ? l.slice(0, 40) : l));
  const count = broken.filter((l, i) => l !== lines[i]).length;
  assert.ok(count > 5);
  await says('broken.ndjson', broken.join('\n'), new RegExp(`${count} lines are damaged.*line 51`), '.notices');
  await page.waitForSelector('.ladder-body .row');
  await says('gap.ndjson', text, /12 events were lost|\d+ events were lost/, '.notices');
  await says('v2.ndjson', text.replace('"version":1', '"version":2'), /format version 2/);
  await says('my cap.pcap', Buffer.from('d4c3b2a1020004000000000000000000', 'hex'), tooShort(16) ?? /tcplens read 'my cap.pcap' --output 'my cap.pcap.ndjson'/);
  await says('x.pcapng', Buffer.from('0a0d0d0a1c0000004d3c2b1a', 'hex'), tooShort(12) ?? /tcplens read x.pcapng --output/);
  await says('x.pcap.gz', gzipSync(Buffer.from('d4c3b2a1020004000000000000000000', 'hex')), tooShort(16) ?? /tcplens read x.pcap.gz/);
  await says('hello.txt', 'hello <b>world</b>\n', /neither a trace of tcplens.*nor a capture.*hello <b>world<\/b>/);
  await says('binary', Buffer.from([0, 1, 2, 0xff, 0xfe, 10, 13, 10]), /neither a trace of tcplens/);
  await says('empty.ndjson', '', /is empty/);
  await says('bad.gz', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]), /could not be read/);
  const zip = gzipSync(text);
  await says('cut.ndjson.gz', zip.subarray(0, zip.length * 0.8), /the end record, is missing/, '.notices');
  await page.waitForSelector('.ladder-body .row');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a browser that cannot unpack the page is told so; code that is not the page’s own does not run', async () => {
  const old = await open(browser, undefined, undefined, 'delete globalThis.DecompressionStream;');
  assert.match((await old.page.textContent('#app'))!, /needs Chromium 110, Firefox 115.*无法启动/);
  assert.deepEqual(old.complaints, []);
  await old.page.close();
  const other = gzipSync('globalThis.ran = true;').toString('base64');
  const changed = join(folder, 'changed.html');
  writeFileSync(changed, readFileSync(VIEWER, 'utf8').replace(/(id="code">)[^<]*/, `$1${other}`));
  const page = await browser.newPage();
  const refused = page.waitForEvent('console', (m) => /Content Security Policy/.test(m.text()));
  await page.goto(pathToFileURL(changed).href);
  await refused;
  assert.equal(await page.evaluate(() => 'ran' in globalThis), false);
  await page.close();
});

test('many connections and long ones stay small in the document', async () => {
  const { page, complaints } = await open(browser);
  await give(page, 'many.ndjson', makeTrace({ connections: 400 }));
  await page.waitForFunction(() => /400 of 400/.test(document.querySelector('.list h2')?.textContent ?? ''));
  assert.ok((await page.$$('*')).length <= 1500, 'at most 1,500 nodes');
  await page.fill('#filter', 'outcome:refused');
  await page.waitForFunction(() => /^\D*\d+ of 400/.test(document.querySelector('.list h2')!.textContent!));
  await give(page, 'long.ndjson', makeTrace({ scene: 'long', events: 10_000 }));
  await page.waitForSelector('#conn-2');
  await page.click('#conn-2');
  await page.focus('.ladder-scroll');
  await page.keyboard.press('End');
  await page.waitForSelector('.row.now:has-text("LAST-ACK → CLOSED")');
  assert.ok((await page.$$('*')).length <= 1500, 'at most 1,500 nodes');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('below 1000 pixels the columns are tabs', async () => {
  const { page } = await open(browser);
  await page.setViewportSize({ width: 800, height: 900 });
  await page.click('.actions button:nth-child(2)');
  await page.waitForSelector('.ladder-body .row');
  assert.equal(await page.isVisible('.list'), false);
  await page.click('.tabs button:nth-child(1)');
  assert.equal(await page.isVisible('.list'), true);
  assert.equal(await page.isVisible('.ladder'), false);
  await page.click('.tabs button:nth-child(3)');
  assert.equal(await page.isVisible('.machine'), true);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  await page.close();
});

/** What `tcplens trace --serve` is to a page: the page, and a stream for who knows the token. */
async function liveServer(t: TestContext) {
  const streams: { res: ServerResponse; from: string | undefined }[] = [];
  const waiting: (() => void)[] = [];
  const served = {
    base: '', streams,
    /** What every answer waits for. */
    gate: Promise.resolve(),
    next: () => new Promise<void>((done) => waiting.push(done)),
    send: (res: ServerResponse, part: string[]) =>
      res.write(`id: ${JSON.parse(part[part.length - 1]!).n}\n${part.map((l) => `data: ${l}`).join('\n')}\n\n`),
  };
  const server = createServer(async (req, res) => {
    const url = new URL(req.url!, 'http://x');
    await served.gate;
    if (url.pathname === '/') {
      res.setHeader('content-type', 'text/html; charset=utf-8').end(readFileSync(VIEWER));
    } else if (url.pathname === '/events' && url.searchParams.get('token') === 'abc123') {
      res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      res.write('retry: 50\n\n');
      streams.push({ res, from: req.headers['last-event-id'] as string | undefined });
      waiting.shift()?.();
    } else res.writeHead(403).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  // Also after a failure: an open server would keep the process alive.
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  served.base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return served;
}

test('live: connects by the token, follows, survives a loss, and hears the end', async (t) => {
  const lines = sampleText().trim().split('\n');
  const served = await liveServer(t);
  const { base, streams, next, send } = served;
  let connected = next();
  const { page, complaints } = await open(browser, 'lang=en', `${base}?token=abc123`);
  await connected;
  await page.waitForSelector('.notices:has-text("Connecting"), .live, .empty');
  send(streams[0]!.res, lines.slice(0, 12));
  await page.waitForSelector('.live');
  await page.waitForSelector('.ladder-body .row');
  await page.waitForFunction(() => document.querySelector('.ends .state-name')?.textContent?.includes('ESTABLISHED'));
  streams[0]!.res.write('event: gap\ndata: {"lost":7}\n\n');
  await page.waitForSelector('.notices:has-text("left out 7 records")');

  connected = next();
  // Not answered again before the loss was told: else that is there for a moment only.
  let openGate = () => {};
  served.gate = new Promise((done) => { openGate = done; });
  streams[0]!.res.destroy();
  await page.waitForSelector('.notices:has-text("is lost")');
  openGate();
  assert.ok((await page.$$('.ladder-body .row')).length > 3, 'what arrived is kept');
  await connected;
  assert.equal(streams[1]!.from, '11', 'resumes after the last record it has');
  send(streams[1]!.res, lines.slice(12, 40));
  send(streams[1]!.res, lines.slice(40));
  await page.waitForFunction(() => document.querySelector('.ends .state-name')?.textContent?.includes('TIME-WAIT'));
  await page.keyboard.press('Home');
  assert.equal(await page.getAttribute('#follow', 'aria-pressed'), 'false', 'a hand on the cursor pauses following');
  await page.keyboard.press('l');
  assert.equal(await page.getAttribute('#follow', 'aria-pressed'), 'true');
  streams[1]!.res.write('event: end\ndata: {}\n\n');
  await page.waitForSelector('.notices:has-text("finished")');
  streams[1]!.res.end();
  assert.equal(streams.length, 2, 'it does not come back after the end');
  assert.deepEqual(complaints.filter((c) => !/ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION|ERR_EMPTY/.test(c)), []);
  await page.close();

  const refused = await open(browser, 'lang=en', `${base}?token=wrong`);
  await refused.page.waitForSelector('.notices:has-text("could not be reached")');
  await refused.page.waitForSelector('.card');
  await refused.page.close();
});

test('live: the edge is now, where nothing more comes too; a newer connection has begun there', async (t) => {
  const w = new Writer();
  w.header();
  demoOf(w);
  const whole = w.lines.length;
  demoOf(w, 2, 40313);
  // The second is open yet: nothing of its close was written.
  const open2 = w.lines.findIndex((l, i) => i >= whole && /"FIN-WAIT-1"/.test(l));
  const last = (JSON.parse(w.lines[whole - 1]!) as { t: number }).t / 1e9;
  const { base, streams, next, send } = await liveServer(t);
  let connected = next();
  const { page, complaints } = await open(browser, 'lang=en', `${base}?token=abc123`);
  await connected;
  send(streams[0]!.res, w.lines.slice(0, whole - 1));
  await page.waitForFunction(() => document.querySelector('.ends .state-name')?.textContent?.includes('TIME-WAIT'));
  await page.waitForFunction((t) => Number(/[\d.]+/.exec(document.querySelector('.position b')!.textContent!.replace(/[^\d.]/g, ''))) > t + 1, last);
  const left = await page.textContent('.countdown');
  await page.waitForFunction((text) => document.querySelector('.countdown')!.textContent !== text, left);

  send(streams[0]!.res, w.lines.slice(whole - 1, open2));
  await page.waitForSelector('#conn-2:has-text("ESTABLISHED")');
  assert.equal(await page.$('#conn-1:not(.on)'), null, 'the connection that was chosen stays');
  await page.check('.newest input');
  await page.waitForSelector('#conn-2.on');

  connected = next();
  await page.reload();
  await connected;
  assert.equal(streams[1]!.from, undefined);
  send(streams[1]!.res, w.lines.slice(0, whole - 1));
  await page.waitForSelector('#follow[aria-pressed=true]');
  await page.waitForFunction(() => document.querySelector('.ends .state-name')?.textContent?.includes('TIME-WAIT'));
  assert.deepEqual(complaints.filter((c) => !/ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION|ERR_EMPTY/.test(c)), []);
  await page.close();
});
