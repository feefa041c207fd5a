// Measures the viewer's budgets in headless Chromium and prints them as a table.
//   node bench/bench.mjs [RECORDS]...        (default: 100000 1000000 5000000)

import { existsSync, mkdirSync, statSync, readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { makeTrace } from './make-trace.mjs';

// What the pages may weigh, in bytes: the one that reads traces alone, and the one with the engine that reads captures.
const SMALL = { plain: 240_000, gzip: 90_000 };
const BOTH = { plain: 400_000, gzip: 210_000 };

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

/** What the page's threads did meanwhile: tasks in ms, by the clock and in time of the processor. */
async function tasksOf(browser, page, act) {
  await browser.startTracing(page, { categories: ['disabled-by-default-devtools.timeline', '__metadata'] });
  await act();
  const { traceEvents } = JSON.parse(await browser.stopTracing());
  const runs = new Map();
  for (const e of traceEvents) {
    if (e.name !== 'RunTask' && !e.name.endsWith('::RunTask')) continue;
    const key = `${e.pid}.${e.tid}`;
    if (!runs.has(key)) runs.set(key, []);
    runs.get(key).push(e);
  }
  const of = (thread) => traceEvents.filter((e) => e.name === 'thread_name' && thread.test(e.args.name))
    .flatMap((e) => runs.get(`${e.pid}.${e.tid}`) ?? []);
  const most = (all, field) => all.reduce((max, e) => Math.max(max, (e[field] ?? 0) / 1000), 0);
  const sum = (all) => all.reduce((total, e) => total + (e.tdur ?? 0) / 1000, 0);
  const main = of(/^CrRendererMain$/);
  return { longest: most(main, 'dur'), longestCpu: most(main, 'tdur'), cpu: sum(main), workerCpu: sum(of(/^DedicatedWorker/)) };
}

async function measure(browser, records) {
  mkdirSync(traces, { recursive: true });
  const path = join(traces, `${records}.ndjson`);
  if (!existsSync(path)) await makeTrace(records, path);
  const name = `${records / 1e6} M records, ${(statSync(path).size / 1e6).toFixed(0)} MB`;
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(300_000);
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
  const load = async () => {
    await page.setInputFiles('#file', path);
    return page.evaluate(() => new Promise((done) => {
      const look = () => {
        const busy = document.querySelector('[role=progressbar], progress');
        if (!busy && document.querySelector('.conn')) done(performance.now());
        else requestAnimationFrame(look);
      };
      look();
    }));
  };
  const loaded = await load();
  const at = await page.evaluate(() => ({ start: globalThis.__start, rows: globalThis.__rows }));
  say(`first rows, ${name}`, ms(at.rows - at.start), '500 ms (100 MB)');
  say(`loaded, ${name}`, `${((loaded - at.start) / 1000).toFixed(2)} s`, records >= 5e6 ? '12 s' : records >= 1e6 ? '3 s' : '');
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
  say(`filter, a keystroke with its frame (p95), ${name}`, ms(p95(keys)), '50 ms');
  await page.evaluate(() => {
    const input = document.querySelector('#filter');
    input.value = '';
    input.dispatchEvent(new Event('input', { bubbles: true }));
    input.blur();
  });
  // The work of a step: in the frame that it is made in and in the next, without the wait for that one.
  const press = (code, key, times) => page.evaluate(async ([code, key, times]) => {
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
    const all = [];
    for (let i = 0; i < times; i++) {
      const made = await frame(() => dispatchEvent(new KeyboardEvent('keydown', { code, key, bubbles: true })));
      all.push(made + await frame());
    }
    return all;
  }, [code, key, times]);
  const forth = await press('ArrowRight', 'ArrowRight', 30);
  const back = await press('ArrowLeft', 'ArrowLeft', 30);
  say(`cursor step (p95), ${name}`, ms(p95([...forth, ...back])), '16.7 ms');
  say(`next connection (p95), ${name}`, ms(p95(await press('KeyN', 'n', 60))), '100 ms');

  // Once more, watched, which takes time of its own: what is of the processor does not depend on what else runs.
  const [walked, chosen] = [
    await tasksOf(browser, page, () => press('ArrowRight', 'ArrowRight', 30)), await tasksOf(browser, page, () => press('KeyN', 'n', 30)),
  ];
  say(`cursor step, of the processor (mean), ${name}`, ms(walked.cpu / 30), '');
  say(`next connection, of the processor (mean), ${name}`, ms(chosen.cpu / 30), '');
  const tasks = await tasksOf(browser, page, load);
  say(`longest main-thread task while loading, ${name}`, `${ms(tasks.longest)}, of the processor ${ms(tasks.longestCpu)}`, '50 ms');
  say(`loading, of the processor, ${name}`, `main thread ${ms(tasks.cpu)}, worker ${ms(tasks.workerCpu)}`, '');
  await page.close();
}

for (const [name, budget] of [['viewer-small.html', SMALL], ['viewer.html', BOTH]]) {
  const page = readFileSync(join(dirname(VIEWER), name));
  say(name, `${page.length} bytes`, `${budget.plain}`);
  say(`${name}, gzipped`, `${gzipSync(page, { level: 9 }).length} bytes`, `${budget.gzip}`);
}
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
