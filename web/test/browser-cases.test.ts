// What misled those who used the page in earnest, each as it is to be.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { demo, sampleText } from './sample';
import { makeTrace } from './scenes';
import { Talk, Writer } from './writer';
import { axe, give, launch, open } from './page';

let browser: Browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const SERVER = { addr: '10.0.1.1', port: 443, pid: 810, comm: 'httpd' };
const client = (i: number) => ({ addr: `10.0.0.${i}`, port: 40000 + i, pid: 5000 + i, comm: 'curl' });

/** Connections that a server leaves in CLOSE-WAIT for longer than ten seconds, and ones that a full queue held up. */
function leak(held: number, late: number): string {
  const w = new Writer();
  w.header();
  demo(w);
  w.put('listener', 10, { listener: 2, addr: '::', port: 443, backlog: 2, limit: 3, owner: { pid: 810, comm: 'httpd' } });
  for (let i = 2; i < 2 + held; i++) {
    const talk = new Talk(w, i, { client: client(i), server: SERVER }, 100);
    talk.handshake(2, 0, 1, 3, 500);
    talk.kernel(10, 'client', 'FIN-WAIT-1');
    const fin = talk.segment(1, 'client', ['FIN', 'ACK']);
    talk.kernel(5, 'server', 'CLOSE-WAIT', 'sock', fin);
    const ack = talk.segment(1, 'server', ['ACK']);
    talk.kernel(1, 'client', 'FIN-WAIT-2', 'sock', ack);
    talk.outcome(10, 'half-closed', 'Half closed.', { closed_by: 'client', durations: { server: { 'CLOSE-WAIT': 12_000_000_000 } }, rtt_ns: 500_000 });
  }
  for (let i = 2 + held; i < 2 + held + late; i++) {
    const talk = new Talk(w, i, { client: client(i), server: SERVER }, 100);
    talk.queue(1, 2, 0, 3, 3, 1, 'overflow');
    talk.handshake(2, 0, 1, 3, 500);
    talk.close(10, 'client', 10, 500);
    talk.outcome(10, 'closed-normally', 'Closed normally: the client closed first.', { closed_by: 'client' });
  }
  w.end();
  return w.text();
}

const count = (page: Page) => page.$eval('.list h2', (e) => Number(/(\d+) of/.exec(e.textContent!)![1]));
const matched = (page: Page, n: number) => page.waitForFunction((want) => document.querySelector('.list h2')!.textContent!.includes(`${want} of`), n);

async function shown(text: string | Buffer, hash?: string, name = 'x.ndjson') {
  const opened = await open(browser, hash);
  await give(opened.page, name, text);
  await opened.page.waitForSelector('.ladder-body .row');
  return opened;
}

test('the list follows the trace: an outcome that comes last is in it without a hand', async () => {
  const { page } = await open(browser, undefined, undefined, `{
    const Real = Worker;
    globalThis.Worker = class extends Real {
      set onmessage(take) { super.onmessage = (e) => { if (e.data.slice && globalThis.held !== undefined) globalThis.held.push(() => take(e)); else if (e.data.done && globalThis.held) globalThis.held.push(() => take(e)); else take(e); if (e.data.progress) globalThis.held ??= []; }; }
    };
  }`);
  await page.setInputFiles('#file', { name: 'x', mimeType: 'x/x', buffer: Buffer.from(makeTrace({ connections: 800 })) });
  await page.waitForSelector('.conn');
  await page.waitForFunction(() => ((globalThis as unknown as { held?: unknown[] }).held?.length ?? 0) > 0);
  await page.evaluate(() => { const g = globalThis as unknown as { held: (() => void)[] }; const all = g.held; g.held = undefined!; for (const f of all) f(); });
  await page.waitForSelector('.loading', { state: 'detached' });
  if (await page.$('#view-answers[aria-pressed=true]')) await page.click('#view-sequence');
  await page.waitForFunction(() => document.querySelector('#conn-1 .verdict')!.textContent!.includes('closed normally'));
  await page.close();
});

test('the box of the filter and the list say the same, whatever Escape does', async () => {
  const { page } = await shown(makeTrace({ connections: 12 }));
  await page.click('#filter');
  await page.keyboard.type('problem:reset');
  await matched(page, 4);
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press('Escape');
    const box = await page.inputValue('#filter');
    await matched(page, box === '' ? 12 : 4);
  }
  assert.equal(await page.inputValue('#filter'), '');
  await page.close();
});

test('the filter: comparisons, or, not, the end of the trace, unknown keys by name, Enter chooses the first', async () => {
  const { page, complaints } = await shown(leak(10, 3));
  for (const [words, n] of [
    ['final:CLOSE-WAIT', 10], ['cause:any', 3], ['cause:dropped', 3], ['not cause:any', 11], ['problem:held', 10], ['pid:5004', 1], ['pid:810', 13],
    ['rtt>100us', 10], ['rtt>1ms', 0], ['rtt:>=500us', 10], ['retrans>0', 0], ['retrans:0', 14], ['final:CLOSE-WAIT or port:7007', 11],
    ['port:7007 or not problem:any', 1], ['bytes>20', 1], ['duration>1s', 1], ['port<1024 final:time-wait', 3],
  ] as const) {
    await page.fill('#filter', words);
    await matched(page, n).catch(async () => assert.equal(`${words}: ${await count(page)}`, n));
  }
  await page.fill('#filter', 'sate:close-wait');
  await page.waitForSelector('.unknown:has-text("sate:")');
  assert.equal(await count(page), 14, 'what is not understood hides nothing');
  await page.fill('#filter', 'rtt>soon');
  await page.waitForSelector('.unknown:has-text("rtt>soon")');
  await page.fill('#filter', 'final:CLOSE-WAIT');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#conn-2.on');
  // At the cursor nobody is in that state: the page says that some are later.
  await page.fill('#filter', '');
  await page.keyboard.press('Escape');
  await page.click('#conn-1');
  await page.keyboard.press('Home');
  await page.fill('#filter', 'state:CLOSE-WAIT');
  await page.waitForSelector('.list .hollow:has-text("10 at the end")');
  assert.deepEqual(await axe(page), []);
  await page.click('.list .hollow button');
  await matched(page, 10);
  assert.equal(await page.inputValue('#filter'), 'final:CLOSE-WAIT');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('who reads Chinese finds by Chinese words', async () => {
  const { page } = await shown(makeTrace({ connections: 12 }), 'lang=zh');
  await page.fill('#filter', '重置');
  await page.waitForFunction(() => /^\D*2 \/ 12/.test(document.querySelector('.list h2')!.textContent!));
  await page.close();
});

test('a FIN that waits behind data was not sent: half closed, and known why the kernel is ahead; what nothing explains is a problem', async () => {
  const w = new Writer();
  w.header();
  for (const [conn, known] of [[1, 'fin-unsent'], [2, undefined]] as const) {
    const talk = new Talk(w, conn, { client: client(conn), server: SERVER }, 100);
    talk.handshake(1, 0, 1, 3, 500);
    talk.kernel(10, 'client', 'FIN-WAIT-1');
    const fin = talk.segment(10, 'server', ['FIN', 'ACK']);
    talk.inferred('client', 'CLOSE-WAIT', fin);
    const closing = talk.kernel(5, 'client', 'CLOSING', 'sock', fin);
    w.put('disagreement', 0, { conn, end: 'client', kernel: 'CLOSING', wire: 'CLOSE-WAIT', ...(known && { known }), because: closing });
    talk.outcome(10, 'half-closed', 'Half closed: the server closed, the client did not.', { closed_by: 'server' });
  }
  w.end();
  const { page } = await shown(w.text());
  for (const [conn, why] of [[1, /The FIN still waits behind data/], [2, /No known difference/]] as const) {
    await page.click(`#conn-${conn}`);
    await page.click('.row:has(.differ) .differ');
    await page.waitForFunction((re) => new RegExp(re).test(document.querySelector('.why')!.textContent!), why.source);
    assert.match((await page.textContent(`#conn-${conn} .verdict`))!, /half closed/);
  }
  await page.fill('#filter', 'problem:disagreement');
  await matched(page, 1);
  await page.waitForSelector('#conn-2');
  await page.close();
});

test('a leak is a problem; who was held up is amber with the cause; facts are counted, not records', async () => {
  const { page } = await shown(leak(2, 2));
  await page.waitForSelector('#conn-2 .verdict:has-text("left in CLOSE-WAIT"):has-text("⚠ 1")');
  await page.waitForSelector('#conn-4 .verdict.v-late:has-text("closed normally · dropped by the listener")');
  const amber = await page.$eval('#conn-4 .verdict', (e) => getComputedStyle(e).color);
  assert.notEqual(amber, await page.$eval('#conn-1 .verdict', (e) => getComputedStyle(e).color));
  await give(page, 'y.ndjson', makeTrace({ connections: 3 }));
  await page.waitForSelector('#conn-3 .verdict:has-text("refused"):has-text("⚠ 1")');
  await page.close();
});

test('a click on a marker, in the overview or in a queue, goes to what it marks', async () => {
  const { page } = await shown(makeTrace({ connections: 12 }));
  await page.click('#conn-1');
  const box = (await page.locator('.overview-plot').boundingBox())!;
  // Every marker that stands by itself: the cursor is on a problem after the click.
  const marks = await page.evaluate(() => {
    const c = document.querySelector('canvas')!;
    const bad = getComputedStyle(c).getPropertyValue('--bad').trim();
    const { data } = c.getContext('2d')!.getImageData(0, 1, c.width, 1);
    const hit: number[] = [];
    for (let i = 0; i < c.width; i++) if (`#${[0, 1, 2].map((k) => data[i * 4 + k]!.toString(16).padStart(2, '0')).join('')}` === bad) hit.push(i / devicePixelRatio);
    return hit.filter((v, i) => i === 0 || v - hit[i - 1]! > 4).map((v) => v + 2);
  });
  assert.ok(marks.length >= 4);
  for (const x of marks) {
    await page.mouse.click(box.x + x, box.y + 3);
    await page.waitForFunction(() => document.querySelector('.row.now :is(.failed, .k-rst, .again, em, .gap-row)') ?? /^(finding|lost events)/.test(document.querySelector('.why-head')!.textContent!));
  }
  const drop = page.locator('#listener-2 .drop').first();
  await drop.scrollIntoViewIfNeeded();
  const at = (await drop.boundingBox())!;
  await page.mouse.click(at.x + 4, at.y + 3);
  await page.waitForSelector('.row.now:has-text("FULL")');
  // A time after everything of the connection goes to the one that lived then.
  await page.$eval('.list-scroll', (e) => { e.scrollTop = 0; });
  await page.click('#conn-1');
  await page.fill('#goto', '4.3');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('.conn.on .num')!.textContent !== '1');
  await page.close();
});

test('most problems, the next problem, the whole connection: as named', async () => {
  const { page } = await shown(makeTrace({ connections: 40 }));
  await page.click('#conn-1');
  await page.selectOption('.sort', 'problems');
  await page.waitForFunction(() => document.querySelector('.list-scroll')!.scrollTop === 0 && /⚠/.test(document.querySelector('.conn')!.textContent!));
  await page.selectOption('.sort', 'start');
  await page.fill('#filter', 'outcome:refused');
  await matched(page, 6);
  await page.locator('.conn').last().click();
  await page.focus('.ladder-scroll');
  await page.keyboard.press('End');
  const before = await page.getAttribute('.row.now', 'id');
  await page.keyboard.press(']');
  await page.waitForFunction((id) => document.querySelector('.row.now')?.id !== id, before);
  await page.close();

  const long = await shown(makeTrace({ scene: 'long', events: 21_000 }));
  await long.page.click('#conn-2');
  await long.page.focus('.ladder-scroll');
  const height = () => long.page.$eval('.ladder-body', (e) => e.getBoundingClientRect().height);
  const all = await height();
  await long.page.keyboard.press('f');
  await long.page.waitForSelector('.run');
  const fit = await height();
  assert.ok(fit < 2000, `${fit} of ${all}`);
  await long.page.keyboard.press('w');
  await long.page.keyboard.press('w');
  await long.page.waitForFunction((h) => document.querySelector('.ladder-body')!.getBoundingClientRect().height > h * 1.5, fit);
  // A run tells what it holds, is walked event by event, and can be opened.
  await long.page.keyboard.press('t');
  await long.page.waitForSelector('#fold[aria-pressed=true]');
  await long.page.keyboard.press('Home');
  for (let i = 0; i < 25 && !await long.page.$('.run.now'); i++) await long.page.keyboard.press('ArrowRight');
  await long.page.waitForSelector('.run.now:has-text("events"):has-text("CLIENT")');
  const at = await long.page.textContent('.position');
  await long.page.keyboard.press('ArrowRight');
  await long.page.waitForFunction((t) => document.querySelector('.position')!.textContent !== t, at);
  await long.page.waitForSelector('.run.now');
  await long.page.click('.run.now button');
  await long.page.waitForSelector('.row.now');
  await long.page.close();
});

test('what comes is hidden: rows, headline, list, table, overview; a step reveals', async () => {
  const { page, complaints } = await shown(sampleText());
  await page.keyboard.press('Home');
  await page.click('#hide');
  const told = () => page.evaluate(() => document.querySelector('main')!.innerText);
  assert.doesNotMatch(await told(), /closed (first|normally)|FIN,ACK|event \d+ of \d/i);
  assert.equal(await page.$$eval('.ladder-body .row', (all) => all.length), 1);
  await page.waitForSelector('.summary:has-text("hidden")');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => document.querySelectorAll('.ladder-body .row').length === 2);
  await page.click('#view-answers');
  await page.waitForSelector('.table-row');
  assert.doesNotMatch(await page.innerText('.table'), /closed normally/);
  await page.click('#view-sequence');
  await page.focus('.ladder-scroll');
  await page.keyboard.press('End');
  await page.waitForSelector('.headline:has-text("Closed normally")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('which state comes next: asked before it is shown, with the score kept', async () => {
  const { page, complaints } = await shown(sampleText());
  await page.keyboard.press('Home');
  await page.click('#hide');
  await page.check('#ask');
  const next = async () => { for (let i = 0; i < 40 && !await page.$('.choices'); i++) await page.keyboard.press('ArrowRight'); };
  await next();
  await page.waitForSelector('.teacher:has-text("The client is in CLOSED")');
  const at = await page.textContent('.position');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.textContent('.position'), at, 'no step goes past a question');
  assert.deepEqual(await axe(page), []);
  await page.click('.choices button:has-text("SYN-SENT")');
  await page.waitForSelector('.teacher:has-text("Right."):has-text("1 of 1 right")');
  await page.waitForSelector('.row.now:has-text("SYN-SENT")');
  await next();
  await page.waitForSelector('.teacher:has-text("The server is in LISTEN")');
  await page.locator('.choices button', { hasNotText: 'SYN-RECEIVED' }).first().click();
  await page.waitForSelector('.teacher:has-text("No: SYN-RECEIVED"):has-text("1 of 2 right")');
  await next();
  await page.click('.choices button:has-text("Reveal")');
  await page.waitForSelector('.teacher:has-text("1 of 2 right")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('several files are all there to choose from; so are several traces in one file, plain or gzip', async () => {
  const { page, complaints } = await open(browser);
  const file = (name: string, text: string | Buffer) => ({ name, mimeType: 'x/x', buffer: Buffer.from(text) });
  await page.setInputFiles('#file', [file('a.ndjson', sampleText()), file('b.ndjson', makeTrace({ connections: 3 }))]);
  await page.waitForSelector('select.file');
  await page.waitForSelector('.list h2:has-text("1 of 1")');
  await page.selectOption('select.file', '1');
  await page.waitForSelector('.list h2:has-text("3 of 3")');
  const two = sampleText() + makeTrace({ connections: 5 }).replace('"load"', '"other"');
  for (const [name, text] of [['two.ndjson', two], ['two.ndjson.gz', gzipSync(two)]] as const) {
    await page.setInputFiles('#file', file(name, text));
    await page.waitForSelector('.notices:has-text("2 traces")');
    await page.waitForSelector('.list h2:has-text("1 of 1")');
    await page.selectOption('select.file', '1');
    await page.waitForSelector('.list h2:has-text("5 of 5")');
  }
  await page.setInputFiles('#file', file('far.ndjson', sampleText().replace(/("record":"outcome","n":\d+,"t":)\d+/, '$190071992547409931')));
  await page.waitForSelector('.notices:has-text("beyond 2^53")');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('every laptop sees a ladder; nothing is squeezed away when zoomed in, and any panel can have the page', async () => {
  for (const [width, height, least] of [[1366, 768, 330], [1280, 720, 300], [640, 360, 240]] as const) {
    const { page } = await open(browser);
    await page.setViewportSize({ width, height });
    await page.reload();
    await give(page, 'x.ndjson', makeTrace({ connections: 5 }));
    await page.waitForSelector('.ladder-body .row');
    const tall = await page.$eval('.ladder-scroll', (e) => e.clientHeight);
    assert.ok(tall >= least, `${width}×${height}: ${tall}`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    await page.close();
  }
  const { page } = await shown(makeTrace({ connections: 12 }));
  for (const panel of ['ladder', 'machine', 'why', 'queues']) {
    await page.click(`.${panel} .maximise`);
    await page.waitForSelector(`.panels.max-${panel}`);
    const box = (await page.locator(`.panel.${panel}`).boundingBox())!;
    assert.ok(box.width > 1400 && box.height > 600, `${panel}: ${box.width} × ${box.height}`);
    assert.deepEqual(await axe(page), [], panel);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.panels.max', { state: 'detached' });
  }
  await page.close();
});

test('the figure can be read: lines 3:1, labels 9 pixels, the way of each end in its colour, a click leads to the event', async () => {
  for (const theme of ['light', 'dark']) {
    const { page } = await shown(makeTrace({ connections: 12 }), `lang=en&theme=${theme}`);
    await page.click('#conn-1');
    await page.keyboard.press('End');
    const contrast = await page.evaluate(() => {
      const light = (c: string) => {
        const [r, g, b] = /(\d+), (\d+), (\d+)/.exec(c)!.slice(1).map((v) => { const s = Number(v) / 255; return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      };
      const of = (sel: string, what: 'stroke' | 'backgroundColor') => light(getComputedStyle(document.querySelector(sel)!)[what]);
      const [a, b] = [of('.edge:not(.lit) > path', 'stroke'), of('.machine', 'backgroundColor')].sort((x, y) => y - x);
      return (a! + 0.05) / (b! + 0.05);
    });
    assert.ok(contrast >= 3, `${theme}: ${contrast}`);
    const small = await page.$$eval('.machine > svg text', (all) => all.filter((e) => getComputedStyle(e).display !== 'none').map((e) => {
      const svg = e.closest('svg')!;
      const m = svg.getScreenCTM()!;
      return [e.textContent, parseFloat(getComputedStyle(e).fontSize) * m.a] as const;
    }).filter(([, px]) => px < 8.9));
    assert.deepEqual(small, []);
    const ways = await page.$$eval('.step.client path:not(.wide), .step.server path:not(.wide)', (all) => new Set(all.map((e) => getComputedStyle(e).stroke)).size);
    assert.equal(ways, 2, 'a colour for each end');
    assert.equal(await page.$$eval('.step', (all) => all.length), 10);
    await page.locator('.step.server .wide').nth(1).dispatchEvent('click');
    await page.waitForSelector('.row.now:has(.change.server)');
    await page.close();
  }
  // A reset's edge says what it was, and goes through no box.
  const { page } = await shown(makeTrace({ connections: 12 }));
  await page.click('#conn-5');
  await page.keyboard.press('End');
  await page.waitForSelector('.edge.off text:has-text("RST")');
  const crossed = await page.evaluate(() => {
    const path = document.querySelector<SVGPathElement>('.edge.off .step path:not(.wide)')!;
    const boxes = [...document.querySelectorAll('.box > rect')].map((r) => r.getBoundingClientRect());
    const m = path.getScreenCTM()!;
    let n = 0;
    for (let k = 4; k < path.getTotalLength() - 4; k += 2) {
      const p = path.getPointAtLength(k).matrixTransform(m);
      if (boxes.some((b) => p.x > b.left + 1 && p.x < b.right - 1 && p.y > b.top + 1 && p.y < b.bottom - 1)) n++;
    }
    return n;
  });
  assert.equal(crossed, 0);
  // Nobody listened on the port: no token of a server before the refusal.
  await page.click('#conn-3');
  await page.keyboard.press('Home');
  await page.waitForSelector('g.token.client');
  assert.equal(await page.$('g.token.server'), null);
  await page.close();
});

test('long times and long addresses are whole: the time column grows, a port is never cut off', async () => {
  const text = makeTrace({ connections: 5, scene: 'rare' }).replaceAll('2001:db8::443', '2001:db8:1234:5678:9abc:def0:1234:4443')
    .replace(/"t":(\d+)/g, (_, t: string) => `"t":${Number(t) === 0 ? 0 : Number(t) + 123_456_000_000_000}`);
  const { page } = await shown(text);
  await page.click('#conn-4');
  const cut = await page.$$eval('.row > .time', (all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1).length);
  assert.equal(cut, 0);
  const ports = await page.$$eval('.list .address, .ladder-head .address', (all) => all.filter((e) => {
    const port = e.lastElementChild!.getBoundingClientRect();
    const panel = e.closest('.line, .who')!.getBoundingClientRect();
    return port.width === 0 || port.right > panel.right + 1;
  }).map((e) => e.textContent));
  assert.deepEqual(ports, []);
  await page.close();
});

test('the queues follow the connection, have a scale, and take no room where nobody listens', async () => {
  const { page } = await shown(makeTrace({ connections: 12 }));
  await page.click('#conn-2');
  await page.waitForSelector('#listener-2.mine');
  await page.waitForFunction(() => {
    const box = document.querySelector('.queues-scroll')!.getBoundingClientRect();
    const mine = document.querySelector('#listener-2')!.getBoundingClientRect();
    return mine.top >= box.top - 1 && mine.top < box.bottom - 20;
  });
  assert.ok((await page.$$eval('#listener-2 .top', (all) => all.map((e) => e.textContent))).includes('3'));
  await page.click('.queues h2 [aria-expanded]');
  await page.waitForSelector('.queues-scroll', { state: 'hidden' });
  const w = new Writer();
  w.header();
  const talk = new Talk(w, 1, { client: client(1), server: SERVER });
  talk.inferred('client', 'SYN-SENT', talk.segment(1, 'client', ['SYN']));
  w.end();
  await give(page, 'none.ndjson', w.text());
  await page.waitForSelector('.queues:has-text("No listening socket")');
  assert.ok((await page.locator('.queues').boundingBox())!.height < 45);
  await page.close();
});

test('times of day and since the row before', async () => {
  const { page } = await shown(sampleText());
  await page.selectOption('#times', 'clock');
  await page.waitForFunction(() => /^03:00:00\.12/.test(document.querySelector('.row .time')!.textContent!));
  await page.selectOption('#times', 'delta');
  await page.waitForFunction(() => /^\+\d/.test(document.querySelectorAll('.row .time')[2]!.textContent!));
  await page.close();
});

test('an event is found by its words', async () => {
  const { page } = await shown(makeTrace({ connections: 12 }));
  const find = async (words: string, row: string) => {
    await page.fill('#find', words);
    await page.press('#find', 'Enter');
    await page.waitForSelector(`.row.now${row}`);
  };
  await find('econnrefused', ':has-text("ECONNREFUSED")');
  const first = await page.getAttribute('.row.now', 'id');
  await page.press('#find', 'Enter');
  await page.waitForFunction((id) => document.querySelector('.row.now')?.id !== id, first);
  await page.press('#find', 'Shift+Enter');
  await page.waitForFunction((id) => document.querySelector('.row.now')?.id === id, first);
  await find('retransmission', ':has(.again)');
  await find('state close-wait', ':has-text("CLOSE-WAIT")');
  await page.fill('#find', 'nothing-like-this');
  await page.press('#find', 'Enter');
  await page.waitForSelector('#find-bad:has-text("No such event")');
  await page.close();
});

test('the table: sorted by any column, a row leads to its connection', async () => {
  const { page, complaints } = await open(browser);
  await give(page, 'x.ndjson', leak(10, 3), true);
  await page.click('#view-answers');
  await page.waitForSelector('.table-row');
  const column = (n: number) => page.$$eval('.table [role=row]:not([aria-rowindex="1"])', (rows, k) => rows.map((r) => r.children[k]!.textContent!), n);
  for (const width of [1366, 640, 1440]) {
    await page.setViewportSize({ width, height: 768 });
    const lefts = (row: number) => page.$$eval(`.table [aria-rowindex="${row}"] > *`, (all) => all.map((e) => Math.round(e.getBoundingClientRect().left)));
    assert.deepEqual(await lefts(1), await lefts(2), `heads stand over their columns at ${width}`);
  }
  await page.click('[role=columnheader] button:has-text("RTT")');
  await page.waitForSelector('[role=columnheader][aria-sort=descending]:has-text("RTT")');
  await page.waitForFunction(() => /µs/.test(document.querySelector('.table [aria-rowindex="2"]')!.children[6]!.textContent!));
  await page.click('[role=columnheader] button:has-text("RTT")');
  await page.waitForSelector('[role=columnheader][aria-sort=ascending]:has-text("RTT")');
  assert.equal((await column(6))[0], '');
  await page.click('[role=columnheader] button:has-text("Outcome")');
  await page.waitForFunction(() => /dropped by the listener/.test(document.querySelector('.table [aria-rowindex="2"]')!.textContent!));
  await page.fill('#filter', 'final:close-wait');
  await page.waitForFunction(() => document.querySelector('.table')!.getAttribute('aria-labelledby') && document.querySelector('.table-scroll')!.getAttribute('aria-rowcount') === '11');
  assert.ok((await column(8)).every((s) => /CLOSE-WAIT/.test(s)));
  assert.deepEqual(await axe(page), []);
  await page.click('.table [aria-rowindex="3"]');
  await page.waitForSelector('.ladder-body .row.now');
  await page.waitForSelector('.conn.on');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('paper gets the whole connection, light, with its arrows and marks', async () => {
  const { page, complaints } = await shown(sampleText(), 'lang=en&theme=dark');
  await page.keyboard.press('End');
  await page.keyboard.press('m');
  await page.fill('.mark textarea', 'the end');
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({ media: 'print' });
  const events = Number(/of (\d+)/.exec((await page.evaluate(() => document.querySelector('.position')!.textContent!)))![1]);
  assert.equal(await page.$$eval('#paper tbody tr:not(.paper-idle)', (all) => all.length), events);
  assert.equal(await page.isVisible('#app'), false);
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
  assert.ok(await page.$$eval('#paper .arrow svg path', (all) => all.length) > 10, 'arrowheads are drawn, not backgrounds');
  await page.waitForSelector('#paper li:has-text("the end")');
  await page.waitForSelector('#paper svg .token');
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  await page.emulateMedia({ media: null });
  assert.equal(await page.$('#paper'), null);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  const pdf = await page.pdf();
  assert.ok((pdf.toString('latin1').match(/\/Type \/Page\b[^s]/g) ?? []).length >= 2, 'more than a screen');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('arrowheads are seen in forced colours', async () => {
  const { page } = await shown(sampleText());
  await page.emulateMedia({ forcedColors: 'active' });
  const fill = await page.$eval('.arrow svg path', (e) => getComputedStyle(e).fill);
  assert.notEqual(fill, await page.$eval('.ladder', (e) => getComputedStyle(e).backgroundColor));
  assert.equal(await page.$('.seg .head'), null);
  await page.close();
});

test('pictures to take along: SVG and PNG of ladder and machine', async () => {
  const { page, complaints } = await shown(makeTrace({ connections: 12, scene: 'hostile' }));
  await page.fill('#filter', '#13');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#conn-13.on');
  for (const [id, begins] of [['ladder-svg', '<svg'], ['machine-svg', '<svg'], ['ladder-png', '\u0089PNG'], ['machine-png', '\u0089PNG']] as const) {
    await page.click('#share');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`#${id}`)]);
    const chunks: Buffer[] = [];
    for await (const c of await download.createReadStream()) chunks.push(c as Buffer);
    const bytes = Buffer.concat(chunks);
    assert.equal(bytes.subarray(0, 4).toString('latin1'), begins, id);
    assert.match(download.suggestedFilename(), /\.(svg|png)$/);
    if (begins === '<svg') {
      assert.match(bytes.toString(), /SYN-SENT/);
      assert.doesNotMatch(bytes.toString(), /<script|<img|var\(--/);
    } else assert.ok(bytes.length > 5000);
  }
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a report opens where it was saved, with its marks in sight; marks are not dropped without asking; the tab has a name', async () => {
  const { page } = await shown(makeTrace({ connections: 12 }), 'lang=en&theme=light', 'lesson 3.ndjson');
  assert.equal(await page.title(), 'lesson 3.ndjson – tcplens');
  await page.click('.switch button[lang=zh-CN]');
  await page.click('#theme');
  await page.click('#conn-5');
  await page.keyboard.press('End');
  await page.click('.row:has(.k-rst)');
  await page.keyboard.press('m');
  await page.fill('.mark textarea', '为什么重置？');
  await page.selectOption('#times', 'delta');
  await page.click('.ladder .maximise');
  const n = await page.getAttribute('.row.now', 'id');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  const path = join(tmpdir(), `tcplens-saved-${process.pid}.html`);
  await download.saveAs(path);
  // Another trace: the page asks, and stays where the answer is no.
  await page.click('.row >> nth=0');
  await page.keyboard.press('m');
  let asked = 0;
  page.on('dialog', (dialog) => { asked++; void dialog.dismiss(); });
  await page.setInputFiles('#file', { name: 'z.ndjson', mimeType: 'x/x', buffer: Buffer.from(sampleText()) });
  await page.waitForFunction(() => document.title.startsWith('lesson'));
  assert.equal(asked, 1);
  await page.close({ runBeforeUnload: false });

  const again = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await again.goto(`file://${path}`);
  await again.waitForFunction((id) => document.querySelector('.row.now')?.id === id, n);
  assert.equal(await again.getAttribute('html', 'lang'), 'zh-CN');
  assert.equal(await again.evaluate(() => document.documentElement.dataset.theme), 'dark');
  assert.equal(await again.inputValue('#times'), 'delta');
  await again.waitForSelector('.panels.max-ladder');
  await again.keyboard.press('Escape');
  const mark = (await again.locator('.marks button').first().boundingBox())!;
  assert.ok(mark.y + mark.height < 900, 'above the fold');
  // The marks as slides.
  await again.click('#share');
  await again.click('#slides');
  await again.waitForSelector('.teacher .slide-text:has-text("为什么重置？")');
  // The keys of a presenter's remote go from slide to slide, and so do the arrows.
  await again.click('.row >> nth=0');
  await again.keyboard.press('m');
  for (const [key, place] of [['ArrowRight', 2], ['ArrowRight', 1], ['ArrowLeft', 2], ['PageUp', 1], ['PageDown', 2]] as const) {
    await again.keyboard.press(key);
    await again.waitForSelector(`.teacher:has-text("第 ${place} / 2 张")`);
  }
  await again.close();
  rmSync(path);
});

test('graphs on the page’s own cursor; a range has totals', async () => {
  const { page, complaints } = await shown(makeTrace({ connections: 12 }));
  await page.click('#conn-5');
  await page.click('#graphs');
  for (const [width, height] of [[1366, 768], [1440, 900]] as const) {
    await page.setViewportSize({ width, height });
    await page.waitForFunction(() => {
      const plot = document.querySelector('.graph-plot')!.getBoundingClientRect();
      return plot.height >= 90 && plot.bottom <= document.querySelector('.queues')!.getBoundingClientRect().bottom;
    });
  }
  const colours = () => page.$eval('.graph canvas', (e) => {
    const c = e as HTMLCanvasElement;
    return new Set(new Uint32Array(c.getContext('2d')!.getImageData(0, 0, c.width, c.height).data.buffer)).size;
  });
  for (const mode of ['stevens', 'tcptrace', 'window']) {
    await page.selectOption('.graph-bar select >> nth=0', mode);
    await page.waitForSelector('.graph canvas');
    assert.ok(await colours() > 3, mode);
  }
  await page.selectOption('.graph-bar select >> nth=0', 'tcptrace');
  const box = (await page.locator('.graph-plot').boundingBox())!;
  await page.mouse.move(box.x + 20, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 2, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await page.waitForSelector('.totals:has-text("segments"):has-text("1 sent again")');
  assert.deepEqual(await axe(page), []);
  await page.mouse.click(box.x + box.width * 0.7, box.y + 40);
  await page.waitForSelector('.row.now');
  // Reading its pixels is this test's own doing.
  assert.deepEqual(complaints.filter((c) => !/willReadFrequently/.test(c)), []);
  await page.close();
});

test('panels are resized by hand and by key, within what the window allows; a link keeps them', async () => {
  const { page, complaints } = await shown(makeTrace({ connections: 12 }));
  const size = async (panel: string, what: 'width' | 'height') => Math.round((await page.locator(panel).boundingBox())![what]);
  for (const [name, panel, what, dx, dy] of [['list', '.col-list', 'width', 60, 0], ['side', '.col-side', 'width', -60, 0], ['queues', '.queues-scroll', 'height', 0, -60]] as const) {
    const before = await size(panel, what);
    const ladder = await size('.ladder', what);
    const at = (await page.locator(`.splitter.of-${name}`).boundingBox())!;
    const [x, y] = [at.x + at.width / 2, at.y + at.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + dx, y + dy, { steps: 4 });
    await page.mouse.up();
    assert.equal(await size(panel, what), before + 60, name);
    assert.ok(await size('.ladder', what) <= ladder);
    // By key, and the page's cursor stays where it is.
    const position = await page.textContent('.position');
    await page.focus(`.splitter.of-${name}`);
    await page.keyboard.press(name === 'list' ? 'ArrowLeft' : name === 'side' ? 'ArrowRight' : 'ArrowDown');
    assert.equal(await size(panel, what), before + 44, name);
    assert.equal(await page.textContent('.position'), position);
    for (let i = 0; i < 60; i++) await page.keyboard.press(name === 'list' ? 'ArrowRight' : name === 'side' ? 'ArrowLeft' : 'ArrowUp');
    const most = Number(await page.getAttribute(`.splitter.of-${name}`, 'aria-valuemax'));
    assert.ok(await size(panel, what) > before + 60 && await size(panel, what) <= most, `${name}: not over the window`);
    assert.ok(await size('.ladder', 'width') > 200 && await size('.ladder', 'height') > 190, 'a ladder is left');
    await page.keyboard.press('Home');
    assert.equal(await size(panel, what), before, `${name}: as it was`);
  }
  await page.focus('.splitter.of-list');
  await page.keyboard.press('ArrowRight');
  const list = await size('.col-list', 'width');
  assert.deepEqual(await axe(page), []);
  await page.waitForFunction((px) => location.hash.includes(`size=${px}..`), list);
  assert.deepEqual(complaints, []);
  const hash = await page.evaluate(() => location.hash.slice(1));
  await page.close();
  const again = await shown(makeTrace({ connections: 12 }), hash);
  assert.equal(Math.round((await again.page.locator('.col-list').boundingBox())!.width), list);
  await again.page.setViewportSize({ width: 800, height: 900 });
  assert.equal(await again.page.isVisible('.splitter'), false);
  assert.equal(await again.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  await again.page.close();
});

test('a link is copied, or is there to be copied by hand where the clipboard is refused', async () => {
  for (const [write, says] of [['async (text) => { globalThis.copied = text; }', 'Copied'], ['async () => { throw new DOMException("no", "NotAllowedError"); }', 'refused'], ['undefined', 'refused']] as const) {
    const { page, complaints } = await open(browser, undefined, undefined, `Object.defineProperty(navigator, 'clipboard', { value: ${write === 'undefined' ? write : `{ writeText: ${write} }`} })`);
    await give(page, 'x.ndjson', sampleText());
    await page.waitForSelector('.ladder-body .row');
    await page.click('#share');
    await page.click('#copy-link');
    await page.waitForSelector(`#copied-link:has-text("${says}")`);
    const link = says === 'Copied' ? String(await page.evaluate('copied')) : await page.inputValue('#link');
    assert.match(link, /^file:.*#v=1.*&c=1&n=\d+/);
    if (says === 'refused') assert.equal(await page.evaluate(() => String(getSelection())), link, 'a key copies it');
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('the tour of the sample goes through it step by step, in both languages', async () => {
  for (const lang of ['en', 'zh']) {
    const { page, complaints } = await open(browser, `lang=${lang}`);
    await page.click('#tour');
    await page.waitForSelector('.teacher .slide-text');
    const seen = new Set<string>();
    for (let i = 0; i < 9; i++) {
      seen.add((await page.textContent('.teacher .slide-text'))!);
      if (i === 1) await page.waitForSelector('.row.now:has-text("SYN-SENT")');
      if (i === 8) await page.waitForSelector('.row.now:has-text("TIME-WAIT")');
      if (i < 8) await page.keyboard.press('PageDown');
    }
    assert.equal(seen.size, 9);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.teacher', { state: 'detached' });
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('the notes of the figure and the glossary are on the page, in both languages; full screen is a button and a key', async () => {
  for (const [lang, note, term] of [['en', /RFC 9293/, 'TIME-WAIT'], ['zh', /RFC 9293/, 'TIME-WAIT']] as const) {
    const { page, complaints } = await open(browser, `lang=${lang}`);
    await give(page, 'x.ndjson', sampleText());
    await page.click('.figure-notes summary');
    assert.ok(await page.locator('.figure-notes li').count() >= 3, `${lang}: notes 1 to 3`);
    assert.match((await page.textContent('.machine'))!, note);
    await page.click('#share');
    await page.click('#full-screen');
    await page.waitForFunction(() => document.fullscreenElement !== null);
    await page.focus('.ladder-scroll');
    await page.keyboard.press('Shift+F');
    await page.waitForFunction(() => document.fullscreenElement === null);
    await page.keyboard.press('Shift+Slash');
    await page.waitForSelector('dialog[open] dt');
    assert.ok((await page.$$eval('dialog dt', (all) => all.map((e) => e.textContent))).some((t) => t!.includes(term)), lang);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});
