// Ways to an event and to a file: by a marker, from problem to problem, by words, in a graph.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { gzipSync } from 'node:zlib';
import { sampleText } from './sample';
import { makeTrace } from './scenes';
import { axe, launch, matched, open, shown } from './page';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

test('a click on a marker, in the overview or in a queue, goes to what it marks', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 12 }));
  await page.click('#conn-1');
  const box = (await page.locator('.overview-plot').boundingBox())!;
  // Every marker that stands by itself: the cursor is on a problem after the click.
  const marks = await page.evaluate(() => {
    const c = document.querySelector('canvas')!;
    const bad = getComputedStyle(c).getPropertyValue('--bad').trim();
    const { data } = c.getContext('2d')!.getImageData(0, 1, c.width, 1);
    const hit: number[] = [];
    for (let i = 0; i < c.width; i++) if (`#${[0, 1, 2].map((k) => data[i * 4 + k]!.toString(16).padStart(2, '0')).join('')}` === bad) hit.push(i / devicePixelRatio);
    return hit.filter((v, i) => i === 0 || v - hit[i - 1]! > 4).map((v) => v + 2);
  });
  assert.ok(marks.length >= 4);
  for (const x of marks) {
    await page.mouse.click(box.x + x, box.y + 3);
    await page.waitForFunction(() => document.querySelector('.row.now :is(.failed, .k-rst, .again, em, .gap-row)') ?? /^(finding|lost events)/.test(document.querySelector('.why-head')!.textContent!));
  }
  const drop = page.locator('#listener-2 .drop').first();
  await drop.scrollIntoViewIfNeeded();
  const at = (await drop.boundingBox())!;
  await page.mouse.click(at.x + 4, at.y + 3);
  await page.waitForSelector('.row.now:has-text("FULL")');
  // A time after everything of the connection goes to the one that lived then.
  await page.$eval('.list-scroll', (e) => { e.scrollTop = 0; });
  await page.click('#conn-1');
  await page.fill('#goto', '4.3');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('.conn.on .num')!.textContent !== '1');
  await page.close();
});

test('most problems, the next problem, the whole connection: as named', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 40 }));
  await page.click('#conn-1');
  await page.selectOption('.sort', 'problems');
  await page.waitForFunction(() => document.querySelector('.list-scroll')!.scrollTop === 0 && /⚠/.test(document.querySelector('.conn')!.textContent!));
  await page.selectOption('.sort', 'start');
  await page.fill('#filter', 'outcome:refused');
  await matched(page, 6);
  await page.locator('.conn').last().click();
  await page.focus('.ladder-scroll');
  await page.keyboard.press('End');
  const before = await page.getAttribute('.row.now', 'id');
  await page.keyboard.press(']');
  await page.waitForFunction((id) => document.querySelector('.row.now')?.id !== id, before);
  await page.close();

  const long = await shown(browser, makeTrace({ scene: 'long', events: 21_000 }));
  await long.page.click('#conn-2');
  await long.page.focus('.ladder-scroll');
  const height = () => long.page.$eval('.ladder-body', (e) => e.getBoundingClientRect().height);
  const all = await height();
  await long.page.keyboard.press('f');
  await long.page.waitForSelector('.run');
  const fit = await height();
  assert.ok(fit < 2000, `${fit} of ${all}`);
  await long.page.keyboard.press('w');
  await long.page.keyboard.press('w');
  await long.page.waitForFunction((h) => document.querySelector('.ladder-body')!.getBoundingClientRect().height > h * 1.5, fit);
  // A run tells what it holds, is walked event by event, and can be opened.
  await long.page.keyboard.press('t');
  await long.page.waitForSelector('#fold[aria-pressed=true]');
  await long.page.keyboard.press('Home');
  for (let i = 0; i < 25 && !await long.page.$('.run.now'); i++) await long.page.keyboard.press('ArrowRight');
  await long.page.waitForSelector('.run.now:has-text("events"):has-text("CLIENT")');
  const at = await long.page.textContent('.position');
  await long.page.keyboard.press('ArrowRight');
  await long.page.waitForFunction((t) => document.querySelector('.position')!.textContent !== t, at);
  await long.page.waitForSelector('.run.now');
  await long.page.click('.run.now button');
  await long.page.waitForSelector('.row.now');
  await long.page.close();
});

test('several files are all there to choose from; so are several traces in one file, plain or gzip', async () => {
  const { page, complaints } = await open(browser);
  const file = (name: string, text: string | Buffer) => ({ name, mimeType: 'x/x', buffer: Buffer.from(text) });
  await page.setInputFiles('#file', [file('a.ndjson', sampleText()), file('b.ndjson', makeTrace({ connections: 3 }))]);
  await page.waitForSelector('select.file');
  await page.waitForSelector('.list h2:has-text("1 of 1")');
  await page.selectOption('select.file', '1');
  await page.waitForSelector('.list h2:has-text("3 of 3")');
  const two = sampleText() + makeTrace({ connections: 5 }).replace('"load"', '"other"');
  for (const [name, text] of [['two.ndjson', two], ['two.ndjson.gz', gzipSync(two)]] as const) {
    await page.setInputFiles('#file', file(name, text));
    await page.waitForSelector('.notices:has-text("2 traces")');
    await page.waitForSelector('.list h2:has-text("1 of 1")');
    await page.selectOption('select.file', '1');
    await page.waitForSelector('.list h2:has-text("5 of 5")');
  }
  await page.setInputFiles('#file', file('far.ndjson', sampleText().replace(/("record":"outcome","n":\d+,"t":)\d+/, '$190071992547409931')));
  await page.waitForSelector('.notices:has-text("beyond 2^53")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('an event is found by its words', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 12 }));
  const find = async (words: string, row: string) => {
    await page.fill('#find', words);
    await page.press('#find', 'Enter');
    await page.waitForSelector(`.row.now${row}`);
  };
  await find('econnrefused', ':has-text("ECONNREFUSED")');
  const first = await page.getAttribute('.row.now', 'id');
  await page.press('#find', 'Enter');
  await page.waitForFunction((id) => document.querySelector('.row.now')?.id !== id, first);
  await page.press('#find', 'Shift+Enter');
  await page.waitForFunction((id) => document.querySelector('.row.now')?.id === id, first);
  await find('retransmission', ':has(.again)');
  await find('state close-wait', ':has-text("CLOSE-WAIT")');
  await page.fill('#find', 'nothing-like-this');
  await page.press('#find', 'Enter');
  await page.waitForSelector('#find-bad:has-text("No such event")');
  await page.close();
});

test('graphs on the page’s own cursor; a range has totals', async () => {
  const { page, complaints } = await shown(browser, makeTrace({ connections: 12 }));
  await page.click('#conn-5');
  await page.click('#graphs');
  for (const [width, height] of [[1366, 768], [1440, 900]] as const) {
    await page.setViewportSize({ width, height });
    await page.waitForFunction(() => {
      const plot = document.querySelector('.graph-plot')!.getBoundingClientRect();
      return plot.height >= 90 && plot.bottom <= document.querySelector('.queues')!.getBoundingClientRect().bottom;
    });
  }
  const colours = () => page.$eval('.graph canvas', (e) => {
    const c = e as HTMLCanvasElement;
    return new Set(new Uint32Array(c.getContext('2d')!.getImageData(0, 0, c.width, c.height).data.buffer)).size;
  });
  for (const mode of ['stevens', 'tcptrace', 'window']) {
    await page.selectOption('.graph-bar select >> nth=0', mode);
    await page.waitForSelector('.graph canvas');
    assert.ok(await colours() > 3, mode);
  }
  await page.selectOption('.graph-bar select >> nth=0', 'tcptrace');
  const box = (await page.locator('.graph-plot').boundingBox())!;
  await page.mouse.move(box.x + 20, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 2, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await page.waitForSelector('.totals:has-text("segments"):has-text("1 sent again")');
  assert.deepEqual(await axe(page), []);
  await page.mouse.click(box.x + box.width * 0.7, box.y + 40);
  await page.waitForSelector('.row.now');
  // Reading its pixels is this test's own doing.
  assert.deepEqual(complaints.filter((c) => !/willReadFrequently/.test(c)), []);
  await page.close();
});
