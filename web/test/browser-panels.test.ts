// The panels that a hand works in: overview, ladder to scale, filter, time, problems, timers, links.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { demo } from './sample';
import { makeTrace } from './scenes';
import { Writer } from './writer';
import { axe, give, launch, matched, open, shown } from './page';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const withTrace = (text = makeTrace({ connections: 40, scene: 'rare' }), hash?: string) => shown(browser, text, hash);
const now = (page: Page) => page.textContent('.position b');

test('the filter completes words, by keyboard and by hand', async () => {
  const { page, complaints } = await withTrace();
  await page.keyboard.press('Slash');
  await page.waitForFunction(() => document.activeElement?.id === 'filter');
  await page.keyboard.type('out');
  await page.waitForSelector('#completions li:has-text("outcome:")');
  await page.keyboard.press('Tab');
  assert.equal(await page.inputValue('#filter'), 'outcome:');
  await page.keyboard.type('reset-by-s');
  await page.keyboard.press('ArrowDown');
  await page.waitForSelector('#completions li[aria-selected=true]:has-text("outcome:reset-by-server")');
  assert.equal(await page.getAttribute('#filter', 'aria-activedescendant'), 'completion-0');
  assert.deepEqual(await axe(page), []);
  await page.keyboard.press('Enter');
  assert.equal(await page.inputValue('#filter'), 'outcome:reset-by-server ');
  await matched(page, 6);
  // Escape closes the list, then leaves the line, then clears it.
  await page.keyboard.type('po');
  await page.waitForSelector('#completions:not([hidden])');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#completions', { state: 'hidden' });
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  assert.equal(await page.inputValue('#filter'), '');

  await page.click('#filter');
  await page.click('#completions li:has-text("listener:")');
  await page.click('#completions li:has-text("listener:2")');
  await matched(page, 28);
  for (const [words, n] of [
    ['ever:closing', 0], ['ever:time-wait', 13], ['problem:overflow', 5], ['problem:any', 21], ['-problem:any', 23], ['problem:gap', 5], ['problem:disagreement', 1],
    ['port:81', 6], ['addr:2001:db8', 8], ['comm:psql -outcome:refused', 7], ['outcome:closing', 1], ['state:unknown-word', 0],
  ] as const) {
    await page.fill('#filter', words);
    await matched(page, n).catch(async () => assert.equal(`${words}: ${await page.textContent('.list h2')}`, n));
  }
  assert.deepEqual(complaints, []);
  await page.close();
});

test('findings come first, the worst on top; a connection that shows one is a step away', async () => {
  const w = new Writer();
  w.header();
  demo(w);
  demo(w, 2, 40400);
  const of = (severity: string, kind: string, more: object) => w.put('finding', 10, {
    kind, severity, count: 1, conns: [2], first: 0, last: w.t, text: `It is ${kind}.`, evidence: {}, remedy: ['do this', 'or that'], ...more,
  });
  of('note', 'keep-alive-off', {});
  of('warning', 'resets', { peer: '192.0.2.1' });
  of('error', 'refused', { peer: '192.0.2.1', port: 80, conns: [2, 9], because: [12] });
  w.end();
  const { page, complaints } = await open(browser);
  await give(page, 'x.ndjson', w.text(), true);
  await page.waitForSelector('#view-answers[aria-pressed=true]');
  assert.deepEqual(await page.$$eval('.found li b', (all) => all.map((b) => b.textContent)), ['Refused', 'Resets', 'No keep-alive']);
  assert.match(await page.innerText('.found h2'), /1 error.*1 warning.*1 note/s);
  assert.deepEqual(await page.$$eval('.found li:first-child button', (all) => all.map((b) => b.textContent)), ['Show it', '#2'], 'one that is not in the trace is no link');
  await page.click('.found li:first-child summary');
  await page.waitForSelector('.found p:has-text("or that")');
  assert.deepEqual(await axe(page), []);
  await page.click('.found li:first-child .best');
  await page.waitForSelector('.summary:has-text("#2 ")');
  await page.waitForSelector('.row.now');
  await page.keyboard.press('v');
  await page.click('button:has-text("中")');
  await page.waitForSelector('.found:has-text("发现的问题")');
  assert.deepEqual(complaints, []);
  await page.close();

  // Worth knowing is not worth the first page.
  const mild = new Writer();
  mild.header();
  demo(mild);
  mild.put('finding', 10, { kind: 'keep-alive-off', severity: 'note', count: 1, conns: [1], first: 0, last: 1, text: 'It.', evidence: {}, remedy: [] });
  mild.end();
  const quiet = await open(browser);
  await give(quiet.page, 'x.ndjson', mild.text(), true);
  await quiet.page.waitForSelector('.ladder-body .row');
  await quiet.page.click('#view-answers');
  await quiet.page.waitForSelector('.found li:has-text("No keep-alive")');
  assert.deepEqual(quiet.complaints, []);
  await quiet.page.close();
});

test('from the keyboard alone: the sample, connections that were reset, one event by event, each explained', async () => {
  const { page, complaints } = await open(browser);
  await page.keyboard.press('Tab');
  for (let i = 0; i < 20 && await page.evaluate(() => document.activeElement?.textContent !== 'Show the sample'); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.ladder-body .row');
  await give(page, 'x.ndjson', makeTrace({ connections: 12 }));
  await page.waitForSelector('#conn-2');
  await page.keyboard.press('Slash');
  await page.waitForFunction(() => document.activeElement?.id === 'filter');
  await page.keyboard.type('ever:established problem:reset');
  await page.waitForFunction(() => /^Connections\s*2 of 12/.test(document.querySelector('.list h2')!.textContent!));
  // Nothing more to complete: Escape leaves the line.
  await page.keyboard.press('Escape');
  await page.keyboard.press('n');
  await page.waitForSelector('.conn.on#conn-5');
  await page.keyboard.press('Home');
  const said = new Set<string>();
  const total = Number(/of (\d+)/.exec((await page.textContent('.position'))!)![1]);
  for (let i = 1; i <= total; i++) {
    await page.waitForFunction((k) => new RegExp(`event ${k} of`).test(document.querySelector('.position')!.textContent!), i);
    const why = (await page.textContent('#why'))!;
    assert.doesNotMatch(why, /Choose an event/);
    said.add(why);
    await page.keyboard.press('ArrowRight');
  }
  assert.equal(said.size, total, 'each has words of its own');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('go to a time, and from problem to problem across connections', async () => {
  const { page, complaints } = await withTrace();
  await page.focus('.ladder-scroll');
  await page.keyboard.press('g');
  await page.waitForFunction(() => document.activeElement?.id === 'goto');
  await page.keyboard.type('soon');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#goto[aria-invalid=true]');
  await page.waitForSelector('#goto-bad:has-text("Not a time")');
  await page.fill('#goto', '250 ms');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /t = 0\.250/.test(document.querySelector('.position b')!.textContent!));
  const seen = new Set<string>();
  await page.focus('.ladder-scroll');
  await page.waitForSelector('.row.now');
  for (let i = 0; i < 12; i++) {
    const before = await page.getAttribute('.row.now', 'id');
    await page.keyboard.press(']');
    await page.waitForFunction((id) => (document.querySelector('.row.now')?.id ?? id) !== id, before);
    seen.add((await page.textContent('.conn.on .num'))!);
    await page.waitForSelector('.row.now :is(.failed, .k-rst, .again, em, .gap-row)');
  }
  assert.ok(seen.size >= 3, 'went through several connections');
  await page.keyboard.press('[');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the overview moves the cursor by click, drag and keys', async () => {
  const { page, complaints } = await withTrace();
  const box = (await page.locator('.overview-plot').boundingBox())!;
  const value = async () => Number(await page.getAttribute('.overview-plot', 'aria-valuenow'));
  await page.mouse.click(box.x + box.width * 0.5, box.y + 20);
  const middle = await value();
  assert.ok(middle > 0);
  const there = await page.textContent('.conn.on .num');
  assert.notEqual(there, '1', 'the connection that was alive then');
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 25, { steps: 5 });
  await page.mouse.up();
  assert.ok(await value() > middle);
  const late = await value();
  await page.mouse.move(box.x + 10, box.y + 25);
  assert.equal(await value(), late, 'only while held');
  await page.focus('.overview-plot');
  await page.keyboard.press('ArrowLeft');
  assert.ok(await value() < late);
  // Something is drawn in more than one colour.
  const colours = await page.evaluate(() => {
    const c = document.querySelector('canvas')!;
    const data = new Uint32Array(c.getContext('2d')!.getImageData(0, 0, c.width, c.height).data.buffer);
    return new Set(data).size;
  });
  assert.ok(colours > 4);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the ladder to scale: rows as far apart as in time, zoomed by key and button', async () => {
  const { page, complaints } = await open(browser);
  await page.click('.actions button:nth-child(2)');
  await page.waitForSelector('.ladder-body .row');
  const height = () => page.$eval('.ladder-body', (e) => e.getBoundingClientRect().height);
  const even = await height();
  assert.ok(await page.$('.idle'), 'idle time is folded');
  await page.focus('.ladder-scroll');
  await page.keyboard.press('t');
  await page.waitForSelector('#to-scale[aria-pressed=true]');
  await page.waitForSelector('.idle', { state: 'detached' });
  const fit = await height();
  assert.notEqual(fit, even);
  await page.keyboard.press('w');
  await page.waitForFunction((h) => document.querySelector('.ladder-body')!.getBoundingClientRect().height > h, fit);
  await page.click('[aria-label="Zoom out"]');
  await page.click('[aria-label="Zoom out"]');
  await page.waitForFunction((h) => document.querySelector('.ladder-body')!.getBoundingClientRect().height < h, fit);
  for (let i = 0; i < 40; i++) await page.keyboard.press('w');
  assert.ok(await height() <= 4_100_000, 'not higher than browsers can');
  await page.keyboard.press('End');
  await page.waitForSelector('.row.now .result');
  await page.click('#to-scale');
  await page.waitForFunction((h) => document.querySelector('.ladder-body')!.getBoundingClientRect().height === h, even);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a reset goes across the figure, and lights no edge that it did not take', async () => {
  const { page } = await withTrace();
  await page.fill('#filter', 'outcome:refused');
  await page.waitForFunction(() => [...document.querySelectorAll('.conn')].every((e) => e.textContent!.includes('refused')));
  await page.click('.conn >> nth=0');
  await page.waitForSelector('.conn.on:has-text("refused")');
  await page.focus('.ladder-scroll');
  await page.keyboard.press('End');
  await page.waitForFunction(() => { const [, at, of] = /event (\d+) of (\d+)/.exec(document.querySelector('.position')!.textContent!) ?? []; return at !== undefined && at === of; });
  await page.waitForSelector('.edge.off.lit', { state: 'attached' });
  assert.deepEqual(await page.$$eval('.edge.lit:not(.off)', (all) => all.map((e) => e.textContent)), []);
  await page.click('.row:has-text("SYN-SENT → CLOSED")');
  await page.waitForSelector('.why:has-text("A reset answered the SYN")');
  await page.close();
});

test('timers count down with the cursor, and only those that run', async () => {
  const { page } = await withTrace(makeTrace({ connections: 1, scene: 'rare' }));
  await page.click('#conn-2');
  await page.click('.row:has(.tag:text-is("retransmit")) >> nth=0');
  await page.waitForSelector('.deadlines:has-text("retransmit"):has-text("204 ms left")');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => !document.querySelector('.deadlines')?.textContent?.includes('204 ms'));
  await page.keyboard.press('End');
  await page.waitForSelector('.deadlines', { state: 'detached' });
  await page.close();
});

test('the list in another order', async () => {
  const { page } = await withTrace();
  const first = () => page.textContent('.conn >> nth=0');
  assert.match((await first())!, /^1/);
  await page.selectOption('.sort', 'problems');
  await page.waitForFunction(() => !/^1\D/.test(document.querySelector('.conn')!.textContent!));
  assert.match((await first())!, /⚠/);
  await page.close();
});

test('an address leads back to the same place, and says so where the trace is another', async () => {
  const text = makeTrace({ connections: 12 });
  const { page } = await withTrace(text);
  await page.fill('#filter', 'problem:any');
  await page.click('#conn-5');
  await page.click('.row:has(.k-syn) >> nth=0');
  // The address follows a moment later.
  const n = (await page.getAttribute('.row.now', 'id'))!.replace('row-', '');
  await page.waitForFunction((row) => {
    const p = new URLSearchParams(location.hash.slice(1));
    return p.get('n') === row && p.get('c') === '5' && p.get('f') && p.get('q') === 'problem:any';
  }, n);
  const at = await now(page);
  const hash = await page.evaluate(() => location.hash.slice(1));
  assert.doesNotMatch(hash, /10\.0\.|curl|ndjson/, 'how it is looked at, never what');
  await page.close();

  const again = await withTrace(text, hash);
  await again.page.waitForSelector('.conn.on#conn-5');
  await again.page.waitForFunction((t) => document.querySelector('.position b')!.textContent === t, at);
  assert.equal(await again.page.inputValue('#filter'), 'problem:any');
  assert.equal(await again.page.$('.notice:has-text("another trace")'), null);
  await again.page.close();

  const other = await withTrace(text.replace('"sh"', '"zsh"'), hash);
  await other.page.waitForSelector('.notice:has-text("another trace")');
  assert.equal(await other.page.textContent('.conn.on .num'), '1');
  await other.page.close();
});

test('the new panels are accessible and small enough, in all languages, themes and widths', async () => {
  for (const [lang, theme, width] of [['en', 'light', 1440], ['zh', 'dark', 1440], ['en', 'dark', 390], ['zh', 'light', 390]] as const) {
    const { page, complaints } = await withTrace(undefined, `lang=${lang}&theme=${theme}`);
    await page.setViewportSize({ width, height: 844 });
    await page.focus('.ladder-scroll');
    await page.keyboard.press('t');
    await page.keyboard.press('m');
    assert.deepEqual(await axe(page), [], `${lang} ${theme} ${width}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${width}: no wider than the screen`);
    const small = await page.$$eval('button, select, input, textarea', (all) => all.filter((e) => {
      const r = e.getBoundingClientRect();
      return r.width > 0 && (e as HTMLInputElement).type !== 'file' && (r.width < 24 || r.height < 24);
    }).map((e) => e.outerHTML));
    assert.deepEqual(small, []);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('an error inside of one panel leaves the others alive, and can be tried again', async () => {
  const { page } = await withTrace();
  await page.evaluate(() => {
    const proto = CanvasRenderingContext2D.prototype as unknown as { fillRect: unknown; kept: unknown };
    proto.kept = proto.fillRect;
    proto.fillRect = () => { throw new Error('no <b>ink</b>'); };
  });
  await page.focus('.ladder-scroll');
  await page.keyboard.press('End');
  await page.waitForSelector('.col-over [role=alert]:has-text("This panel met an error")');
  assert.match((await page.textContent('.col-over'))!, /no <b>ink<\/b>/);
  const at = await page.textContent('.position');
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((t) => document.querySelector('.position')!.textContent !== t, at);
  assert.equal(await page.isVisible('.machine'), true);
  await page.evaluate(() => {
    const proto = CanvasRenderingContext2D.prototype as unknown as { fillRect: unknown; kept: unknown };
    proto.fillRect = proto.kept;
  });
  await page.click('.col-over button');
  await page.waitForSelector('.overview-plot canvas');
  await page.close();
});
