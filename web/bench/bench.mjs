// Measures the viewer's budgets in headless Chromium and prints them as a table.
//   node bench/bench.mjs [RECORDS]...        (default: 100000 1000000 5000000)

import { existsSync, mkdirSync, statSync, readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { makeTrace } from './make-trace.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const VIEWER = resolve(process.env.VIEWER ?? join(here, '../dist/viewer.html'));
const traces = join(here, '../build/bench');
const sizes = process.argv.slice(2).map(Number);
if (sizes.some((n) => !(n > 2))) {
  console.error('usage: node bench/bench.mjs [RECORDS]...');
  process.exit(2);
}

const rows = [];
const say = (what, value, budget) => rows.push([what, value, budget]);
const ms = (v) => `${v.toFixed(v < 100 ? 1 : 0)} ms`;
const p95 = (list) => list.sort((a, b) => a - b)[Math.floor(list.length * 0.95)] ?? NaN;

/** Main-thread tasks of more than 50 ms, as the browser itself reports them. */
async function watchTasks(page) {
  await page.addInitScript(() => {
    globalThis.__tasks = [];
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) globalThis.__tasks.push({ at: e.startTime, ms: e.duration });
    }).observe({ type: 'longtask', buffered: true });
  });
}

async function measure(browser, records) {
  mkdirSync(traces, { recursive: true });
  const path = join(traces, `${records}.ndjson`);
  if (!existsSync(path)) await makeTrace(records, path);
  const name = `${records / 1e6} M records, ${(statSync(path).size / 1e6).toFixed(0)} MB`;
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(300_000);
  await watchTasks(page);
  await page.goto(`${pathToFileURL(VIEWER).href}#lang=en`);
  await page.waitForSelector('#file', { state: 'attached' });
  await page.evaluate(() => {
    globalThis.__rows = undefined;
    const seen = new MutationObserver(() => {
      globalThis.__rows ??= document.querySelector('.conn') ? performance.now() : undefined;
    });
    seen.observe(document.body, { subtree: true, childList: true });
    document.querySelector('#file').addEventListener('change', () => { globalThis.__start = performance.now(); }, true);
  });
  await page.setInputFiles('#file', path);
  const loaded = await page.evaluate(() => new Promise((done) => {
    const look = () => {
      const busy = document.querySelector('[role=progressbar], progress');
      if (!busy && document.querySelector('.conn')) done(performance.now());
      else requestAnimationFrame(look);
    };
    look();
  }));
  const at = await page.evaluate(() => ({ start: globalThis.__start, rows: globalThis.__rows }));
  say(`first rows, ${name}`, ms(at.rows - at.start), '500 ms (100 MB)');
  say(`loaded, ${name}`, `${((loaded - at.start) / 1000).toFixed(2)} s`, records >= 5e6 ? '12 s' : records >= 1e6 ? '3 s' : '');
  const loading = await page.evaluate(() => globalThis.__tasks.filter((t) => t.at >= globalThis.__start).map((t) => t.ms));
  say(`longest main-thread task while loading, ${name}`, loading.length ? `${ms(Math.max(...loading))} (${loading.length} over 50 ms)` : '< 50 ms', '50 ms');

  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize, backingStorageSize = 0 } = await session.send('Runtime.getHeapUsage');
  const bytes = usedSize + backingStorageSize;
  say(`JavaScript heap and columns, ${name}`, `${(bytes / 1e6).toFixed(0)} MB, ${(bytes / records).toFixed(0)} B/record`, '40 B/record in columns');
  say(`DOM nodes, ${name}`, String(await page.evaluate(() => document.querySelectorAll('*').length)), '1500');

  // What a hand does: a key of the filter, a connection chosen, the cursor drawn along.
  const keys = [];
  await page.focus('#filter');
  for (const letter of 'state:time-wait') {
    keys.push(await page.evaluate((l) => new Promise((done) => {
      const input = document.querySelector('#filter');
      const began = performance.now();
      input.value += l;
      input.dispatchEvent(new Event('input', { bubbles: true }));
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    }), letter));
  }
  say(`filter, a keystroke (p95), ${name}`, ms(p95(keys)), '50 ms');
  await page.evaluate(() => {
    const input = document.querySelector('#filter');
    input.value = '';
    input.dispatchEvent(new Event('input', { bubbles: true }));
    input.blur();
  });
  // The work of a step: in the frame that it is made in and in the next, without the wait for that one.
  const steps = await page.evaluate(async () => {
    const frame = (act) => new Promise((done) => {
      requestAnimationFrame(() => {
        const began = performance.now();
        act?.();
        // Comes after the frame was drawn.
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now() - began);
        port2.postMessage(0);
      });
    });
    const times = [];
    for (let i = 0; i < 120; i++) {
      const [code, key] = i % 20 === 19 ? ['KeyN', 'n'] : ['ArrowRight', 'ArrowRight'];
      const made = await frame(() => dispatchEvent(new KeyboardEvent('keydown', { code, key, bubbles: true })));
      times.push(made + await frame());
    }
    return times;
  });
  say(`cursor step (p95), ${name}`, ms(p95(steps)), '16.7 ms');
  await page.close();
}

const page = readFileSync(VIEWER);
say('page', `${page.length} bytes`, '150,000');
say('page, gzipped', `${gzipSync(page, { level: 9 }).length} bytes`, '50,000');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
try {
  for (const records of sizes.length ? sizes : [100_000, 1_000_000, 5_000_000]) await measure(browser, records);
} finally {
  console.log(`Chromium ${browser.version()}, headless, no GPU; ${cpus().length} cores (${cpus()[0].model}); Linux ${release()}\n`);
  await browser.close();
}
console.log('| what | measured | budget |\n|---|---|---|');
for (const row of rows) console.log(`| ${row.join(' | ')} |`);
