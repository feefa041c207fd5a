// A lab in the page that the program makes of it: predicted, revealed, proved, in both languages.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { axe, launch, open } from './page';

const TCPLENS = process.env.TCPLENS;
const SHOTS = process.env.SHOTS;
const LAB = 'accept-is-late';
let browser: Browser, folder: string, url: string;

/** Makes the report of a lab. One that lost an event can tell nothing (exit status 4), and is run once more. */
function runLab(report: string, args: string[], answers?: string, last = false) {
  try {
    execFileSync(TCPLENS!, ['lab', ...args, '--report', report], { input: answers, stdio: ['pipe', 'ignore', 'inherit'] });
  } catch (error) {
    if (last || (error as { status?: number }).status !== 4) throw error;
    console.log(`     again: ${(error as Error).message}`);
    rmSync(report, { force: true });
    runLab(report, args, answers, true);
  }
}

before(async () => {
  assert.ok(TCPLENS, 'TCPLENS must name the program: make check-browser does');
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), 'tcplens-lab-'));
  const report = join(folder, 'lab.html');
  runLab(report, [LAB, '--auto', '--student', 's123']);
  url = pathToFileURL(report).href;
});
after(async () => {
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true });
});

const shot = async (page: Page, name: string) => { if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`) }); };
const choose = (page: Page, choice: string) => page.click(`.asked [data-choice="${choice}"]`);

test('what is asked is asked before anything of the trace can be seen; then the trace answers', async () => {
  const { page, complaints } = await open(browser, 'lang=en&theme=light', url);
  await page.waitForSelector('.asked');
  assert.match((await page.textContent('.lab'))!, /accept\(\) comes late[\s\S]*Can B connect/);
  assert.equal(await page.$('.answered, .checks'), null, 'no feedback, no check');
  // Neither rows nor tabs nor counts, and no key leads to them.
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('v');
  assert.equal(await page.$('.ladder, .views, .badge, .stats, .controls, .overview, .list, .table'), null);
  await shot(page, 'asked-light');
  await choose(page, 'after-accept');
  await page.waitForSelector('.asked:has-text("Where is the word")');
  assert.equal(await page.$('.answered'), null, 'one of two answers tells nothing yet');
  await choose(page, 'kernel');
  await page.waitForSelector('.answered');
  // Its own feedback to who was wrong, and why the right one is right.
  const wrong = (await page.textContent('.answered.bad'))!;
  assert.match(wrong, /Then accept\(\) would be part of the handshake[\s\S]*The kernel does the handshake/);
  assert.doesNotMatch(wrong, /Refused \(RST\)/, 'of the choice that was taken alone');
  assert.equal(await page.getAttribute('.answered.good', 'data-question'), 'q2');
  assert.equal(await page.getAttribute('#hide', 'aria-pressed'), 'false');
  const told = (await page.textContent('.checks'))!;
  assert.match(told, /state change \(connection of b, at the server, to ESTABLISHED/);
  assert.doesNotMatch(told, /conn=|end=|[{}]/);
  assert.equal(await page.locator('.checks li.passed').count(), 4);
  // Whose work it is, when it was done, and what it came to: one prediction of two was right.
  assert.match((await page.textContent('.handed'))!, /^s123 · \d{4}-\d\d-\d\d \d\d:\d\d · 7 of 8 points$/);
  assert.equal(await page.title(), 'accept() comes late – tcplens');
  assert.match((await page.textContent('.checks li'))!, /expected[\s\S]*seen/i);
  await shot(page, 'revealed-light');
  await page.click('.answered[data-question=q1] .proof button');
  await page.waitForSelector('.row.now');
  await shot(page, 'proof-light');
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the same in Chinese, dark, and on a telephone', async () => {
  const { page, complaints } = await open(browser, 'lang=zh&theme=dark', url);
  await page.waitForSelector('.asked');
  await shot(page, 'asked-zh-dark');
  await page.setViewportSize({ width: 390, height: 844 });
  await shot(page, 'asked-zh-390');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `${wide} pixels wide`);
  const room = await page.$eval('.lab-scroll', (e) => e.clientHeight);
  assert.ok(room >= 250, `${room} pixels to read`);
  assert.equal(await page.isVisible('.why'), false);
  await choose(page, 'established');
  await choose(page, 'kernel');
  await page.waitForSelector('.checks li');
  assert.equal(await page.locator('.answered.good').count(), 2);
  assert.match((await page.textContent('.checks'))!, /通过/);
  await shot(page, 'revealed-zh-390');
  await page.click('.answered .proof button');
  await page.waitForSelector('.ladder-body .row.now', { state: 'visible' });
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('served while it runs: the question stands there, and the ladder tells nothing', async () => {
  const child = spawn(TCPLENS!, ['lab', LAB, '--auto', '--serve', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = new Promise((done) => child.on('exit', done));
  try {
    const address = await new Promise<string>((found, none) => {
      for (const from of [child.stdout, child.stderr]) {
        createInterface(from).on('line', (line) => { const m = /http:\/\/\S+/.exec(line); if (m) found(m[0]); });
      }
      child.on('exit', () => none(new Error('it ended without an address')));
    });
    const { page, complaints } = await open(browser, 'lang=en&theme=light', address);
    await page.waitForSelector('.asked');
    assert.equal(await page.$('.ladder, .views'), null);
    await choose(page, 'established');
    await choose(page, 'kernel');
    await page.waitForSelector('.checks li.passed');
    await page.waitForSelector('.answered .proof button');
    assert.deepEqual(complaints, []);
    await page.close();
  } finally {
    process.kill(-child.pid!, 'SIGINT'); // as Ctrl-C does: to all of the group
    await ended;
  }
});

test('an answered lab in whose trace something is wrong opens on the lab; its marks tell the question', async () => {
  const report = join(folder, 'wrong.html');
  // Typed in the terminal, so that the page has no question left to ask.
  runLab(report, ['zero-window'], '1\n'.repeat(9));
  const { page, complaints } = await open(browser, 'lang=en&theme=light', pathToFileURL(report).href);
  await page.waitForSelector('#view-answers .badge');
  assert.equal(await page.getAttribute('#view-sequence', 'aria-pressed'), 'true');
  await page.waitForSelector('.answered');
  assert.match((await page.textContent('.handed'))!, /^\d{4}-\d\d-\d\d \d\d:\d\d · \d of 9 points$/);
  await page.click('.answered .proof button');
  assert.match((await page.textContent('.marks button'))!, /^#\d+ shows the answer: .* .* /);
  await shot(page, 'answered-wrong');
  assert.deepEqual(complaints, []);
  await page.close();
});
