// The list and the table of connections: what is filtered, how it is sorted, what is said of each.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { client, leak, SERVER } from './leak';
import { sampleText } from './sample';
import { makeTrace } from './scenes';
import { Talk, Writer } from './writer';
import { axe, give, launch, matched, open, shown } from './page';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const count = (page: Page) => page.$eval('.list h2', (e) => Number(/(\d+) of/.exec(e.textContent!)![1]));

test('the list follows the trace: an outcome that comes last is in it without a hand', async () => {
  const { page } = await open(browser, undefined, undefined, `{
    const Real = Worker;
    globalThis.Worker = class extends Real {
      set onmessage(take) { super.onmessage = (e) => { if (e.data.slice && globalThis.held !== undefined) globalThis.held.push(() => take(e)); else if (e.data.done && globalThis.held) globalThis.held.push(() => take(e)); else take(e); if (e.data.progress) globalThis.held ??= []; }; }
    };
  }`);
  await page.setInputFiles('#file', { name: 'x', mimeType: 'x/x', buffer: Buffer.from(makeTrace({ connections: 800 })) });
  await page.waitForSelector('.conn');
  await page.waitForFunction(() => ((globalThis as unknown as { held?: unknown[] }).held?.length ?? 0) > 0);
  await page.evaluate(() => { const g = globalThis as unknown as { held: (() => void)[] }; const all = g.held; g.held = undefined!; for (const f of all) f(); });
  await page.waitForSelector('.loading', { state: 'detached' });
  if (await page.$('#view-answers[aria-pressed=true]')) await page.click('#view-sequence');
  await page.waitForFunction(() => document.querySelector('#conn-1 .verdict')!.textContent!.includes('closed normally'));
  await page.close();
});

test('what has ended and is not judged yet is over, not open', async () => {
  // As while a trace is live: the sample is in TIME-WAIT, and its outcome is still to come.
  const text = sampleText().split('\n').filter((line) => !/^\{"record":"(outcome|end)"/.test(line)).join('\n');
  for (const [lang, over, headline] of [['en', 'over', /^Over: client TIME-WAIT, server CLOSED\./], ['zh', '已结束', /^已结束：客户端 TIME-WAIT/]] as const) {
    const { page } = await shown(browser, text, `lang=${lang}`);
    assert.equal(await page.textContent('#conn-1 .verdict'), over);
    assert.match((await page.textContent('.headline'))!, headline);
    await page.fill('#filter', 'outcome:still-open');
    await page.waitForFunction(() => !document.querySelector('#conn-1'));
    await page.close();
  }
});

test('the box of the filter and the list say the same, whatever Escape does', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 12 }));
  await page.click('#filter');
  await page.keyboard.type('problem:reset');
  await matched(page, 4);
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press('Escape');
    const box = await page.inputValue('#filter');
    await matched(page, box === '' ? 12 : 4);
  }
  assert.equal(await page.inputValue('#filter'), '');
  await page.close();
});

test('the filter: comparisons, or, not, the end of the trace, unknown keys by name, Enter chooses the first', async () => {
  const { page, complaints } = await shown(browser, leak(10, 3));
  for (const [words, n] of [
    ['final:CLOSE-WAIT', 10], ['cause:any', 3], ['cause:dropped', 3], ['not cause:any', 11], ['problem:held', 10], ['pid:5004', 1], ['pid:810', 13],
    ['rtt>100us', 10], ['rtt>1ms', 0], ['rtt:>=500us', 10], ['retrans>0', 0], ['retrans:0', 14], ['final:CLOSE-WAIT or port:7007', 11],
    ['port:7007 or not problem:any', 1], ['bytes>20', 1], ['duration>1s', 1], ['port<1024 final:time-wait', 3],
  ] as const) {
    await page.fill('#filter', words);
    await matched(page, n).catch(async () => assert.equal(`${words}: ${await count(page)}`, n));
  }
  await page.fill('#filter', 'sate:close-wait');
  await page.waitForSelector('.unknown:has-text("sate:")');
  assert.equal(await count(page), 14, 'what is not understood hides nothing');
  await page.fill('#filter', 'rtt>soon');
  await page.waitForSelector('.unknown:has-text("rtt>soon")');
  await page.fill('#filter', 'final:CLOSE-WAIT');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#conn-2.on');
  // At the cursor nobody is in that state: the page says that some are later.
  await page.fill('#filter', '');
  await page.keyboard.press('Escape');
  await page.click('#conn-1');
  await page.keyboard.press('Home');
  await page.fill('#filter', 'state:CLOSE-WAIT');
  await page.waitForSelector('.list .hollow:has-text("10 at the end")');
  assert.deepEqual(await axe(page), []);
  await page.click('.list .hollow button');
  await matched(page, 10);
  assert.equal(await page.inputValue('#filter'), 'final:CLOSE-WAIT');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('who reads Chinese finds by Chinese words', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 12 }), 'lang=zh');
  await page.fill('#filter', '重置');
  await page.waitForFunction(() => /^\D*2 \/ 12/.test(document.querySelector('.list h2')!.textContent!));
  await page.close();
});

test('a FIN that waits behind data was not sent: half closed, and known why the kernel is ahead; what nothing explains is a problem', async () => {
  const w = new Writer();
  w.header();
  for (const [conn, known] of [[1, 'fin-unsent'], [2, undefined]] as const) {
    const talk = new Talk(w, conn, { client: client(conn), server: SERVER }, 100);
    talk.handshake(1, 0, 1, 3, 500);
    talk.kernel(10, 'client', 'FIN-WAIT-1');
    const fin = talk.segment(10, 'server', ['FIN', 'ACK']);
    talk.inferred('client', 'CLOSE-WAIT', fin);
    const closing = talk.kernel(5, 'client', 'CLOSING', 'sock', fin);
    w.put('disagreement', 0, { conn, end: 'client', kernel: 'CLOSING', wire: 'CLOSE-WAIT', ...(known && { known }), because: closing });
    talk.outcome(10, 'half-closed', 'Half closed: the server closed, the client did not.', { closed_by: 'server' });
  }
  w.end();
  const { page } = await shown(browser, w.text());
  for (const [conn, why] of [[1, /The FIN still waits behind data/], [2, /No known difference/]] as const) {
    await page.click(`#conn-${conn}`);
    await page.click('.row:has(.differ) .differ');
    await page.waitForFunction((re) => new RegExp(re).test(document.querySelector('.why')!.textContent!), why.source);
    assert.match((await page.textContent(`#conn-${conn} .verdict`))!, /half closed/);
  }
  await page.fill('#filter', 'problem:disagreement');
  await matched(page, 1);
  await page.waitForSelector('#conn-2');
  await page.close();
});

test('a leak is a problem; who was held up is amber with the cause; facts are counted, not records', async () => {
  const { page } = await shown(browser, leak(2, 2));
  await page.waitForSelector('#conn-2 .verdict:has-text("left in CLOSE-WAIT"):has-text("⚠ 1")');
  await page.waitForSelector('#conn-4 .verdict.v-late:has-text("closed normally · dropped by the listener")');
  const amber = await page.$eval('#conn-4 .verdict', (e) => getComputedStyle(e).color);
  assert.notEqual(amber, await page.$eval('#conn-1 .verdict', (e) => getComputedStyle(e).color));
  await give(page, 'y.ndjson', makeTrace({ connections: 3 }));
  await page.waitForSelector('#conn-3 .verdict:has-text("refused"):has-text("⚠ 1")');
  await page.close();
});

test('the table: sorted by any column, a row leads to its connection', async () => {
  const { page, complaints } = await open(browser);
  await give(page, 'x.ndjson', leak(10, 3), true);
  await page.click('#view-answers');
  await page.waitForSelector('.table-row');
  const column = (n: number) => page.$$eval('.table [role=row]:not([aria-rowindex="1"])', (rows, k) => rows.map((r) => r.children[k]!.textContent!), n);
  for (const width of [1366, 640, 1440]) {
    await page.setViewportSize({ width, height: 768 });
    const lefts = (row: number) => page.$$eval(`.table [aria-rowindex="${row}"] > *`, (all) => all.map((e) => Math.round(e.getBoundingClientRect().left)));
    assert.deepEqual(await lefts(1), await lefts(2), `heads stand over their columns at ${width}`);
  }
  await page.click('[role=columnheader] button:has-text("RTT")');
  await page.waitForSelector('[role=columnheader][aria-sort=descending]:has-text("RTT")');
  await page.waitForFunction(() => /µs/.test(document.querySelector('.table [aria-rowindex="2"]')!.children[6]!.textContent!));
  await page.click('[role=columnheader] button:has-text("RTT")');
  await page.waitForSelector('[role=columnheader][aria-sort=ascending]:has-text("RTT")');
  assert.equal((await column(6))[0], '');
  await page.click('[role=columnheader] button:has-text("Outcome")');
  await page.waitForFunction(() => /dropped by the listener/.test(document.querySelector('.table [aria-rowindex="2"]')!.textContent!));
  await page.fill('#filter', 'final:close-wait');
  await page.waitForFunction(() => document.querySelector('.table')!.getAttribute('aria-labelledby') && document.querySelector('.table-scroll')!.getAttribute('aria-rowcount') === '11');
  assert.ok((await column(8)).every((s) => /CLOSE-WAIT/.test(s)));
  assert.deepEqual(await axe(page), []);
  await page.click('.table [aria-rowindex="3"]');
  await page.waitForSelector('.ladder-body .row.now');
  await page.waitForSelector('.conn.on');
  assert.deepEqual(complaints, []);
  await page.close();
});
