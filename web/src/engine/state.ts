// What the page knows of captures: the engine it was given, what was asked for.

import { signal } from '@preact/signals';
import type { Captured, CaptureJob } from './capture';
import { DEFAULTS, type Options } from './module';
import { read } from '../trace/worker';

/** Empty in a page without. */
let engine = new Uint8Array(0);

export function giveEngine(bytes: Uint8Array<ArrayBuffer>): void {
  engine = bytes;
}

export const hasEngine = () => engine.length > 0;

export const options = signal<Options>(DEFAULTS);
/** The capture that is open. */
export const capture = signal<CaptureJob | undefined>(undefined);
/** How it ended; undefined while it is read. */
export const captured = signal<Captured | undefined>(undefined);
export const savingTrace = signal(false);

/** What reads this file; undefined: this page has no engine. */
export const jobOf = (file: File): CaptureJob | undefined => (engine.length === 0 ? undefined : { file, engine, options: options.value });

/** The same, and from now on that is the capture that is open. */
export function jobFor(file: File): CaptureJob | undefined {
  return (capture.value = jobOf(file));
}

/** The trace itself, by a worker of its own: what is on the page stays. */
export async function makeTrace(job: CaptureJob): Promise<Blob> {
  const status = await read({ ...job, save: true }, { slice() {}, progress() {} }, new AbortController().signal);
  return status.saved!;
}
