// What leaves the page: paper, pictures, a report with its marks, a link.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleText } from './sample';
import { makeTrace } from './scenes';
import { axe, give, launch, open, shown } from './page';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

test('paper gets the whole connection, light, with its arrows and marks', async () => {
  const { page, complaints } = await shown(browser, sampleText(), 'lang=en&theme=dark');
  await page.keyboard.press('End');
  await page.keyboard.press('m');
  await page.fill('.mark textarea', 'the end');
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({ media: 'print' });
  const events = Number(/of (\d+)/.exec((await page.evaluate(() => document.querySelector('.position')!.textContent!)))![1]);
  assert.equal(await page.$$eval('#paper tbody tr:not(.paper-idle)', (all) => all.length), events);
  assert.equal(await page.isVisible('#app'), false);
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
  assert.ok(await page.$$eval('#paper .arrow svg path', (all) => all.length) > 10, 'arrowheads are drawn, not backgrounds');
  // The note has the number that stands at its row.
  const note = await page.$eval('#paper li:has-text("the end")', (e) => (e as HTMLLIElement).value);
  await page.waitForSelector(`#paper tbody tr:last-child td:first-child:has-text("⚑ ${note}")`);
  await page.waitForSelector('#paper svg .token');
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  await page.emulateMedia({ media: null });
  assert.equal(await page.$('#paper'), null);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  const pdf = await page.pdf();
  assert.ok((pdf.toString('latin1').match(/\/Type \/Page\b[^s]/g) ?? []).length >= 2, 'more than a screen');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('pictures to take along: SVG and PNG of ladder and machine', async () => {
  const { page, complaints } = await shown(browser, makeTrace({ connections: 12, scene: 'hostile' }));
  await page.fill('#filter', '#13');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#conn-13.on');
  for (const [id, begins] of [['ladder-svg', '<svg'], ['machine-svg', '<svg'], ['ladder-png', '\u0089PNG'], ['machine-png', '\u0089PNG']] as const) {
    await page.click('#share');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${id}`)]);
    const chunks: Buffer[] = [];
    for await (const c of await download.createReadStream()) chunks.push(c as Buffer);
    const bytes = Buffer.concat(chunks);
    assert.equal(bytes.subarray(0, 4).toString('latin1'), begins, id);
    assert.match(download.suggestedFilename(), /\.(svg|png)$/);
    if (begins === '<svg') {
      assert.match(bytes.toString(), /SYN-SENT/);
      if (id === 'ladder-svg') assert.doesNotMatch(bytes.toString(), />(queue|connection|kernel object|outcome)</, 'rows say what they say on the page');
      assert.doesNotMatch(bytes.toString(), /<script|<img|var\(--/);
    } else assert.ok(bytes.length > 5000);
  }
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a report opens where it was saved, with its marks in sight; marks are not dropped without asking; the tab has a name', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 12 }), 'lang=en&theme=light', 'lesson 3.ndjson');
  assert.equal(await page.title(), 'lesson 3.ndjson – tcplens');
  await page.click('.switch button[lang=zh-CN]');
  await page.click('#theme');
  await page.click('#conn-5');
  await page.keyboard.press('End');
  await page.click('.row:has(.k-rst)');
  await page.keyboard.press('m');
  await page.fill('.mark textarea', '为什么重置？');
  await page.selectOption('#times', 'delta');
  await page.click('.ladder .maximise');
  const n = await page.getAttribute('.row.now', 'id');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  const path = join(tmpdir(), `tcplens-saved-${process.pid}.html`);
  await download.saveAs(path);
  // Another trace: the page asks, and stays where the answer is no.
  await page.click('.row >> nth=0');
  await page.keyboard.press('m');
  let asked = 0;
  page.on('dialog', (dialog) => { asked++; void dialog.dismiss(); });
  await page.setInputFiles('#file', { name: 'z.ndjson', mimeType: 'x/x', buffer: Buffer.from(sampleText()) });
  await page.waitForFunction(() => document.title.startsWith('lesson'));
  assert.equal(asked, 1);
  await page.close({ runBeforeUnload: false });

  const again = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await again.goto(`file://${path}`);
  await again.waitForFunction((id) => document.querySelector('.row.now')?.id === id, n);
  assert.equal(await again.getAttribute('html', 'lang'), 'zh-CN');
  assert.equal(await again.evaluate(() => document.documentElement.dataset.theme), 'dark');
  assert.equal(await again.inputValue('#times'), 'delta');
  await again.waitForSelector('.panels.max-ladder');
  await again.keyboard.press('Escape');
  const mark = (await again.locator('.marks button').first().boundingBox())!;
  assert.ok(mark.y + mark.height < 900, 'above the fold');
  // The marks as slides.
  await again.click('#share');
  await again.click('#slides');
  await again.waitForSelector('.teacher .slide-text:has-text("为什么重置？")');
  // The keys of a presenter's remote go from slide to slide, and so do the arrows.
  await again.click('.row >> nth=0');
  await again.keyboard.press('m');
  await again.keyboard.press('Escape');
  for (const [key, place] of [['ArrowRight', 2], ['ArrowRight', 1], ['ArrowLeft', 2], ['PageUp', 1], ['PageDown', 2]] as const) {
    await again.keyboard.press(key);
    await again.waitForSelector(`.teacher:has-text("第 ${place} / 2 张")`);
  }
  await again.close();
  rmSync(path);
});

test('a link is copied, or is there to be copied by hand where the clipboard is refused', async () => {
  for (const [write, says] of [['async (text) => { globalThis.copied = text; }', 'Copied'], ['async () => { throw new DOMException("no", "NotAllowedError"); }', 'refused'], ['undefined', 'refused']] as const) {
    const { page, complaints } = await open(browser, undefined, undefined, `Object.defineProperty(navigator, 'clipboard', { value: ${write === 'undefined' ? write : `{ writeText: ${write} }`} })`);
    await give(page, 'x.ndjson', sampleText());
    await page.waitForSelector('.ladder-body .row');
    await page.click('#share');
    await page.click('#copy-link');
    await page.waitForSelector(`#copied-link:has-text("${says}")`);
    const link = says === 'Copied' ? String(await page.evaluate('copied')) : await page.inputValue('#link');
    assert.match(link, /^file:.*#v=1.*&c=1&n=\d+/);
    if (says === 'refused') assert.equal(await page.evaluate(() => String(getSelection())), link, 'a key copies it');
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});
