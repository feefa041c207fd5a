// Reading a file off the page's own thread. The worker is the page's own script, from a Blob: so it
// works from file:// too, and nothing is in the page twice. Where no worker can start, the page
// reads by itself.

import { buffersOf, type Slice } from './columns';
import { Parser, Refused, type Malformed, type Refusal } from './parse';
import { readFile, type Progress } from './source';

/** What is known of a file besides its records. */
export interface Status { malformed: Malformed | undefined; tooLarge: boolean; ended: boolean; more: number[] }
export type Message = { slice: Slice } | { progress: Progress; status: Status } | { done: Status } | { refused: Refusal };
export interface Reading { slice(s: Slice): void; progress(p: Progress, s: Status): void }

const statusOf = ({ malformed, tooLarge, ended, more }: Parser): Status => ({ malformed, tooLarge, ended, more });
const whyOf = (e: unknown): Refusal =>
  (e instanceof Refused ? e.why : { kind: 'unreadable', message: e instanceof Error ? e.message : String(e) });

/** The worker's side: one file in, slices and progress out, and at last `done` or `refused`. */
export async function serve(file: File, tell: (m: Message, give?: Transferable[]) => void): Promise<void> {
  const parser = new Parser((slice) => tell({ slice }, buffersOf(slice)));
  try {
    await readFile(file, parser, { everyMs: 100, progress: (progress) => tell({ progress, status: statusOf(parser) }) });
    tell({ done: statusOf(parser) });
  } catch (e) {
    tell({ refused: whyOf(e) });
  }
}

/** What the script does where there is no document. */
export function work(): void {
  onmessage = ({ data }: MessageEvent<File>) => void serve(data, (m, give = []) => postMessage(m, { transfer: give }));
}

interface Policies { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string } }
const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
const script = typeof document === 'undefined' ? '' : (document.currentScript?.textContent ?? '');
let address: string | undefined;

function begin(): Worker {
  if (address === undefined) {
    const own = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    // The one address that may become a script.
    address = policies ? policies.createPolicy('tcplens', { createScriptURL: () => own }).createScriptURL(own) : own;
  }
  return new Worker(address);
}

/** Resolves once all is read, or with what was read before the signal. Rejects with Refused. */
export async function read(file: File, to: Reading, signal: AbortSignal, start: () => Worker = begin): Promise<Status> {
  let worker: Worker;
  try {
    worker = start();
  } catch {
    return readHere(file, to, signal);
  }
  return new Promise((done, fail) => {
    let status: Status = { malformed: undefined, tooLarge: false, ended: false, more: [] };
    let heard = false;
    const over = () => worker.terminate();
    signal.addEventListener('abort', () => {
      over();
      done(status);
    });
    worker.onerror = (e) => {
      e.preventDefault();
      over();
      // One that never said a word did not start: its script may not run here.
      if (heard) fail(new Refused({ kind: 'unreadable', message: e.message }));
      else readHere(file, to, signal).then(done, fail);
    };
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      heard = true;
      if (signal.aborted) return;
      if ('slice' in data) to.slice(data.slice);
      else if ('progress' in data) to.progress(data.progress, (status = data.status));
      else {
        over();
        if ('done' in data) done(data.done);
        else fail(new Refused(data.refused));
      }
    };
    worker.postMessage(file);
  });
}

/** Lets the browser draw and take input; a timer of 0 would be stretched to 4 ms. */
function breathe(): Promise<void> {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(0);
  });
}

async function readHere(file: File, to: Reading, signal: AbortSignal): Promise<Status> {
  const parser = new Parser((slice) => to.slice(slice));
  try {
    await readFile(file, parser, {
      everyMs: 12,
      progress(p) {
        to.progress(p, statusOf(parser));
        return breathe();
      },
    }, signal);
  } catch (e) {
    throw new Refused(whyOf(e));
  }
  return statusOf(parser);
}
