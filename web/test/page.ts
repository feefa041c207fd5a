// Drives the built page in Chromium. Everything the page complains about is collected, so that a
// test can insist on silence.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const VIEWER = resolve(process.env.OUT ?? 'dist/viewer.html');
/** Whether the page that is tested reads captures: one that was built with ENGINE=0 does not. */
export const READS_CAPTURES = existsSync(VIEWER) && !/id="engine"><\/script>/.test(readFileSync(VIEWER, 'utf8'));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function launch(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`${CHROMIUM} is missing: the browser test needs Chromium (Debian: apt install chromium), or its path in CHROMIUM`);
  }
  if (!existsSync(VIEWER)) throw new Error(`${VIEWER} is missing: run npm run build first`);
  return chromium.launch({
    executablePath: CHROMIUM,
    // Chromium's sandbox refuses to run as root.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

export interface Opened { page: Page; complaints: string[] }

export async function open(browser: Browser, hash = 'lang=en&theme=light', url = pathToFileURL(VIEWER).href, before = ''): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(Number(process.env.PAGE_TIMEOUT ?? 60_000));
  const complaints: string[] = [];
  page.on('pageerror', (e) => complaints.push(`error: ${e.message}`));
  page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') complaints.push(m.text()); });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
  });
  await page.addInitScript(before);
  await page.goto(`${url}#${hash}`);
  // Its texts are unpacked before it is drawn.
  await page.waitForSelector('#app > :not(noscript)');
  return { page, complaints };
}

export async function give(page: Page, name: string, content: string | Buffer, answers = false): Promise<void> {
  await page.setInputFiles('#file', {
    name, mimeType: 'application/octet-stream',
    buffer: typeof content === 'string' ? Buffer.from(content) : content,
  });
  // Rows are there before the last of them is.
  await page.waitForSelector('.loading', { state: 'detached' });
  // The page opens on what is wrong; most tests look at one connection.
  if (!answers && await page.$('#view-answers[aria-pressed=true]')) await page.click('#view-sequence');
}

/** The page at one connection of that trace. */
export async function shown(browser: Browser, text: string | Buffer, hash?: string, name = 'x.ndjson'): Promise<Opened> {
  const opened = await open(browser, hash);
  await give(opened.page, name, text);
  await opened.page.waitForSelector('.ladder-body .row');
  return opened;
}

/** Waits until no worker is left: terminate() only asks for it. */
export async function workersOver(page: Page): Promise<void> {
  await Promise.all(page.workers().map((worker) => new Promise<void>((resolve) => {
    worker.once('close', () => resolve());
    if (!page.workers().includes(worker)) resolve();
  })));
}

/** Waits until the list has that many connections of all. */
export const matched = (page: Page, n: number) => page.waitForFunction((want) => new RegExp(`\\D${want} of \\d`).test(document.querySelector('.list h2')!.textContent!), n);

interface Finding { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }

/** What axe finds, one line each. */
export async function axe(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which the page's policy does not bind.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const run = (globalThis as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } }).axe;
    return (await run.run()).violations;
  });
  return found
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary}`).join(' | ')}`);
}
