// For a class: what comes is hidden and asked for, a tour, notes and glossary.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { sampleText } from './sample';
import { axe, give, launch, open, shown } from './page';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

test('what comes is hidden: rows, headline, list, table, overview; a step reveals', async () => {
  const { page, complaints } = await shown(browser, sampleText());
  await page.keyboard.press('Home');
  await page.click('#hide');
  const told = () => page.evaluate(() => document.querySelector('main')!.innerText);
  assert.doesNotMatch(await told(), /closed (first|normally)|FIN,ACK|event \d+ of \d/i);
  assert.equal(await page.$$eval('.ladder-body .row', (all) => all.length), 1);
  await page.waitForSelector('.summary:has-text("hidden")');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.querySelectorAll('.ladder-body .row').length === 2);
  await page.click('#view-answers');
  await page.waitForSelector('.table-row');
  assert.doesNotMatch(await page.innerText('.table'), /closed normally/);
  await page.click('#view-sequence');
  await page.focus('.ladder-scroll');
  await page.keyboard.press('End');
  await page.waitForSelector('.headline:has-text("Closed normally")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('which state comes next: asked before it is shown, with the score kept', async () => {
  const { page, complaints } = await shown(browser, sampleText());
  await page.keyboard.press('Home');
  await page.click('#hide');
  await page.check('#ask');
  const next = async () => { for (let i = 0; i < 40 && !await page.$('.choices'); i++) await page.keyboard.press('ArrowRight'); };
  await next();
  await page.waitForSelector('.teacher:has-text("The client is in CLOSED")');
  const at = await page.textContent('.position');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.textContent('.position'), at, 'no step goes past a question');
  assert.deepEqual(await axe(page), []);
  await page.click('.choices button:has-text("SYN-SENT")');
  await page.waitForSelector('.teacher:has-text("Right."):has-text("1 of 1 right")');
  await page.waitForSelector('.row.now:has-text("SYN-SENT")');
  await next();
  await page.waitForSelector('.teacher:has-text("The server is in LISTEN")');
  await page.locator('.choices button', { hasNotText: 'SYN-RECEIVED' }).first().click();
  await page.waitForSelector('.teacher:has-text("No: SYN-RECEIVED"):has-text("1 of 2 right")');
  await page.waitForSelector('.teacher .reason:has-text("A SYN reached the listening socket")');
  await next();
  await page.click('.choices button:has-text("Reveal")');
  await page.waitForSelector('.teacher:has-text("1 of 2 right")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the tour of the sample goes through it step by step, in both languages', async () => {
  for (const lang of ['en', 'zh']) {
    const { page, complaints } = await open(browser, `lang=${lang}`);
    await page.click('#tour');
    await page.waitForSelector('.teacher .slide-text');
    const seen = new Set<string>();
    for (let i = 0; i < 9; i++) {
      seen.add((await page.textContent('.teacher .slide-text'))!);
      if (i === 1) await page.waitForSelector('.row.now:has-text("SYN-SENT")');
      if (i === 8) await page.waitForSelector('.row.now:has-text("TIME-WAIT")');
      if (i < 8) await page.keyboard.press('PageDown');
    }
    assert.equal(seen.size, 9);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.teacher', { state: 'detached' });
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('the notes of the figure and the glossary are on the page, in both languages; full screen is a button and a key', async () => {
  for (const [lang, note, term] of [['en', /RFC 9293/, 'TIME-WAIT'], ['zh', /RFC 9293/, 'TIME-WAIT']] as const) {
    const { page, complaints } = await open(browser, `lang=${lang}`);
    await give(page, 'x.ndjson', sampleText());
    await page.click('.figure-notes summary');
    assert.ok(await page.locator('.figure-notes li').count() >= 3, `${lang}: notes 1 to 3`);
    assert.match((await page.textContent('.machine'))!, note);
    await page.click('#share');
    await page.click('#full-screen');
    await page.waitForFunction(() => document.fullscreenElement !== null);
    await page.focus('.ladder-scroll');
    await page.keyboard.press('Shift+F');
    await page.waitForFunction(() => document.fullscreenElement === null);
    await page.keyboard.press('Shift+Slash');
    await page.waitForSelector('dialog[open] dt');
    assert.ok((await page.$$eval('dialog dt', (all) => all.map((e) => e.textContent))).some((t) => t!.includes(term)), lang);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});
