// Two traces beside each other: each its own ladder, one moment.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { axe, give, launch, open } from './page';
import { sampleText } from './sample';
import { makeTrace } from './scenes';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const LATE = 300_000;

/** The sample as a second host tells it: begun two seconds earlier, and each thing seen 0.3 ms later; `start`: what its clock says. */
function other(start: string | undefined): string {
  return sampleText().split('\n').map((line) => {
    if (line === '') return line;
    const rec = JSON.parse(line) as Record<string, unknown> & { t: number };
    if (rec.record === 'header') return JSON.stringify({ ...rec, start });
    return JSON.stringify({ ...rec, t: rec.t + 2e9 + LATE, ...(typeof rec.expires === 'number' && { expires: rec.expires + 2e9 + LATE }) });
  }).join('\n');
}
const file = (name: string, text: string) => ({ name, mimeType: 'x/x', buffer: Buffer.from(text) });
const EARLIER = '2026-11-21T02:59:58.123456789Z';

async function two(hash?: string, second = other(EARLIER)) {
  const opened = await open(browser, hash);
  await give(opened.page, 'client.ndjson', sampleText());
  await opened.page.waitForSelector('.ladder-body .row');
  await opened.page.setInputFiles('#file-beside', file('server.ndjson', second));
  await opened.page.waitForSelector('.of-beside .row');
  return opened;
}

test('a second trace stands beside the first, laid by the clocks, the beginnings or a segment; one cursor moves both', async () => {
  const { page, complaints } = await two();
  assert.equal(await page.inputValue('#beside-by'), 'clock');
  assert.match((await page.textContent('#beside-offset'))!, /\+2\.00/, 'two seconds by the clocks');
  const row = (which: string) => page.textContent(`.of-${which} .row.now .what`);
  const moments = (which: string) => page.$eval(`.of-${which} .row.now .time`, (e) => Number(e.textContent!.replace(/[^\d.]/g, '')));
  await page.focus('.of-row .ladder-scroll');
  await page.keyboard.press('End');
  await page.waitForSelector('.of-row .row.now');
  await page.waitForSelector('.of-beside .row.now');
  assert.ok(await moments('beside') <= await moments('row'), 'what the second has seen by then');
  // By the beginnings both are at the same event.
  await page.selectOption('#beside-by', 'begin');
  await page.waitForFunction(() => document.querySelector('#beside-offset')!.textContent!.includes('2.00'));
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press('ArrowLeft');
    assert.equal(await row('beside'), await row('row'));
    assert.equal(await moments('beside'), await moments('row'));
  }
  await page.selectOption('#beside-by', 'segment');
  await page.waitForSelector('.of-beside .row.now');
  await page.waitForFunction(() => document.querySelector('.of-beside .row.now .what')!.textContent === document.querySelector('.of-row .row.now .what')!.textContent);
  // A hand on the second moves the page's cursor.
  await page.keyboard.press('Home');
  await page.waitForSelector('.of-beside .row:has(.k-syn)');
  const at = await page.textContent('.position b');
  await page.locator('.of-beside .row:has(.k-syn)').first().click();
  await page.waitForFunction((t) => document.querySelector('.position b')!.textContent !== t, at);
  await page.waitForSelector('.of-row .row.now:has(.k-syn)');
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(await page.evaluate(() => {
    const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
    return ids.filter((id, i) => ids.indexOf(id) !== i);
  }), [], 'no name twice');
  await page.click('#beside-close');
  await page.waitForSelector('.of-beside', { state: 'detached' });
  assert.deepEqual(complaints, []);
  await page.close();
});

test('clocks that cannot agree, another connection, and what is no trace', async () => {
  const { page, complaints } = await two(undefined, other('2020-01-01T00:00:00Z'));
  assert.equal(await page.inputValue('#beside-by'), 'begin', 'years apart: not by the clocks');
  await page.setInputFiles('#file-beside', file('none.ndjson', other(undefined)));
  await page.waitForSelector('.of-beside .file:has-text("none.ndjson")');
  await page.waitForSelector('#beside-by option[value=clock][disabled]', { state: 'attached' });
  await page.setInputFiles('#file-beside', file('many.ndjson', makeTrace({ connections: 12 })));
  await page.waitForFunction(() => document.querySelectorAll('#beside-conn option').length === 12);
  await page.selectOption('#beside-conn', '5');
  await page.waitForSelector('.of-beside .row:has(.k-syn)');
  await page.waitForFunction(() => document.querySelector('.of-beside .ladder-head')!.textContent!.includes(':443'));
  await page.setInputFiles('#file-beside', file('x.txt', 'hello <b>world</b>\n'));
  await page.waitForSelector('.of-beside [role=alert]:has-text("hello <b>world</b>")');
  assert.ok(await page.isVisible('.of-row .row'), 'the first stays');
  // The next trace is not beside this one any more.
  await give(page, 'y.ndjson', makeTrace({ connections: 3 }));
  await page.waitForSelector('#conn-3');
  assert.equal(await page.$('.of-beside'), null);
  // Files that came together are at hand.
  await page.setInputFiles('#file', [file('a.ndjson', sampleText()), file('b.ndjson', other(EARLIER))]);
  await page.click('.beside-given:has-text("b.ndjson")');
  await page.waitForSelector('.of-beside .row');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('two traces are readable at every width, in both languages and themes', async () => {
  for (const [lang, theme, width] of [['en', 'light', 1440], ['zh', 'dark', 1366], ['en', 'dark', 1920], ['zh', 'light', 390]] as const) {
    const { page, complaints } = await two(`lang=${lang}&theme=${theme}`);
    await page.setViewportSize({ width, height: 844 });
    await page.keyboard.press('End');
    await page.waitForSelector('.of-beside .row.now');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${width}: no wider than the screen`);
    for (const which of ['row', 'beside']) {
      const box = (await page.locator(`.of-${which} .ladder-scroll`).boundingBox())!;
      assert.ok(box.width >= 340 && box.height >= 90, `${which} at ${width}: ${box.width} × ${box.height}`);
    }
    assert.deepEqual(await axe(page), [], `${lang} ${theme} ${width}`);
    if (process.env.SCREENSHOT) writeFileSync(`${process.env.SCREENSHOT}-beside-${width}.png`, await page.screenshot());
    assert.deepEqual(complaints, []);
    await page.close();
  }
});
