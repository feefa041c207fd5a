// A file to the parser: gzip is undone and a capture file is recognised.

import { Parser, Refused } from './parse';
import { CAPTURE_MAGICS } from './words';

const GZIP = [0x1f, 0x8b];
const PIECE = 1 << 18;

export interface Progress { read: number; size: number }
/** The reader waits for what `progress` returns. */
export interface Telling { everyMs: number; progress(p: Progress): void | Promise<void> }

const starts = (head: Uint8Array, magic: readonly number[]) => magic.every((b, i) => head[i] === b);

async function head(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(0, 4).arrayBuffer());
}

/**
 * Reads one trace file into the parser. Throws Refused where it is no trace. A gzip stream that
 * ends too early keeps what was read: the missing `end` record tells of the cut.
 */
export async function readFile(
  file: File, parser: Parser, tell: Telling, signal?: AbortSignal,
): Promise<void> {
  const first = await head(file);
  if (file.size === 0) throw new Refused({ kind: 'empty' });
  if (CAPTURE_MAGICS.some((m) => starts(first, m))) throw new Refused({ kind: 'capture', name: file.name });
  let read = 0;
  const gzip = starts(first, GZIP);
  const bytes = gzip ? file.stream().pipeThrough(new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, out) {
      read += chunk.byteLength;
      out.enqueue(chunk);
    },
  })).pipeThrough(new DecompressionStream('gzip') as unknown as TransformStream<Uint8Array, Uint8Array>) : file.stream();
  const reader = bytes.getReader();
  let told = -Infinity;
  let seen = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal?.aborted) break;
      if (!seen) {
        seen = true;
        if (CAPTURE_MAGICS.some((m) => starts(value, m))) {
          throw new Refused({ kind: 'capture', name: file.name });
        }
      }
      // Cut: where the page itself reads, a chunk of 2 MB would hold it for longer than a frame.
      for (let at = 0; at < value.length && !signal?.aborted; at += PIECE) {
        const piece = value.subarray(at, at + PIECE);
        parser.feed(piece);
        if (!gzip) read += piece.length;
        // The first rows are told of at once.
        if (performance.now() - told < tell.everyMs) continue;
        parser.flush();
        await tell.progress({ read, size: file.size });
        told = performance.now();
      }
    }
  } catch (e) {
    if (e instanceof Refused) throw e;
    const message = e instanceof Error ? e.message : String(e);
    if (!(gzip && parser.header)) throw new Refused({ kind: 'unreadable', message });
  } finally {
    void reader.cancel().catch(() => undefined);
  }
  parser.finish();
}
