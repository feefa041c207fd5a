// A capture file through the engine, in constant memory: in a worker, or where none can start on the page.

import { breathe } from '../trace/breathe';
import type { Telling } from '../trace/source';
import { CaptureError, Engine, type Options, type Taker } from './module';

/** What is read, and by what: the module, gzipped. */
export interface CaptureJob { file: File; engine: Uint8Array<ArrayBuffer>; options: Options }
/** failed: why it was not read to its end. */
export interface Captured { packets: number; offloaded: number; failed: string | undefined }

const GZIP = [0x1f, 0x8b];
const PIECE = 1 << 16;
const PART = 1 << 23;

type Bytes = ReadableStream<Uint8Array>;
/** Is told how many bytes of the file were read. */
type Took = (bytes: number) => void;
const gunzip = () => new DecompressionStream('gzip') as unknown as TransformStream<Uint8Array, Uint8Array>;

export async function compile(engine: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await new Response(new Blob([engine]).stream().pipeThrough(gunzip())).arrayBuffer());
}

/** What a gzip stream holds up to where it is damaged or ends too early, and then the error. Such a stream forgets what it had
 * unpacked and nobody had read yet: so it is given the next piece only where all is read. */
async function* unpacked(packed: Bytes, took: Took): AsyncGenerator<Uint8Array> {
  const { readable, writable } = gunzip();
  const writer = writable.getWriter();
  const out = readable.getReader();
  let waiting = false;
  let ended = false;
  const drained = async () => {
    do await breathe();
    while (!waiting);
  };
  const fill = async () => {
    for await (const bytes of plain(packed, took)) {
      for (let at = 0; at < bytes.length; at += PIECE) {
        await drained();
        await writer.write(bytes.subarray(at, at + PIECE));
      }
    }
    await drained();
    ended = true;
    await writer.close();
  };
  const filled = fill();
  filled.catch((e: unknown) => writer.abort(e).catch(() => undefined));
  try {
    for (;;) {
      waiting = true;
      const { done, value } = await out.read();
      waiting = false;
      if (done) return;
      yield value;
    }
  } catch (e) {
    if (e instanceof DOMException) throw e; // of the file, not of what is in it
    // zlib's words for the one; the other has too many causes to tell.
    throw new Error(ended ? 'unexpected end of file' : 'the gzip data is damaged');
  } finally {
    waiting = true;
    out.cancel().catch(() => undefined);
  }
}

async function* plain(bytes: Bytes, took: Took): AsyncGenerator<Uint8Array> {
  const reader = bytes.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      took(value.length);
      yield value;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** Throws CaptureError where the file is no capture. */
export async function readCapture(
  job: CaptureJob, to: Taker, tell: Telling, signal?: AbortSignal,
): Promise<Captured> {
  const { file } = job;
  const engine = new Engine(await compile(job.engine), to, file.name, job.options);
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  let read = 0;
  let told = -Infinity;
  let begun = false;
  let failed: string | undefined;
  const took = (bytes: number) => { read += bytes; };
  const feed = async () => {
    for await (const bytes of GZIP.every((b, i) => head[i] === b) ? unpacked(file.stream(), took) : plain(file.stream(), took)) {
      for (let at = 0; at < bytes.length; at += PIECE) {
        if (signal?.aborted) return;
        begun = true;
        engine.feed(bytes.subarray(at, at + PIECE));
        if (performance.now() - told < tell.everyMs) continue;
        await tell.progress({ read, size: file.size });
        told = performance.now();
      }
    }
    engine.complete();
  };
  try {
    await feed();
  } catch (e) {
    if (e instanceof WebAssembly.RuntimeError || (e instanceof CaptureError && e.refused)) throw e;
    const why = e instanceof Error ? e.message : String(e);
    failed = e instanceof CaptureError ? why : `cannot read on after ${engine.packets} packets: ${why}`;
    if (!begun) throw new CaptureError(failed, true);
  }
  if (!signal?.aborted) engine.end(failed !== undefined);
  return { packets: engine.packets, offloaded: engine.offloaded, failed };
}

/** The trace as `tcplens read` writes it. Parts of it are handed to the browser, which may keep them on its disk. */
export async function makeTrace(job: CaptureJob, tell: Telling, signal?: AbortSignal): Promise<Blob> {
  let whole = new Blob();
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const lines = (lines: Uint8Array) => {
    parts.push(lines.slice());
    size += lines.length;
    if (size < PART) return;
    whole = new Blob([whole, ...parts]);
    parts = [];
    size = 0;
  };
  await readCapture(job, { lines }, tell, signal);
  return new Blob([whole, ...parts]);
}
