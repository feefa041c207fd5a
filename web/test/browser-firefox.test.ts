// That the page works in Firefox too, from a file: the sample, real keys, drawing, its width. Where Firefox is not
// installed there is nothing to test; one that is and does not run fails where CI=true.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bytesOf, captures, program } from './captures';
import { findFirefox, Firefox } from './firefox';
import { READS_CAPTURES, VIEWER } from './page';

const END = '\uE010';

test('Firefox shows the sample from a file, walks it, and lights the figure', async (t) => {
  const path = findFirefox();
  if (path === undefined) return t.skip('Firefox is not installed (Debian: apt install firefox-esr)');
  let firefox: Firefox;
  try {
    firefox = await Firefox.launch(path);
  } catch (e) {
    if (process.env.CI === 'true') throw e;
    return t.skip(`${path} does not run here: ${e instanceof Error ? e.message : String(e)}`);
  }
  t.after(() => firefox.close());

  await firefox.goto(`${pathToFileURL(VIEWER).href}#lang=en&theme=light`);
  await firefox.evaluate(`(window.wrong = [], addEventListener('securitypolicyviolation', (e) => wrong.push(e.violatedDirective)),
    addEventListener('error', (e) => wrong.push(e.message)), 1)`);
  await firefox.waitFor(`!!document.querySelector('.card')`);
  await firefox.evaluate(`document.querySelectorAll('.actions button')[1].click()`);
  await firefox.waitFor(`document.querySelectorAll('.ladder-body .row').length > 5`);
  await firefox.key(END);
  await firefox.waitFor(`/TIME-WAIT; The server: CLOSED/.test(document.querySelector('.machine > svg').getAttribute('aria-label'))`);
  await firefox.waitFor(`document.querySelectorAll('.edge.lit').length >= 2`);
  await firefox.waitFor(`/closed first/.test(document.querySelector('.headline').textContent)`);
  await firefox.key('t');
  await firefox.waitFor(`!!document.querySelector('#to-scale[aria-pressed=true]')`);
  assert.ok(Number(await firefox.evaluate(`(() => {
    const c = document.querySelector('canvas');
    return new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size;
  })()`)) > 3, 'the overview is drawn');
  await firefox.waitFor(`!document.querySelector('#save').disabled`);
  await firefox.key('t');
  for (const width of [1440, 1280, 1024, 768]) {
    await firefox.resize(width, 800);
    await firefox.waitFor(`Math.abs(innerWidth - ${width}) < 40`);
    assert.equal(await firefox.evaluate(`document.documentElement.scrollWidth > innerWidth`), false, `${width}: no wider than the window`);
    assert.deepEqual(await firefox.evaluate(`[...document.querySelectorAll('.row .move, .lane-name')].filter((e) => e.scrollWidth > e.clientWidth + 1)
      .map((e) => e.textContent)`), [], `${width}: nothing is cut`);
    if (process.env.SCREENSHOT) writeFileSync(`${process.env.SCREENSHOT}-${width}.png`, await firefox.screenshot());
  }
  if (READS_CAPTURES) await readsCaptures(firefox);
  assert.deepEqual(await firefox.evaluate('wrong'), []);
});

/** Dropped, read, and saved as the program's trace. */
async function readsCaptures(firefox: Firefox): Promise<void> {
  await firefox.evaluate(`(URL.createObjectURL = ((real) => (blob) => {
    if (blob.type === '') blob.text().then((text) => { window.saved = text; });
    return real(blob);
  })(URL.createObjectURL.bind(URL)), 1)`);
  for (const path of captures().filter((_, i) => i % 12 === 0)) {
    const { trace } = program(path);
    if (!trace) continue;
    await firefox.evaluate(`(() => {
      window.saved = undefined;
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob('${Buffer.from(bytesOf(path)).toString('base64')}'), (c) => c.charCodeAt(0))], '${basename(path)}'));
      dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }));
      return 1;
    })()`);
    await firefox.waitFor(`document.querySelector('.top .file')?.textContent === '${basename(path)}' && !!document.querySelector('#save-trace:not([disabled])')`);
    await firefox.evaluate(`document.querySelector('#save-trace').click()`);
    await firefox.waitFor('window.saved !== undefined');
    assert.equal(await firefox.evaluate('window.saved'), trace.toString(), path);
  }
}
