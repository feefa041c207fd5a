// At every width a screen has: nothing is cut, nothing lies on something else, all can be reached.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { leak } from './leak';
import { makeTrace } from './scenes';
import { axe, give, launch, open } from './page';

const SIZES = [[1440, 900], [1280, 800], [1024, 768], [768, 1024], [390, 844]] as const;

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/** State changes of the ladder that do not show both states whole, and lanes whose name is cut. */
const cut = (page: Page) => page.$$eval('.row .move, .lane-name, .headline', (all) => all
  .filter((e) => e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > e.parentElement!.getBoundingClientRect().right + 1)
  .map((e) => e.textContent!.trim()));

/** Words of an axis that touch each other or leave the plot. */
const touching = (page: Page) => page.$$eval('.axis text', (all) => {
  const boxes = all.map((e) => ({ text: e.textContent, ...(e.getBoundingClientRect().toJSON() as DOMRect) })).sort((a, b) => a.left - b.left);
  const plot = all[0]!.closest('svg')!.getBoundingClientRect();
  return boxes.filter((b, i) => (i > 0 && b.left < boxes[i - 1]!.right + 2) || b.left < plot.left - 1 || b.right > plot.right + 1).map((b) => b.text);
});

const text = makeTrace({ connections: 14, scene: 'rare' });

for (const [i, [width, height]] of SIZES.entries()) {
  test(`${width} pixels: whole labels, no overlap, every panel within reach`, async () => {
    // Each combination somewhere, and all where it is narrowest.
    const combinations = [['en', 'dark'], ['zh', 'light'], ['en', 'light'], ['zh', 'dark']] as const;
    for (const [lang, theme] of width < 400 ? combinations : combinations.slice(i % 2 * 2, i % 2 * 2 + 2)) {
      const { page, complaints } = await open(browser, `lang=${lang}&theme=${theme}`);
      await page.setViewportSize({ width, height });
      await give(page, 'x.ndjson', text);
      await page.waitForSelector('.ladder-body .row');
      await page.waitForSelector('.loading', { state: 'detached' });
      for (let id = 1; id <= 15; id++) {
        await page.waitForSelector(`.ladder-body .row >> nth=0`);
        for (const key of ['Home', 'End']) {
          await page.keyboard.press(key);
          await page.waitForSelector('.row.now');
          assert.deepEqual(await cut(page), [], `${lang}, connection ${id}`);
        }
        await page.keyboard.press('n');
      }
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, 'not wider than the screen');
      const tabs = await page.$$('.tabs button');
      for (const [i, panel] of ['.list', '.ladder', '.machine', '.queues'].entries()) {
        if (tabs[i] && await tabs[i].isVisible()) await tabs[i].click();
        assert.ok(await page.isVisible(panel), `${panel} can be seen`);
        assert.ok(await page.isVisible('.why'), 'the explanation always is');
        if (panel === '.list') {
          const [title, order] = await Promise.all(['.list h2', '.list h2 select'].map(async (s) => (await page.locator(s).boundingBox())!));
          assert.ok(title!.height < 1.7 * order!.height, 'the order stands in the line of the title');
        }
        if (panel === '.queues') {
          // A panel that was hidden learns of its width a frame later.
          await page.waitForFunction(() => document.querySelector('.track-plot svg')!.clientWidth > 100);
          assert.deepEqual(await touching(page), []);
        }
        assert.deepEqual(await page.$$eval('.track-name', (all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)), []);
        assert.deepEqual(await axe(page), [], `${panel} ${lang} ${theme}`);
      }
      assert.deepEqual(complaints, []);
      await page.close();
    }
  });
}

test('on a narrow screen a connection that is tapped shows its sequence', async () => {
  const { page } = await open(browser);
  await page.setViewportSize({ width: 390, height: 844 });
  await give(page, 'x.ndjson', text);
  await page.waitForSelector('.ladder-body .row');
  await page.click('.tabs button:nth-child(1)');
  await page.click('#conn-2');
  await page.waitForSelector('.tabs button:nth-child(2)[aria-pressed=true]');
  await page.click('.row:has(.k-syn)');
  assert.match((await page.textContent('.why'))!, /asks for a connection/);
  await page.close();
});

test('how a connection ended is in sight in a narrow table, and in a laptop’s with its cause', async () => {
  for (const width of [390, 640, 1280, 1366]) {
    const { page } = await open(browser);
    await page.setViewportSize({ width, height: 768 });
    await give(page, 'x.ndjson', leak(2, 3), true);
    await page.click('#view-answers');
    await page.waitForSelector('.table .verdict:has-text("dropped by the listener")');
    const verdicts = await page.$$eval('.table .verdict', (all) => all.map((e) => ({ right: e.getBoundingClientRect().right, cut: e.scrollWidth > e.clientWidth, text: e.textContent })));
    if (width > 1200) assert.ok(await page.$eval('.table-row .badge', (e) => e.getBoundingClientRect().right) < width, 'with its problems');
    assert.deepEqual(verdicts.filter((v) => v.right > width || (v.cut && !/dropped by the listener/.test(v.text!))), [], `${width}`);
    await page.close();
  }
});

test('what is chosen of speed and times, and both views, can be read', async () => {
  for (const lang of ['en', 'zh']) for (const width of [1440, 1366, 1280, 640]) {
    const { page } = await open(browser, `lang=${lang}`);
    await page.setViewportSize({ width, height: 720 });
    await give(page, 'x.ndjson', leak(2, 3));
    const cut = await page.$$eval('.speed select, .views button', (all) => all.filter((e) => {
      if (!(e instanceof HTMLSelectElement)) return e.scrollWidth > e.clientWidth;
      const pen = document.createElement('canvas').getContext('2d')!;
      pen.font = getComputedStyle(e).font;
      // Its arrow and padding take some 22 pixels.
      return pen.measureText(e.selectedOptions[0]!.text).width + 22 > e.clientWidth;
    }).map((e) => e.textContent));
    assert.deepEqual(cut, [], `${lang} ${width}`);
    await page.close();
  }
});
