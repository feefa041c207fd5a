// The engine: `tcplens read` as a WebAssembly module (src/wasm/engine.c). One instance reads one capture, and its memory goes
// with it. Knows no files, no page.

import type { Wide } from '../trace/columns';
import { SharedColumns } from './columns';

export const SEGMENTS = ['all', 'control', 'none'] as const;
export const CHECKSUMS = ['auto', 'check', 'ignore'] as const;
/** What `tcplens read` can be asked for, by the names of its options. */
export interface Options {
  ports: number[];
  hosts: string[];
  segments: (typeof SEGMENTS)[number];
  checksums: (typeof CHECKSUMS)[number];
  udp: boolean;
}
export const DEFAULTS: Options = { ports: [], hosts: [], segments: 'all', checksums: 'auto', udp: false };

interface Exports {
  memory: WebAssembly.Memory;
  engine_columns(): number;
  engine_input(): number;
  engine_input_size(): number;
  engine_error(): number;
  engine_port(port: number): number;
  engine_host(length: number): number;
  engine_begin(length: number, segments: number, checksums: number, datagrams: number, seedHigh: number, seedLow: number): number;
  engine_feed(length: number): number;
  engine_complete(): number;
  engine_end(failed: number): number;
  engine_packets(): number;
  engine_offloaded(): number;
}

/** What the engine says: lines of the trace, which lie in its memory and are to be taken before it returns. */
export interface Taker {
  lines(bytes: Uint8Array): void;
  /** Instead of most lines there are columns, to which the rest is to be added. */
  columns?: {
    share(columns: Wide): void;
    /** They are full: takes what is in them. */
    flush(): void;
    /** Of the line that came last: the number of its template, if that has so many holes and none for strings; else 0. */
    likeWith(holes: number): number;
  };
}

/** The file is no capture: there is no trace. EINVAL of wasi-libc. */
const NO_CAPTURE = -28;

/** Why a capture could not be read, or not to its end: in the program's words. */
export class CaptureError extends Error {
  constructor(message: string, readonly refused: boolean) {
    super(message);
  }
}

export class Engine {
  readonly #c: Exports;
  readonly #input: number;
  readonly #size: number;
  #columns: SharedColumns | undefined;

  constructor(module: WebAssembly.Module, to: Taker, name: string, options: Options) {
    const instance = new WebAssembly.Instance(module, {
      tcplens: {
        lines: (at: number, length: number, holes: number) => {
          this.#columns?.look();
          if (length === 0) to.columns?.flush();
          else to.lines(new Uint8Array(this.#c.memory.buffer, at, length));
          return holes > 0 ? to.columns?.likeWith(holes) ?? 0 : 0;
        },
      },
    });
    this.#c = instance.exports as unknown as Exports;
    if (to.columns) to.columns.share((this.#columns = new SharedColumns(this.#c.memory, this.#c.engine_columns())));
    this.#input = this.#c.engine_input();
    this.#size = this.#c.engine_input_size();
    for (const port of options.ports) this.#take(this.#c.engine_port(port), `port ${port}`);
    for (const host of options.hosts) this.#take(this.#c.engine_host(this.#text(host)), `host ${host}`);
    // The engine's table of connections is keyed, so that no capture can be made to fill one place of it.
    const seed = crypto.getRandomValues(new Uint32Array(2));
    const begun = this.#c.engine_begin(
      this.#text(name), SEGMENTS.indexOf(options.segments), CHECKSUMS.indexOf(options.checksums), Number(options.udp),
      seed[0]!, seed[1]!,
    );
    if (begun < 0) throw new CaptureError('out of memory', true);
  }

  get packets(): number {
    return this.#c.engine_packets();
  }

  /** Hosts all of whose checksums were wrong, and were ignored for that. */
  get offloaded(): number {
    return this.#c.engine_offloaded();
  }

  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.#size) {
      const piece = bytes.subarray(at, at + this.#size);
      this.#room(piece.length).set(piece);
      this.#check(this.#c.engine_feed(piece.length));
    }
  }

  /** The file is complete. */
  complete(): void {
    this.#check(this.#c.engine_complete());
  }

  /** Writes the last lines: what became of each connection, and the end. Nothing may follow. */
  end(failed: boolean): void {
    const status = this.#c.engine_end(Number(failed));
    this.#columns?.look();
    if (status < 0) throw new CaptureError('out of memory', false);
  }

  // Anew each time: memory that grew is another buffer.
  #room(length: number): Uint8Array {
    return new Uint8Array(this.#c.memory.buffer, this.#input, length);
  }

  #text(text: string): number {
    return new TextEncoder().encodeInto(text, this.#room(this.#size - 1)).written;
  }

  #take(status: number, what: string): void {
    if (status < 0) throw new CaptureError(`${what} is none, or one too many`, true);
  }

  #check(status: number): void {
    this.#columns?.look();
    if (status >= 0) return;
    const at = this.#c.engine_error();
    const bytes = new Uint8Array(this.#c.memory.buffer, at, 512);
    throw new CaptureError(new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0))), status === NO_CAPTURE);
  }
}
