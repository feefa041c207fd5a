// What reading a capture costs: the program, the engine alone under Node, the page in Chromium; and a peer, where
// PEER names a folder in which `npm install @goodtools/wiregasm` was run.
//   node bench/captures.mjs CAPTURE...        TCPLENS, VIEWER and ENGINE_WASM name what is measured

import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL, fileURLToPath } from 'node:url';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const self = fileURLToPath(import.meta.url);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** Each in a process of its own, by `self WHAT CAPTURE`: prints what it measured, as JSON. */
const parts = {
  async engine(path) {
    const bytes = readFileSync(path);
    const start = performance.now();
    const module = await WebAssembly.compile(readFileSync(process.env.ENGINE_WASM));
    const started = performance.now();
    let length = 0;
    const c = new WebAssembly.Instance(module, { tcplens: { lines: (_, n) => { length += n; } } }).exports;
    const size = c.engine_input_size();
    const give = (b) => new Uint8Array(c.memory.buffer, c.engine_input(), b.length).set(b);
    c.engine_begin(0, 0, 0, 0, 1, 2);
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      give(piece);
      if (c.engine_feed(piece.length) < 0) throw new Error(`${path} cannot be read`);
    }
    if (c.engine_complete() < 0 || c.engine_end(0) < 0) throw new Error(`${path} cannot be read`);
    return { start: started - start, end: performance.now() - start, trace: length, memory: c.memory.buffer.byteLength };
  },
  async peer(path) {
    const dist = join(resolve(process.env.PEER), 'node_modules/@goodtools/wiregasm/dist');
    const { createRequire } = await import('node:module');
    const load = createRequire(import.meta.url)(join(dist, 'wiregasm.js'));
    const start = performance.now();
    const quiet = () => undefined;
    const wg = await load({ locateFile: (name) => join(dist, name), print: quiet, printErr: quiet, handleStatus: quiet });
    wg.init();
    const started = performance.now();
    wg.FS.writeFile('/uploads/x.pcap', readFileSync(path));
    const session = new wg.DissectSession('/uploads/x.pcap');
    const { code } = session.load();
    if (code !== 0) throw new Error(`the peer cannot read ${path}: ${code}`);
    return { start: started - start, end: performance.now() - start, memory: process.memoryUsage().rss };
  },
};

async function page(browser, path) {
  const view = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  view.setDefaultTimeout(600_000);
  await view.goto(`${pathToFileURL(resolve(process.env.VIEWER)).href}#lang=en`);
  await view.waitForSelector('#file', { state: 'attached' });
  await view.evaluate(() => {
    const at = (globalThis.at = {});
    document.querySelector('#file').addEventListener('change', () => { at.given = performance.now(); }, true);
    new MutationObserver(() => {
      if (document.querySelector('.conn')) at.rows ??= performance.now();
      if (document.querySelector('#save-trace:not([disabled])')) at.end ??= performance.now();
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  await view.setInputFiles('#file', path);
  await view.waitForFunction(() => globalThis.at.end !== undefined);
  const at = await view.evaluate(() => globalThis.at);
  const stats = await view.textContent('.stats');
  await view.close();
  return { rows: at.rows - at.given, end: at.end - at.given, stats };
}

function part(what, path) {
  const run = spawnSync(process.execPath, [self, what, path], { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (run.status !== 0) throw new Error(`${what}: ${run.stderr}`);
  return JSON.parse(run.stdout.trim().split('\n').at(-1));
}

function program(path, output) {
  const start = performance.now();
  const run = spawnSync(process.env.TCPLENS, ['read', '-q', '-o', output, path]);
  if (run.status !== 0) throw new Error(String(run.stderr));
  return { end: performance.now() - start };
}

async function main(paths) {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  if (!process.env.PEER) console.log('Without a peer: PEER=FOLDER names where `npm install @goodtools/wiregasm` was run.');
  for (const path of paths) {
    const runs = { program: [], engine: [], page: [], ...(process.env.PEER && { peer: [] }) };
    for (let round = 0; round < ROUNDS; round++) {
      runs.program.push(program(path, '/dev/null'));
      runs.engine.push(part('engine', path));
      runs.page.push(await page(browser, path));
      if (process.env.PEER) runs.peer.push(part('peer', path));
    }
    const end = Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, median(list.map((r) => r.end))]));
    console.log(`${path}: ${(statSync(path).size / 1e6).toFixed(0)} MB, ${runs.page[0].stats}, median of ${ROUNDS}`);
    for (const [name, list] of Object.entries(runs)) {
      const more = ['start', 'rows'].filter((k) => list[0][k] !== undefined).map((k) => `${k} ${median(list.map((r) => r[k])).toFixed(0)} ms`);
      if (list[0].memory) more.push(`${(list[0].memory / (1 << 20)).toFixed(0)} MiB`);
      console.log(`  ${name.padEnd(8)} ${end[name].toFixed(0).padStart(7)} ms ${(end[name] / end.program).toFixed(1).padStart(6)} x program  ${more.join(', ')}`);
    }
  }
  await browser.close();
}

const [what, ...rest] = process.argv.slice(2);
if (what in parts) console.log(JSON.stringify(await parts[what](rest[0])));
else if (what) await main([what, ...rest]);
else {
  console.error('usage: node bench/captures.mjs CAPTURE...');
  process.exit(2);
}
