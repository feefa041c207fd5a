// Reading a file off the page's own thread. The worker is the page's own script, from a Blob: so it
// works from file:// too, and nothing is in the page twice. Where no worker can start, the page
// reads by itself.

import { makeTrace, readCapture, type Captured, type CaptureJob } from '../engine/capture';
import { breathe } from './breathe';
import { bufferOf, type Slice } from './columns';
import { Parser, Refused, type Malformed, type Refusal } from './parse';
import { readFile, type Progress, type Telling } from './source';

/** What is known of a file besides its records. */
export interface Status { malformed: Malformed | undefined; tooLarge: boolean; ended: boolean; more: number[]; captured?: Captured; saved?: Blob }
/** A trace, or a capture with what makes one of it; `save`: the trace itself is asked for, not its rows. */
export type Job = File | CaptureJob | (CaptureJob & { save: true });
export type Message = { slice: Slice } | { progress: Progress; status: Status } | { done: Status } | { refused: Refusal };
export interface Reading { slice(s: Slice): void; progress(p: Progress, s: Status): void }

const statusOf = ({ malformed, tooLarge, ended, more }: Parser): Status => ({ malformed, tooLarge, ended, more });
const whyOf = (e: unknown): Refusal =>
  (e instanceof Refused ? e.why : { kind: 'unreadable', message: e instanceof Error ? e.message : String(e) });

/** Whatever it is, into the parser. */
async function readJob(job: Job, parser: Parser, tell: Telling, signal?: AbortSignal): Promise<Status> {
  if (!('engine' in job)) {
    await readFile(job, parser, tell, signal);
    return statusOf(parser);
  }
  const progress = (p: Progress) => {
    parser.flush();
    return tell.progress(p);
  };
  if ('save' in job) return { ...statusOf(parser), saved: await makeTrace(job, tell, signal) };
  const captured = await readCapture(job, { lines: (lines) => parser.feed(lines), columns: parser }, { ...tell, progress }, signal);
  parser.finish();
  return { ...statusOf(parser), captured };
}

/** The worker's side: one file in, slices and progress out, and at last `done` or `refused`. */
export async function serve(job: Job, tell: (m: Message, give?: Transferable[]) => void): Promise<void> {
  const parser = new Parser((slice) => tell({ slice }, [bufferOf(slice)]));
  const progress = (progress: Progress) => tell({ progress, status: statusOf(parser) });
  try {
    tell({ done: await readJob(job, parser, { everyMs: 100, progress }) });
  } catch (e) {
    tell({ refused: whyOf(e) });
  }
}

/** What the script does where there is no document. */
export function work(): void {
  onmessage = ({ data }: MessageEvent<Job>) => void serve(data, (m, give = []) => postMessage(m, { transfer: give }));
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
export async function read(job: Job, to: Reading, signal: AbortSignal, start: () => Worker = begin): Promise<Status> {
  let worker: Worker;
  try {
    worker = start();
  } catch {
    return readHere(job, to, signal);
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
      else readHere(job, to, signal).then(done, fail);
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
    worker.postMessage(job);
  });
}

async function readHere(job: Job, to: Reading, signal: AbortSignal): Promise<Status> {
  const parser = new Parser((slice) => to.slice(slice));
  try {
    return await readJob(job, parser, {
      everyMs: 12,
      progress(p) {
        to.progress(p, statusOf(parser));
        return breathe();
      },
    }, signal);
  } catch (e) {
    throw new Refused(whyOf(e));
  }
}
