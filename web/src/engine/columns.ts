// The columns that the engine gathers (src/wasm/columns.h), in its memory, where the parser adds what it was given as text.

import { SLICE, type Wide } from '../trace/columns';

/** As COLUMNS_BYTES there. */
const BYTES = 1 << 16;

export class SharedColumns implements Wide {
  #head!: Uint32Array;
  kind!: Uint16Array<ArrayBuffer>;
  n!: Float64Array<ArrayBuffer>;
  t!: Float64Array<ArrayBuffer>;
  at!: Uint32Array<ArrayBuffer>;
  ints!: Uint8Array<ArrayBuffer>;

  constructor(private readonly memory: WebAssembly.Memory, private readonly address: number) {
    this.look();
  }

  /** To be called when the engine has run: memory that has grown is another buffer. */
  look(): void {
    const { buffer } = this.memory;
    if (this.kind?.buffer === buffer) return;
    let at = this.address;
    const next = (bytes: number) => (at += bytes) - bytes;
    this.#head = new Uint32Array(buffer, next(8), 2);
    this.kind = new Uint16Array(buffer, next(2 * SLICE), SLICE);
    this.n = new Float64Array(buffer, next(8 * SLICE), SLICE);
    this.t = new Float64Array(buffer, next(8 * SLICE), SLICE);
    this.at = new Uint32Array(buffer, next(4 * SLICE), SLICE);
    this.ints = new Uint8Array(buffer, next(BYTES), BYTES);
  }

  get count(): number { return this.#head[0]!; }
  set count(v: number) { this.#head[0] = v; }
  get used(): number { return this.#head[1]!; }
  set used(v: number) { this.#head[1] = v; }
}
