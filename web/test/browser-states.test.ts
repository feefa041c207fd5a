// What a user meets besides the good case, each on the built page: reading, stopping, too much, nothing, lost, dropped.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { give, launch, open } from './page';
import { makeTrace } from './scenes';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const HEADER = '{"record":"header","n":0,"t":0,"format":"tcplens-trace","version":1,"tool":"tcplens 0.1.0","start":"2026-11-21T03:00:00.000000000Z","sources":["wire"]';
const END = '{"record":"end","n":1,"t":5,"reason":"interrupt","counts":{},"lost":{},"late":0}\n';

/** A page whose worker's messages go through `change`, which is JavaScript of the page. */
const withWorker = (change: string) => open(browser, undefined, undefined, `{
  const Real = Worker;
  globalThis.Worker = class extends Real {
    set onmessage(take) { super.onmessage = (e) => { ${change} }; }
  };
}`);

const send = (page: Page, name: string, content: string) =>
  page.setInputFiles('#file', { name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) });

test('while a trace is read its first rows are there, and how far it is; it can be stopped', async () => {
  const { page, complaints } = await withWorker('if (this.held) return; this.held = !!e.data.progress; take(e);');
  const text = makeTrace({ connections: 400 });
  await send(page, 'long.ndjson', text);
  await page.waitForSelector('.ladder-body .row');
  assert.match((await page.textContent('.loading'))!.replace(/\u00a0/g, ' '), /Reading long\.ndjson · [\d.]+ [kM]B \/ [\d.]+ MB/);
  const part = Number(await page.getAttribute('.loading progress', 'value'));
  assert.ok(part > 0 && part <= 1, String(part));
  const rows = (await page.textContent('.stats'))!;
  assert.ok(parseInt(rows.replace(/,/g, ''), 10) < text.split('\n').length - 1, 'not all is there');
  await page.click('.loading button');
  await page.waitForSelector('.loading', { state: 'detached' });
  await page.waitForSelector('.notices:has-text("Reading was stopped")');
  assert.equal(await page.$('.notices:has-text("is cut")'), null, 'the file is not to blame');
  assert.equal(await page.textContent('.stats'), rows, 'what was read stays');
  await page.click('.row >> nth=3');
  await page.waitForSelector('.row.now');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a trace that is too large is shown as far as it goes, and that is said', async () => {
  const { page } = await withWorker('if (e.data.done) e.data.done.tooLarge = true; take(e);');
  const text = makeTrace({ connections: 3 });
  await give(page, 'huge.ndjson', text);
  const n = text.trim().split('\n').length;
  await page.waitForSelector(`.notices:has-text("larger than this page can hold: the first ${n} records")`);
  await page.waitForSelector('.ladder-body .row');
  await page.close();
});

test('a trace without connections, without listeners, or without a witness says so', async () => {
  const { page, complaints } = await open(browser);
  await give(page, 'none.ndjson', `${HEADER},"missing":[{"source":"kernel","why":"CAP_BPF is <missing>"}]}\n${END}`);
  await page.waitForSelector('.list:has-text("No connection has been seen yet")');
  await page.waitForSelector('.ladder:has-text("No connection has been seen yet")');
  await page.waitForSelector('.queues:has-text("No listening socket in this trace")');
  await page.waitForSelector('.why:has-text("The trace begins here")');
  await page.waitForSelector('.notices:has-text("kernel (eBPF)"):has-text("could not take part: CAP_BPF is <missing>")');
  for (const key of ['ArrowRight', 'End', 'n', ']', 'Space', 't', 'e', 'm', 'f']) await page.keyboard.press(key);
  assert.deepEqual(complaints, []);
  await page.close();
});

/** How many pixels of the overview's columns from..to have the colour of a warning. */
const amber = (page: Page, from: number, to: number) => page.evaluate(([a, b]) => {
  const c = document.querySelector<HTMLCanvasElement>('.overview canvas')!;
  const want = getComputedStyle(c).getPropertyValue('--warn').trim();
  const { data } = c.getContext('2d')!.getImageData(Math.floor(c.width * a!), 0, Math.ceil(c.width * (b! - a!)), c.height);
  let n = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (`#${[0, 1, 2].map((k) => data[i + k]!.toString(16).padStart(2, '0')).join('')}` === want) n++;
  }
  return n;
}, [from, to]);

test('lost events are hatched where they were, and a cut trace has an amber end', async () => {
  const { page } = await open(browser);
  const text = makeTrace({ connections: 5 });
  await give(page, 'whole.ndjson', text);
  await page.waitForSelector('.ladder-body .row');
  assert.equal(await amber(page, 0, 1), 0);
  await give(page, 'cut.ndjson', text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1));
  await page.waitForSelector('.notices:has-text("is cut")');
  assert.ok(await amber(page, 0.99, 1) > 0);
  assert.equal(await amber(page, 0, 0.98), 0);
  await give(page, 'lost.ndjson', makeTrace({ connections: 12 }));
  await page.waitForSelector('.notices:has-text("events were lost")');
  await page.click('#view-answers');
  await page.waitForSelector('.found:has-text("The accept queue of L1 was full"):has-text("call accept() sooner")');
  await page.click('#view-sequence');
  assert.ok(await amber(page, 0, 1) > 0);
  await page.fill('#filter', 'problem:gap');
  await page.click('.conn >> nth=0');
  for (let i = 0; i < 9 && !await page.$('.row.now .gap-row'); i++) await page.keyboard.press(']');
  await page.waitForSelector('.row.now .gap-row');
  await page.close();
});

test('a trace can be dropped on the page, and the command copied', async () => {
  const { page, complaints } = await open(browser);
  await page.click('.command button');
  const command = await page.textContent('#command');
  assert.match(command!, /^sudo tcplens trace/);
  // Where a page may not write to the clipboard the text is selected instead.
  await page.waitForFunction((text) => document.querySelector('.command button')!.textContent === 'Copied' || getSelection()!.toString().trim() === text, command);
  const drag = (type: string, content: string) => page.evaluate(([kind, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text!], 'dropped.ndjson'));
    document.body.dispatchEvent(new DragEvent(kind!, { dataTransfer: data, bubbles: true, cancelable: true }));
  }, [type, content]);
  await drag('dragenter', '');
  await page.waitForSelector('.dropping:has-text("Drop the trace")');
  await drag('drop', makeTrace({ connections: 3 }));
  await page.waitForSelector('.dropping', { state: 'detached' });
  await page.waitForSelector('.file:has-text("dropped.ndjson")');
  await page.waitForSelector('.ladder-body .row');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a report that cannot be made says why', async () => {
  const { page } = await open(browser, undefined, undefined,
    'globalThis.CompressionStream = class { constructor() { throw new Error("no <b>room</b>"); } };');
  await give(page, 'x.ndjson', makeTrace({ connections: 2 }));
  await page.click('#save:not(:disabled)');
  await page.waitForSelector('.notices:has-text("could not be made: no <b>room</b>")');
  await page.close();
});
