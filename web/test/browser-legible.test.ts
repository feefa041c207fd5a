// What is shown can be read: sizes, contrast, whole texts, scales, in forced colours too.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { client, SERVER } from './leak';
import { sampleText } from './sample';
import { makeTrace } from './scenes';
import { Talk, Writer } from './writer';
import { axe, give, launch, open, shown } from './page';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

test('every laptop sees a ladder; nothing is squeezed away when zoomed in, and any panel can have the page', async () => {
  for (const [width, height, least] of [[1366, 768, 330], [1280, 720, 300], [640, 360, 240]] as const) {
    const { page } = await open(browser);
    await page.setViewportSize({ width, height });
    await page.reload();
    await give(page, 'x.ndjson', makeTrace({ connections: 5 }));
    await page.waitForSelector('.ladder-body .row');
    const tall = await page.$eval('.ladder-scroll', (e) => e.clientHeight);
    assert.ok(tall >= least, `${width}×${height}: ${tall}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    if (width > 1200) {
      // Who opens the queues sees those of a listener, not its name alone.
      await page.click('.queues h2 [aria-expanded]');
      const seen = await page.$eval('.queues-scroll', (e) => e.clientHeight);
      assert.ok(seen >= 75, `${width}×${height}: ${seen}`);
    }
    await page.close();
  }
  const { page } = await shown(browser, makeTrace({ connections: 12 }));
  for (const panel of ['ladder', 'machine', 'why', 'queues']) {
    await page.click(`.${panel} .maximise`);
    await page.waitForSelector(`.panels.max-${panel}`);
    const box = (await page.locator(`.panel.${panel}`).boundingBox())!;
    assert.ok(box.width > 1400 && box.height > 600, `${panel}: ${box.width} × ${box.height}`);
    assert.deepEqual(await axe(page), [], panel);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.panels.max', { state: 'detached' });
  }
  await page.close();
});

test('the figure can be read: lines 3:1, labels 9 pixels, the way of each end in its colour, a click leads to the event', async () => {
  for (const theme of ['light', 'dark']) {
    const { page } = await shown(browser, makeTrace({ connections: 12 }), `lang=en&theme=${theme}`);
    await page.click('#conn-1');
    await page.keyboard.press('End');
    const contrast = await page.evaluate(() => {
      const light = (c: string) => {
        const [r, g, b] = /(\d+), (\d+), (\d+)/.exec(c)!.slice(1).map((v) => { const s = Number(v) / 255; return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      };
      const of = (sel: string, what: 'stroke' | 'backgroundColor') => light(getComputedStyle(document.querySelector(sel)!)[what]);
      const [a, b] = [of('.edge:not(.lit) > path', 'stroke'), of('.machine', 'backgroundColor')].sort((x, y) => y - x);
      return (a! + 0.05) / (b! + 0.05);
    });
    assert.ok(contrast >= 3, `${theme}: ${contrast}`);
    const small = await page.$$eval('.machine > svg text', (all) => all.filter((e) => getComputedStyle(e).display !== 'none').map((e) => {
      const svg = e.closest('svg')!;
      const m = svg.getScreenCTM()!;
      return [e.textContent, parseFloat(getComputedStyle(e).fontSize) * m.a] as const;
    }).filter(([, px]) => px < 8.9));
    assert.deepEqual(small, []);
    const struck = await page.$$eval('.machine > svg .edge path:not(.wide)', (all) => {
      const names = [...document.querySelectorAll('.machine > svg .box text')].map((e) => ({ name: e.textContent, box: e.getBoundingClientRect() }));
      return (all as SVGPathElement[]).flatMap((path) => {
        const m = path.getScreenCTM()!;
        const points = Array.from({ length: Math.ceil(path.getTotalLength() / 2) }, (_, k) => path.getPointAtLength(2 * k).matrixTransform(m));
        return names.filter(({ box }) => points.some(({ x, y }) => x > box.left && x < box.right && y > box.top && y < box.bottom)).map(({ name }) => name);
      });
    });
    assert.deepEqual(struck, [], 'no line goes through the name of a state');
    const ways = await page.$$eval('.step.client path:not(.wide), .step.server path:not(.wide)', (all) => new Set(all.map((e) => getComputedStyle(e).stroke)).size);
    assert.equal(ways, 2, 'a colour for each end');
    assert.equal(await page.$$eval('.step', (all) => all.length), 10);
    await page.locator('.step.server .wide').nth(1).dispatchEvent('click');
    await page.waitForSelector('.row.now:has(.change.server)');
    await page.close();
  }
  // A reset's edge says what it was, and goes through no box.
  const { page } = await shown(browser, makeTrace({ connections: 12 }));
  await page.click('#conn-5');
  await page.keyboard.press('End');
  await page.waitForSelector('.edge.off text:has-text("RST")');
  const crossed = await page.evaluate(() => {
    const path = document.querySelector<SVGPathElement>('.edge.off .step path:not(.wide)')!;
    const boxes = [...document.querySelectorAll('.box > rect')].map((r) => r.getBoundingClientRect());
    const m = path.getScreenCTM()!;
    let n = 0;
    for (let k = 4; k < path.getTotalLength() - 4; k += 2) {
      const p = path.getPointAtLength(k).matrixTransform(m);
      if (boxes.some((b) => p.x > b.left + 1 && p.x < b.right - 1 && p.y > b.top + 1 && p.y < b.bottom - 1)) n++;
    }
    return n;
  });
  assert.equal(crossed, 0);
  // Nobody listened on the port: no token of a server before the refusal.
  await page.click('#conn-3');
  await page.keyboard.press('Home');
  await page.waitForSelector('g.token.client');
  assert.equal(await page.$('g.token.server'), null);
  await page.close();
});

test('long times and long addresses are whole: the time column grows, a port is never cut off', async () => {
  const text = makeTrace({ connections: 5, scene: 'rare' }).replaceAll('2001:db8::443', '2001:db8:1234:5678:9abc:def0:1234:4443')
    .replace(/"t":(\d+)/g, (_, t: string) => `"t":${Number(t) === 0 ? 0 : Number(t) + 123_456_000_000_000}`);
  const { page } = await shown(browser, text);
  await page.click('#conn-4');
  const cut = await page.$$eval('.row > .time', (all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1).length);
  assert.equal(cut, 0);
  const ports = await page.$$eval('.list .address, .ladder-head .address', (all) => all.filter((e) => {
    const port = e.lastElementChild!.getBoundingClientRect();
    const panel = e.closest('.line, .who')!.getBoundingClientRect();
    return port.width === 0 || port.right > panel.right + 1;
  }).map((e) => e.textContent));
  assert.deepEqual(ports, []);
  await page.close();
});

test('the queues follow the connection, have a scale, and take no room where nobody listens', async () => {
  const { page } = await shown(browser, makeTrace({ connections: 12 }));
  await page.click('#conn-2');
  await page.waitForSelector('#listener-2.mine');
  await page.waitForFunction(() => {
    const box = document.querySelector('.queues-scroll')!.getBoundingClientRect();
    const mine = document.querySelector('#listener-2')!.getBoundingClientRect();
    return mine.top >= box.top - 1 && mine.top < box.bottom - 20;
  });
  assert.ok((await page.$$eval('#listener-2 .top', (all) => all.map((e) => e.textContent))).includes('3'));
  await page.click('.queues h2 [aria-expanded]');
  await page.waitForSelector('.queues-scroll', { state: 'hidden' });
  const w = new Writer();
  w.header();
  const talk = new Talk(w, 1, { client: client(1), server: SERVER });
  talk.inferred('client', 'SYN-SENT', talk.segment(1, 'client', ['SYN']));
  w.end();
  await give(page, 'none.ndjson', w.text());
  await page.waitForSelector('.queues:has-text("No listening socket")');
  assert.ok((await page.locator('.queues').boundingBox())!.height < 45);
  await page.close();
});

test('times of day and since the row before', async () => {
  const { page } = await shown(browser, sampleText());
  await page.selectOption('#times', 'clock');
  await page.waitForFunction(() => /^03:00:00\.12/.test(document.querySelector('.row .time')!.textContent!));
  await page.selectOption('#times', 'delta');
  await page.waitForFunction(() => /^\+\d/.test(document.querySelectorAll('.row .time')[2]!.textContent!));
  await page.close();
});

test('arrowheads are seen in forced colours', async () => {
  const { page } = await shown(browser, sampleText());
  await page.emulateMedia({ forcedColors: 'active' });
  const fill = await page.$eval('.arrow svg path', (e) => getComputedStyle(e).fill);
  assert.notEqual(fill, await page.$eval('.ladder', (e) => getComputedStyle(e).backgroundColor));
  assert.equal(await page.$('.seg .head'), null);
  await page.close();
});

test('panels are resized by hand and by key, within what the window allows; a link keeps them', async () => {
  const { page, complaints } = await shown(browser, makeTrace({ connections: 12 }));
  const size = async (panel: string, what: 'width' | 'height') => Math.round((await page.locator(panel).boundingBox())![what]);
  for (const [name, panel, what, dx, dy] of [['list', '.col-list', 'width', 60, 0], ['side', '.col-side', 'width', -60, 0], ['queues', '.queues-scroll', 'height', 0, -60]] as const) {
    const before = await size(panel, what);
    const ladder = await size('.ladder', what);
    const at = (await page.locator(`.splitter.of-${name}`).boundingBox())!;
    const [x, y] = [at.x + at.width / 2, at.y + at.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + dx, y + dy, { steps: 4 });
    await page.mouse.up();
    assert.equal(await size(panel, what), before + 60, name);
    assert.ok(await size('.ladder', what) <= ladder);
    // By key, and the page's cursor stays where it is.
    const position = await page.textContent('.position');
    await page.focus(`.splitter.of-${name}`);
    await page.keyboard.press(name === 'list' ? 'ArrowLeft' : name === 'side' ? 'ArrowRight' : 'ArrowDown');
    assert.equal(await size(panel, what), before + 44, name);
    assert.equal(await page.textContent('.position'), position);
    for (let i = 0; i < 60; i++) await page.keyboard.press(name === 'list' ? 'ArrowRight' : name === 'side' ? 'ArrowLeft' : 'ArrowUp');
    const most = Number(await page.getAttribute(`.splitter.of-${name}`, 'aria-valuemax'));
    assert.ok(await size(panel, what) > before + 60 && await size(panel, what) <= most, `${name}: not over the window`);
    assert.ok(await size('.ladder', 'width') > 200 && await size('.ladder', 'height') > 190, 'a ladder is left');
    await page.keyboard.press('Home');
    assert.equal(await size(panel, what), before, `${name}: as it was`);
  }
  await page.focus('.splitter.of-list');
  await page.keyboard.press('ArrowRight');
  const list = await size('.col-list', 'width');
  assert.deepEqual(await axe(page), []);
  await page.waitForFunction((px) => location.hash.includes(`size=${px}..`), list);
  assert.deepEqual(complaints, []);
  const hash = await page.evaluate(() => location.hash.slice(1));
  await page.close();
  const again = await shown(browser, makeTrace({ connections: 12 }), hash);
  assert.equal(Math.round((await again.page.locator('.col-list').boundingBox())!.width), list);
  await again.page.setViewportSize({ width: 800, height: 900 });
  assert.equal(await again.page.isVisible('.splitter'), false);
  assert.equal(await again.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  await again.page.close();
});
