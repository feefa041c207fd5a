// Drives Debian's Firefox by Marionette, the protocol that is built into it: JSON behind its length,
// over TCP. playwright-core only drives a Firefox of its own.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const DEADLINE = 60_000;

/** Where Firefox is: what FIREFOX names, else the first in $PATH. */
export function findFirefox(): string | undefined {
  if (process.env.FIREFOX) return process.env.FIREFOX;
  return (process.env.PATH ?? '').split(delimiter)
    .flatMap((dir) => [join(dir, 'firefox-esr'), join(dir, 'firefox')]).find(existsSync);
}

/** Asks again until it is there: Firefox tells its port by a file, and a page when it has drawn by what it drew. */
async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const got = await look();
    if (got !== undefined && got !== false) return got as T;
    if (Date.now() > end) throw new Error(`Firefox: ${what} did not happen`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export class Firefox {
  #child: ChildProcess;
  #socket!: Socket;
  #profile: string;
  #rest = Buffer.alloc(0);
  #id = 0;
  #said = '';
  #waiting = new Map<number, { done: (v: unknown) => void; fail: (e: Error) => void }>();

  private constructor(path: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'tcplens-firefox-'));
    // Port 0: a free one, which Firefox then writes into a file.
    writeFileSync(join(this.#profile, 'user.js'), [
      ['marionette.port', 0], ['browser.shell.checkDefaultBrowser', false], ['datareporting.policy.dataSubmissionEnabled', false],
      ['app.update.enabled', false], ['network.captive-portal-service.enabled', false], ['network.connectivity-service.enabled', false],
    ].map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});\n`).join(''));
    this.#child = spawn(path, ['--headless', '--no-remote', '--marionette', '--profile', this.#profile], {
      stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: this.#profile, MOZ_CRASHREPORTER_DISABLE: '1' },
    });
    this.#child.stderr!.on('data', (d) => { this.#said = (this.#said + String(d)).slice(-1000); });
    this.#child.on('error', (e) => this.#fail(e));
    this.#child.on('exit', () => this.#fail(this.#ended()));
  }

  #ended(): Error {
    return new Error(`Firefox ended by itself: ${this.#said.trim()}`);
  }

  get #over(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  static async launch(path: string): Promise<Firefox> {
    const f = new Firefox(path);
    try {
      const file = join(f.#profile, 'MarionetteActivePort');
      const port = await until('its start', () => {
        if (f.#over) throw f.#ended();
        return (existsSync(file) && Number(readFileSync(file, 'utf8'))) || undefined;
      });
      f.#socket = connect(port, '127.0.0.1');
      f.#socket.on('data', (d) => f.#take(d));
      f.#socket.on('error', (e) => f.#fail(e));
      f.#socket.on('close', () => f.#fail(new Error('Firefox hung up')));
      await f.send('WebDriver:NewSession', { capabilities: {} });
      return f;
    } catch (e) {
      await f.close();
      throw e;
    }
  }

  #fail(e: Error): void {
    for (const w of this.#waiting.values()) w.fail(e);
    this.#waiting.clear();
  }

  #take(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    for (;;) {
      const colon = this.#rest.indexOf(58);
      const len = Number(this.#rest.subarray(0, Math.max(0, colon)).toString());
      if (colon < 0 || this.#rest.length < colon + 1 + len) return;
      const message = JSON.parse(this.#rest.subarray(colon + 1, colon + 1 + len).toString()) as unknown;
      this.#rest = this.#rest.subarray(colon + 1 + len);
      // The first message is a greeting, an object.
      if (!Array.isArray(message)) continue;
      const [, id, error, result] = message as [number, number, { message: string } | null, unknown];
      const w = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) w?.fail(new Error(error.message));
      else w?.done(result);
    }
  }

  send(command: string, params: object): Promise<unknown> {
    const text = Buffer.from(JSON.stringify([0, ++this.#id, command, params]));
    this.#socket.write(Buffer.concat([Buffer.from(`${text.length}:`), text]));
    return new Promise((done, fail) => this.#waiting.set(this.#id, { done, fail }));
  }

  goto(url: string): Promise<unknown> {
    return this.send('WebDriver:Navigate', { url });
  }

  /** One key pressed and let go, as a hand does it. */
  key(value: string): Promise<unknown> {
    const actions = ['keyDown', 'keyUp'].map((type) => ({ type, value }));
    return this.send('WebDriver:PerformActions', { actions: [{ type: 'key', id: 'keys', actions }] });
  }

  /** Of the window, with its frame. */
  resize(width: number, height: number): Promise<unknown> {
    return this.send('WebDriver:SetWindowRect', { width, height });
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    return (await this.send('WebDriver:ExecuteScript', { script: `return (${expression});`, args: [] }) as { value: unknown }).value;
  }

  waitFor(expression: string): Promise<unknown> {
    return until(expression, async () => ((await this.evaluate(expression)) ? true : undefined));
  }

  async screenshot(): Promise<Buffer> {
    return Buffer.from((await this.send('WebDriver:TakeScreenshot', { full: false }) as { value: string }).value, 'base64');
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
    const ended = new Promise((done) => this.#child.once('exit', done));
    if (!this.#over) {
      this.#child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
