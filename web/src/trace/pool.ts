// Strings of bytes, each once, numbered as they came: found again without a string being made.

export class Pool {
  size = 0;
  /** Bytes in all of them. */
  used = 0;
  /** The strings, one after the other. */
  bytes = new Uint8Array(1 << 14);
  #ends = new Float64Array(1 << 8);
  #hashes = new Int32Array(1 << 8);
  #table = new Int32Array(1 << 9).fill(-1);

  start(id: number): number {
    return id === 0 ? 0 : this.#ends[id - 1]!;
  }

  end(id: number): number {
    return this.#ends[id]!;
  }

  /** Number of the string; -1 where it is new. */
  find(hash: number, from: Uint8Array, start: number, length: number): number {
    const table = this.#table;
    const bytes = this.bytes;
    next: for (let slot = hash & (table.length - 1); table[slot]! >= 0; slot = (slot + 1) & (table.length - 1)) {
      const id = table[slot]!;
      const own = this.start(id);
      if (this.#hashes[id] !== hash || this.end(id) - own !== length) continue;
      for (let i = 0; i < length; i++) if (bytes[own + i] !== from[start + i]) continue next;
      return id;
    }
    return -1;
  }

  add(hash: number, from: Uint8Array, start: number, length: number): number {
    if (this.used + length > this.bytes.length) this.bytes = wider(this.bytes, new Uint8Array((this.used + length) * 2));
    if (this.size === this.#ends.length) {
      this.#ends = wider(this.#ends, new Float64Array(this.size * 2));
      this.#hashes = wider(this.#hashes, new Int32Array(this.size * 2));
      this.#table = new Int32Array(this.size * 4).fill(-1);
      for (let id = 0; id < this.size; id++) this.#enter(id);
    }
    this.bytes.set(from.subarray(start, start + length), this.used);
    this.used += length;
    this.#ends[this.size] = this.used;
    this.#hashes[this.size] = hash;
    this.#enter(this.size);
    return this.size++;
  }

  #enter(id: number): void {
    let slot = this.#hashes[id]! & (this.#table.length - 1);
    while (this.#table[slot]! >= 0) slot = (slot + 1) & (this.#table.length - 1);
    this.#table[slot] = id;
  }
}

function wider<T extends { set(from: ArrayLike<number>): void }>(old: ArrayLike<number>, room: T): T {
  room.set(old);
  return room;
}
