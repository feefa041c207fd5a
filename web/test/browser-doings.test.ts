// What names no connection, in the ladder: datagrams, calls that wait, processes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { udpTrace, waitsTrace } from './doings';
import { axe, give, launch, open } from './page';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const texts = (page: Page, of: string) => page.$$eval(of, (all) => all.map((e) => e.textContent!.replace(/\s+/g, ' ').trim()));
const picture = async (page: Page, name: string) => {
  if (process.env.SCREENSHOT) writeFileSync(`${process.env.SCREENSHOT}-${name}.png`, await page.screenshot());
};

test('a UDP pair has a ladder: dashed arrows, and what was lost, damaged and refused', async () => {
  for (const [hash, size, said] of [
    ['lang=en&theme=light', { width: 1440, height: 900 }, ['bad-checksum', 'lost-on-wire', 'nobody has that port']],
    ['lang=zh&theme=dark', { width: 390, height: 844 }, ['校验和错误', '丢在线路上', '没有人使用该端口']],
  ] as const) {
    const { page, complaints } = await open(browser, hash);
    await page.setViewportSize(size);
    await give(page, 'udp.ndjson', udpTrace());
    if (size.width < 1000) await page.click('.tabs button >> nth=0');
    assert.equal((await page.$$('.list .conn')).length, 3);
    await page.click('#conn--3');
    await page.waitForSelector('.row .udp');
    const rows = await texts(page, '.row .udp .seg-text');
    said.forEach((word, i) => assert.ok(rows[i + (i > 1 ? 1 : 0)]!.includes(word), `${rows} ${word}`));
    assert.deepEqual(await page.$$eval('.udp .arrow line', (all) => all.map((e) => getComputedStyle(e).strokeDasharray !== 'none')), [true, true, true, true]);
    // One does not reach the other end, and what refuses the last comes back.
    assert.deepEqual(await page.$$eval('.udp .arrow line', (all) => all.map((e) => [e.getAttribute('x1'), e.getAttribute('x2')])),
      [['0', '100%'], ['0', '62%'], ['0', '100%'], ['100%', '0']]);
    assert.deepEqual(await axe(page), []);
    await picture(page, `udp-${size.width}`);
    // A link and a reload show the same pair.
    await page.waitForFunction(() => location.hash.includes('c=-3'));
    await page.reload();
    await give(page, 'udp.ndjson', udpTrace());
    await page.waitForFunction(() => document.querySelector('.list .conn.on')?.id === 'conn--3');
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('what waited, what was ready and what it cost stand at the server, calls as bars beside its rail', async () => {
  const { page, complaints } = await open(browser);
  await give(page, 'waits.ndjson', waitsTrace());
  await page.click('#last, [aria-label="Last event"]').catch(() => page.keyboard.press('End'));
  await page.waitForSelector('.row .chip.call.server');
  const chips = (await texts(page, '.row .chip.server')).filter((t) => /poll|exit/.test(t));
  assert.deepEqual(chips.map((t) => t.replace(/^Server: ?/i, '').replace('The server: ', '')), [
    'poll() … of 2 watched 100 ms echo-server', 'poll() = 1 of 2 watched fd 5 IN 100 ms echo-server', 'poll() … of 2 watched 150 ms echo-server',
    'exit 0 CPU 1.50 ms · 2.10 MB echo-server',
  ]);
  const bars = await page.$$eval('.held.server', (all) => all.map((e) => ({ open: e.classList.contains('open'), h: e.getBoundingClientRect().height, title: (e as HTMLElement).title })));
  assert.deepEqual(bars.filter((b) => b.title.startsWith('poll')).map((b) => b.open), [false, true]);
  assert.ok(bars.every((b) => b.h > 20), JSON.stringify(bars));
  assert.deepEqual(await axe(page), []);
  await picture(page, 'waits');
  assert.deepEqual(complaints, []);
  await page.close();
});
