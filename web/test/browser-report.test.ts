// Reports: the page with a trace inside, as `tcplens report` and as the page itself makes it.
// TCPLENS names the program.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { makeTrace } from './scenes';
import { give, launch, open } from './page';

const TCPLENS = resolve(process.env.TCPLENS ?? '../build/tcplens');
let browser: Browser;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tcplens-report-'));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The page of a trace. status: 1 where the trace is not whole. */
function report(trace: string, status = 0): string {
  writeFileSync(join(folder, 'in.ndjson'), trace);
  const options = ['--force', join(folder, 'in.ndjson'), '-o', join(folder, 'my report.html')];
  assert.equal(spawnSync(TCPLENS, ['report', ...options], { stdio: 'ignore' }).status, status);
  return pathToFileURL(join(folder, 'my report.html')).href;
}

/** Presses Save report, and where the page was saved. */
async function save(page: Page, name: string): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  const path = join(folder, name);
  await download.saveAs(path);
  return path;
}

test('a report of tcplens opens by itself, hostile strings and all', async () => {
  // As another program may write it: U+2028 and the rest not escaped.
  const text = makeTrace({ connections: 8, scene: 'hostile' }).replace('python3', '\u2028</script><script>alert(1)</script>\u202e');
  const { page, complaints } = await open(browser, 'lang=en', report(text));
  // It opens on what is wrong.
  await page.waitForSelector('#view-answers[aria-pressed=true]');
  assert.match((await page.textContent('.file'))!, /my report\.html/);
  await page.click('#view-sequence');
  assert.match((await page.textContent('.list h2'))!, /9 of 9/);
  await page.click('#conn-3');
  await page.waitForSelector('.ladder-head:has-text("\\\\u2028</script>")');
  const scripts = await page.$$eval('script', (all) => all.map((e) => e.id));
  assert.deepEqual(scripts, ['sample', 'texts', 'texts-en', 'texts-zh', 'engine', 'code', 'lab', 'trace', 'notes', ''], 'no script but those of the page');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a report of a cut trace with damaged lines says so', async () => {
  const lines = makeTrace({ connections: 3 }).trim().split('\n');
  lines[5] = '{"record":';
  const { page, complaints } = await open(browser, 'lang=en', report(lines.slice(0, -1).join('\n'), 1));
  await page.waitForSelector('.notices:has-text("One line is damaged"):has-text("line 6"):has-text("end record, is missing")');
  await page.waitForSelector('.ladder-body .row');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the page saves what it shows, with marks and notes, and the saved page does too', async () => {
  const text = makeTrace({ connections: 3 });
  const { page, complaints } = await open(browser);
  assert.equal(await page.$('#save'), null, 'nothing to save yet');
  await give(page, 'the trace.ndjson', text);
  await page.waitForSelector('.ladder-body .row');
  await page.waitForSelector('#save:not([disabled])');
  await page.click('.row:has(.k-syn)');
  await page.keyboard.press('m');
  await page.fill('.mark textarea', 'first <b>SYN</b> \u202e 第一个');
  await page.waitForSelector('.row.now .flag');
  const first = await save(page, 'first.html');
  assert.deepEqual(complaints, []);
  await page.close();

  const again = await open(browser, 'lang=zh&theme=dark', pathToFileURL(first).href);
  await again.page.waitForSelector('.marks:has-text("first <b>SYN</b> \\\\u202e 第一个")');
  await again.page.click('.marks button');
  await again.page.waitForSelector('.row.now .k-syn');
  assert.equal(await again.page.inputValue('.mark textarea'), 'first <b>SYN</b> \u202e 第一个');
  // Taking the mark away, and saving the saved one: nothing is left of the first but the trace.
  await again.page.focus('.ladder-scroll');
  await again.page.click('.mark button');
  await again.page.waitForSelector('.marks', { state: 'detached' });
  const second = await save(again.page, 'second.html');
  assert.deepEqual(again.complaints, []);
  await again.page.close();

  const block = (path: string, id: string) => Buffer.from(new RegExp(`id="${id}">([^<]*)<`).exec(readFileSync(path, 'utf8'))![1]!, 'base64');
  assert.deepEqual(block(second, 'trace'), block(first, 'trace'));
  const notes = JSON.parse(block(second, 'notes').toString()) as { version: number; view: string; marks: unknown[] };
  assert.deepEqual([notes.version, notes.marks], [1, []]);
  assert.match(notes.view, /lang=zh&theme=dark&c=1&n=\d+/);
  const third = await open(browser, 'lang=en', pathToFileURL(second).href);
  await third.page.waitForSelector('.list h2:has-text("3 of 3")');
  assert.deepEqual(third.complaints, []);
  await third.page.close();
});

test('a report whose inside is damaged says so', async () => {
  const good = readFileSync(new URL(report(makeTrace({ connections: 3 }))), 'utf8');
  const path = join(folder, 'damaged.html');
  for (const [from, to] of [[/id="trace">.{400}/, 'id="trace">'], [/id="trace">[^<]*/, 'id="trace">!!!']] as const) {
    writeFileSync(path, good.replace(from, to));
    const { page, complaints } = await open(browser, 'lang=en', pathToFileURL(path).href);
    await page.waitForSelector('.refused');
    assert.deepEqual(complaints, []);
    await page.close();
  }
});
