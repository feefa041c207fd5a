// Reading in a worker, on the built page: from file://, under its policy.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { give, launch, open, workersOver } from './page';
import { makeTrace } from './scenes';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const trace = makeTrace({ connections: 60 });
const LINES = trace.trim().split('\n').length.toLocaleString('en-US');

test('a file is read in a worker made of the page itself, which is then over', async () => {
  const { page, complaints } = await open(browser);
  const started = page.waitForEvent('worker');
  await give(page, 'x.ndjson.gz', gzipSync(trace));
  const worker = await started;
  assert.match(worker.url(), /^blob:/);
  await page.waitForFunction((n) => document.querySelector('.stats')?.textContent?.includes(n), LINES);
  await page.waitForFunction(() => document.querySelectorAll('.conn').length > 5);
  await workersOver(page);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('where workers are refused the page reads by itself', async () => {
  const { page, complaints } = await open(browser, undefined, undefined,
    'globalThis.Worker = class { constructor() { throw new DOMException("no", "SecurityError"); } };');
  await give(page, 'x.ndjson', trace);
  await page.waitForFunction((n) => document.querySelector('.stats')?.textContent?.includes(n), LINES);
  assert.deepEqual(page.workers(), []);
  await give(page, 'no.txt', 'hello');
  await page.waitForSelector('.refused');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a read that fails keeps what was read, its name, and says so', async () => {
  const { page, complaints } = await open(browser, undefined, undefined, `
    globalThis.Worker = class { constructor() { throw new DOMException('no', 'SecurityError'); } };
    const stream = Blob.prototype.stream;
    Blob.prototype.stream = function () {
      // The page itself is read from no file.
      if (!(this instanceof File)) return stream.call(this);
      const reader = stream.call(this).getReader();
      let calls = 0;
      return new ReadableStream({
        async pull(out) {
          if (calls++) {
            await new Promise((r) => setTimeout(r, 300));
            return out.error(new Error('the disk is gone'));
          }
          const { value } = await reader.read();
          out.enqueue(value.subarray(0, value.length / 2));
        },
      }, { highWaterMark: 0 });
    };`);
  await give(page, 'x.ndjson', trace);
  await page.waitForSelector('.notice.bad');
  assert.match(await page.innerText('.notice.bad'), /x\.ndjson.*no further: the disk is gone.*before is shown/s);
  assert.equal(await page.innerText('.file'), 'x.ndjson');
  assert.ok(await page.locator('.conn').count() > 0);
  assert.deepEqual(complaints, []);
  await page.close();
});
