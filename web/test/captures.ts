// Captures, whole and damaged, and what the program says of them: the engine is held to that.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';

export function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run make check-engine`);
  return value;
}

/** All files of the folders that CAPTURES names. */
export function captures(): string[] {
  const found = variable('CAPTURES').split(delimiter).flatMap((folder) => readdirSync(folder).sort()
    .filter((name) => /\.(pcap|pcapng)(\.gz)?$/.test(name)).map((name) => join(folder, name)));
  if (found.length < 100) throw new Error(`only ${found.length} captures in ${variable('CAPTURES')}`);
  return found;
}

/** trace: undefined where there is none. message: of the error, without program and file; empty: there was none. */
export interface Said { trace: Buffer | undefined; message: string }

const AFTER = ' (what came before was read)';

/** What `tcplens read` makes of a file. It is read by its bare name, as a browser knows it. */
export function program(path: string, options: string[] = []): Said {
  const { status, stdout, stderr } = spawnSync(variable('TCPLENS'), ['read', '-q', '-o', '-', ...options, basename(path)], {
    cwd: dirname(path), maxBuffer: 1 << 30,
  });
  if (status !== 0 && status !== 1) throw new Error(`${path}: status ${status}: ${stderr}`);
  const line = String(stderr).trim();
  const before = `tcplens: ${basename(path)}: `;
  const message = status === 0 ? '' : line.startsWith(before) ? line.slice(before.length).replace(AFTER, '') : line;
  return { trace: stdout.length > 0 ? stdout : undefined, message };
}

export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), 'tcplens-engine-'));

  file(name: string, content: Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** Reproducible numbers below n (xorshift32). */
export function random(seed: number): (n: number) => number {
  let x = seed || 1;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}

/** Cut off somewhere, or with bytes changed: half of them in the first packets, where damage is felt. */
export function damaged(whole: Uint8Array, draw: (n: number) => number): Uint8Array {
  const data = whole.slice();
  if (draw(4) === 0) return data.subarray(0, draw(data.length));
  for (let left = [1, 2, 8, 64][draw(4)]!; left > 0; left--) {
    const at = draw(2) === 0 ? draw(data.length) : draw(Math.min(data.length, 400));
    data[at]! ^= 1 + draw(255);
  }
  return data;
}

export const sizeOf = (path: string) => statSync(path).size;
export const bytesOf = (path: string) => new Uint8Array(readFileSync(path));
