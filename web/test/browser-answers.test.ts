// The page answers: what stands out where nothing is found, why a filter finds nothing, where a link leads.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { client, leak, SERVER } from './leak';
import { axe, give, launch, open, shown } from './page';
import { demo, sampleText } from './sample';
import { makeTrace } from './scenes';
import { Talk, Writer } from './writer';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/** One that closed normally after an end had stayed in CLOSE-WAIT for so many seconds. */
function held(seconds: number): string {
  const w = new Writer();
  w.header();
  demo(w);
  const talk = new Talk(w, 2, { client: client(2), server: SERVER }, 100);
  talk.handshake(2, 0, 1, 3, 500);
  talk.close(10, 'client', seconds * 1e6, 20);
  talk.outcome(10, 'closed-normally', 'Closed normally: the client closed first.', { closed_by: 'client', durations: { server: { 'CLOSE-WAIT': seconds * 1e9 } } });
  w.end();
  return w.text();
}

test('no finding is not said to be nothing wrong: what stands out is told, and shown, in both languages', async () => {
  for (const [lang, none, one] of [['en', /^No finding in 2 connections, and no bad ending\. What stands out:$/, /^1 × the server stayed in CLOSE-WAIT, which its application did not close, 4\.00\s?s #2$/],
    ['zh', /^2 条连接里没有发现问题，也没有不正常的结局。/, /^1 次：服务器停在 CLOSE-WAIT，应用程序没有关闭它 4\.00\s?s #2$/]] as const) {
    const { page, complaints } = await open(browser, `lang=${lang}`);
    await give(page, 'x.ndjson', held(4), true);
    await page.click('#view-answers');
    assert.match((await page.textContent('.stands-out > p'))!.trim(), none);
    assert.match((await page.textContent('.stands-out li'))!.trim(), one);
    assert.deepEqual(await axe(page), []);
    await page.click('.stands-out button');
    await page.waitForSelector('.row.now:has-text("CLOSE-WAIT")');
    await page.waitForSelector('#conn-2.on');
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('the card of a connection that closed normally tells how long it was left open, and the bar whether it is to scale', async () => {
  const { page } = await shown(browser, held(13.8));
  await page.click('#conn-2');
  await page.waitForSelector('.headline .stands:has-text("The server stayed in CLOSE-WAIT for 13.8")');
  await page.waitForSelector('.summary.v-late');
  await page.waitForSelector('#conn-2 .v-late');
  await page.waitForSelector('.facts-line:has-text("bar not to scale")');
  await page.waitForSelector('.life.server .span:has-text("CLOSE-WAIT 13.8")');
  await page.click('#conn-1');
  await page.waitForSelector('.summary.v-good');
  assert.equal(await page.$('.headline .stands'), null);
  await page.close();
});

test('a wait is told once: by the sentence of the ending, or beside it', async () => {
  const w = new Writer();
  w.header();
  const talk = new Talk(w, 1, { client: client(1), server: SERVER }, 100);
  talk.handshake(2, 0, 1, 3, 500);
  talk.outcome(10, 'timed-out', 'Timed out. What the client sent was sent again 5 times in 6.78 s, and never acknowledged.', {
    cause: 'user-timeout', cause_end: 'client', final: { client: 'CLOSED', server: 'ESTABLISHED' }, bytes: { client: 9, server: 0 }, segments: { client: 9, server: 2 },
    duration_ns: 9e9, stalled: { what: 'retransmissions', end: 'client', count: 5, ns: 6.78e9 },
  });
  w.end();
  for (const [lang, beside] of [['en', /\. The server sent no byte back/], ['zh', /。服务器在/]] as const) {
    const { page, complaints } = await shown(browser, w.text(), `lang=${lang}`);
    const told = (await page.textContent('.headline'))!;
    assert.equal(told.match(/6\.78/g)?.length, 1, told);
    assert.match(told, beside);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('a finding of which the trace does not name all connections says that there are more', async () => {
  for (const [count, more] of [[10, true], [8, false]] as const) {
    const w = new Writer();
    w.header();
    for (let i = 1; i <= 10; i++) new Talk(w, i, { client: client(i), server: SERVER }, 100).handshake(2, 0, 1, 3, 500);
    w.put('finding', 1, {
      kind: 'close-wait-held', severity: 'warning', count, conns: [1, 2, 3, 4, 5, 6, 7, 8], first: 0, last: 1, owner: { pid: 810, comm: 'httpd' }, text: 'Held.', evidence: {}, remedy: [],
    });
    w.end();
    const { page } = await open(browser);
    await give(page, 'x.ndjson', w.text(), true);
    assert.equal(await page.$$eval('.found li > p:last-child button', (all) => all.length), 8);
    assert.equal(/…\s*$/.test((await page.textContent('.found li > p:last-child'))!), more);
    await page.close();
  }
});

test('values and quotes of the filter have hints as keys have, on the page at any width; the help has the language', async () => {
  const { page, complaints } = await shown(browser, leak(2, 3));
  await page.setViewportSize({ width: 768, height: 900 });
  await page.click('#view-answers');
  await page.fill('#filter', 'final:XYZ');
  await page.waitForSelector('.unknown:has-text("final:xyz"):has-text("CLOSE-WAIT")');
  const inside = async (what: string) => {
    const box = (await page.locator(what).boundingBox())!;
    assert.ok(box.x >= 0 && box.x + box.width <= 768, `${what}: ${box.x} to ${box.x + box.width}`);
    return box;
  };
  assert.ok((await inside('.unknown')).height > 30, 'it wraps');
  await page.fill('#filter', 'sate:x');
  await page.waitForSelector('.unknown:has-text("sate:"):has-text("final")');
  await page.fill('#filter', '(final:CLOSED');
  await page.waitForSelector('.unknown:has-text("parentheses")');
  await page.fill('#filter', '');
  await page.keyboard.press('ArrowDown');
  await page.waitForSelector('#completions:not([hidden])');
  await inside('#completions');
  // What the table shows is found, as it is shown.
  await page.fill('#filter', 'cause:"dropped by');
  await page.waitForSelector('#completions li:has-text("cause:listener-dropped"):has-text("dropped by the listener")');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await page.inputValue('#filter'), 'cause:listener-dropped ');
  await page.fill('#filter', 'cause:"dropped by the listener"');
  await page.waitForFunction(() => document.querySelectorAll('.table-row[id]').length === 3);
  assert.deepEqual(await axe(page), []);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.click('h1');
  await page.keyboard.press('Shift+Slash');
  await page.waitForSelector('dialog[open] #filter-help:has-text("quotes hold words together"):has-text("retrans")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the findings have the room that the table does not need', async () => {
  const w = new Writer();
  w.header();
  demo(w);
  for (let i = 0; i < 5; i++) {
    w.put('finding', 1, { kind: 'refused', severity: 'error', count: 1, conns: [1], first: 0, last: 1, peer: `192.0.2.${i}`, port: 80, text: 'It was refused.', evidence: {}, remedy: ['start it', 'or not'] });
  }
  w.end();
  const { page } = await open(browser);
  await page.setViewportSize({ width: 1366, height: 768 });
  await give(page, 'x.ndjson', w.text(), true);
  const [ul, last, row] = await Promise.all([page.locator('#found-list').boundingBox(), page.locator('#found-list li').last().boundingBox(), page.locator('.table-row[id]').last().boundingBox()]);
  assert.ok(last!.y + last!.height <= ul!.y + ul!.height + 1, 'the last finding is whole');
  assert.ok(row!.y + row!.height <= 768, 'and the table shows its row');
  await page.close();
});

test('M marks and goes to the note; what is typed is the note, and Escape gives the keys back', async () => {
  const { page, complaints } = await shown(browser, sampleText());
  await page.keyboard.press('ArrowRight');
  const at = await page.textContent('.position');
  await page.keyboard.press('m');
  await page.keyboard.type('not a new place');
  assert.equal(await page.inputValue('#note'), 'not a new place');
  assert.equal(await page.textContent('.position'), at);
  await page.keyboard.press('Escape');
  await page.keyboard.press('m');
  await page.keyboard.type('!');
  assert.equal(await page.inputValue('#note'), 'not a new place!', 'a second M goes to the note that is there');
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((before) => document.querySelector('.position')!.textContent !== before, at);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('marks as slides are in the menu before there is a mark, and say what they need', async () => {
  const { page } = await shown(browser, sampleText());
  await page.click('#share');
  assert.equal(await page.isDisabled('#slides'), true);
  assert.match((await page.textContent('#slides'))!, /Mark events first: M/);
  await page.click('#share');
  await page.focus('.ladder-scroll');
  await page.keyboard.press('m');
  await page.keyboard.press('Escape');
  await page.click('#share');
  await page.click('#slides');
  await page.waitForSelector('.teacher:has-text("1 of 1")');
  await page.close();
});

const hashOf = (page: Page) => page.evaluate(() => location.hash.slice(1));

/** Waits until the cursor is at the last event, and the address says so; where that is. */
async function atLast(page: Page): Promise<string> {
  await page.waitForFunction(() => /event (\d+) of \1$/.test(document.querySelector('.position')!.textContent!) &&
    location.hash.includes(`&n=${(document.querySelector('.row.now')?.id ?? '?').replace('row-', '')}`));
  return (await page.textContent('.position'))!;
}

test('a link opened fresh says which file it wants, goes to the place in it, and says so in any other', async () => {
  const first = await shown(browser, makeTrace({ connections: 12 }), undefined, 'wanted.ndjson');
  await first.page.click('#conn-3');
  await first.page.keyboard.press('End');
  const at = await atLast(first.page);
  // The address has no name: the link that is copied has it.
  assert.doesNotMatch(await hashOf(first.page), /wanted/);
  await first.page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: { writeText: (text: string) => { (globalThis as unknown as { copied: string }).copied = text; return Promise.resolve(); } } }));
  await first.page.click('#share');
  await first.page.click('#copy-link');
  await first.page.waitForSelector('#copied-link');
  const link = (await first.page.evaluate(() => (globalThis as unknown as { copied: string }).copied)).split('#')[1]!;
  assert.match(link, /file=wanted\.ndjson/);
  await first.page.close();
  const { page, complaints } = await open(browser, link);
  await page.waitForSelector('.awaited:has-text("wanted.ndjson")');
  assert.match((await page.textContent('#awaited'))!, /Open wanted\.ndjson/);
  assert.deepEqual(await axe(page), []);
  await page.reload();
  await page.waitForSelector('.awaited:has-text("wanted.ndjson")');
  await give(page, 'wanted.ndjson', makeTrace({ connections: 12 }));
  await page.waitForSelector('#conn-3.on');
  await page.waitForFunction((want) => document.querySelector('.position')!.textContent === want, at);
  assert.equal(await page.$('.awaited'), null);
  await page.close();
  const other = await open(browser, link);
  await give(other.page, 'other.ndjson', sampleText().replace('"tcplens-trace"', '"tcplens-trace","tool":"another"'));
  await other.page.waitForSelector('.notice:has-text("another trace, wanted.ndjson")');
  await other.page.close();
  assert.deepEqual(complaints, []);
});

test('a link into the sample opens the sample', async () => {
  const first = await open(browser);
  await first.page.click('.actions button:has-text("sample")');
  await first.page.waitForSelector('.ladder-body .row');
  await first.page.keyboard.press('End');
  const at = await atLast(first.page);
  const link = await hashOf(first.page);
  assert.match(link, /sample=1/);
  await first.page.close();
  const { page, complaints } = await open(browser, link);
  await page.waitForFunction((want) => document.querySelector('.position')?.textContent === want, at);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('“Beside” of two files leads from what is wrong to the ladders', async () => {
  const { page, complaints } = await open(browser);
  const file = (name: string, text: string) => ({ name, mimeType: 'x/x', buffer: Buffer.from(text) });
  await page.setInputFiles('#file', [file('a.ndjson', leak(1, 0)), file('b.ndjson', sampleText())]);
  await page.waitForSelector('.loading', { state: 'detached' });
  await page.click('#view-answers');
  await page.click('.beside-given');
  await page.waitForSelector('.of-beside .row');
  assert.equal(await page.getAttribute('#view-sequence', 'aria-pressed'), 'true');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('what a queue row tells of its listener is said to be the listener’s', async () => {
  const { page } = await shown(browser, leak(0, 3));
  await page.click('#conn-4');
  await page.waitForSelector('.row:has-text("FULL"):has-text("the listener has dropped 1 by now")');
  await page.close();
});

test('hiding hides what is wrong, what stands out and the markers above', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 12 }));
  await page.keyboard.press('Home');
  await page.click('#hide');
  assert.equal(await page.$('.views .badge'), null);
  // The strip is drawn anew at once: right of the cursor nothing is left.
  await page.waitForFunction(() => {
    const c = document.querySelector<HTMLCanvasElement>('.overview canvas')!;
    const { data } = c.getContext('2d')!.getImageData(c.width / 2, 0, c.width / 2, c.height);
    const first = data.slice(0, 3).join();
    for (let i = 0; i < data.length; i += 4 * 97) if (data.slice(i, i + 3).join() !== first) return false;
    return true;
  });
  await page.click('#view-answers');
  await page.waitForSelector('.found .hollow:has-text("hidden")');
  assert.equal(await page.$('.stands-out'), null);
  await page.close();
});

test('a header of one line: hiding and asking move nothing, from 1280 pixels up', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 12 }));
  for (const width of [1280, 1366, 1440]) {
    await page.setViewportSize({ width, height: 768 });
    for (const lang of ['en', 'zh']) {
      await page.click(`[lang^=${lang}]`);
      const height = () => page.$eval('.controls', (e) => e.getBoundingClientRect().height);
      const before = await height();
      assert.ok(before < 48, `${width} ${lang}: ${before}`);
      await page.click('#hide');
      await page.check('#ask');
      assert.equal(await height(), before, `${width} ${lang}`);
      await page.click('#hide');
    }
  }
  await page.close();
});

test('at 200 % of a small laptop the ladder begins in the upper half', async () => {
  const { page } = await shown(browser, sampleText());
  await page.setViewportSize({ width: 640, height: 360 });
  const box = (await page.locator('.ladder').boundingBox())!;
  assert.ok(box.y < 180, `${box.y}`);
  const row = (await page.locator('.row.now').boundingBox())!;
  assert.ok(row.y + row.height <= 360, 'the cursor is in sight');
  await page.click('.tabs button:has-text("graphs")');
  await page.click('#graphs');
  await page.waitForSelector('.graph');
  await page.close();
});
