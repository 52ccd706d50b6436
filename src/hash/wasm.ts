import { createSHA256 } from "hash-wasm";

import type { Hasher, HashStream } from "../core/hasher.ts";
import { batchHashing } from "../core/merkle/batch-hashing.ts";

type Sha256 = Awaited<ReturnType<typeof createSHA256>>;

/** Loads SHA-256 in portable WebAssembly, for runtimes without a faster one. */
export async function loadWasmHasher(): Promise<Hasher> {
  const [oneShot, shared] = await Promise.all([createSHA256(), createSHA256()]);
  const streams = new SharedStreams(shared);
  return batchHashing({
    sha256: (bytes) => oneShot.init().update(bytes).digest("binary"),
    stream: () => streams.begin(),
  });
}

/**
 * Any number of streams over one WebAssembly instance, because an instance can only be made
 * asynchronously. The stream in use has its state inside; another one that is updated swaps it out.
 */
class SharedStreams {
  readonly #instance: Sha256;
  #inUse: SharedStream | undefined;

  constructor(instance: Sha256) {
    this.#instance = instance;
  }

  begin(): HashStream {
    this.#putAway();
    this.#instance.init();
    this.#inUse = new SharedStream((stream) => this.#take(stream));
    return this.#inUse;
  }

  #take(stream: SharedStream): Sha256 {
    if (this.#inUse !== stream) {
      this.#putAway();
      this.#instance.load(stream.state);
      this.#inUse = stream;
    }
    return this.#instance;
  }

  #putAway(): void {
    if (this.#inUse !== undefined && !this.#inUse.ended) this.#inUse.state = this.#instance.save();
    this.#inUse = undefined;
  }
}

class SharedStream implements HashStream {
  /** What the instance held when another stream took it over. */
  state: Uint8Array = new Uint8Array(0);
  ended = false;
  readonly #take: (stream: SharedStream) => Sha256;

  constructor(take: (stream: SharedStream) => Sha256) {
    this.#take = take;
  }

  update(bytes: Uint8Array): void {
    this.#take(this).update(bytes);
  }

  digest(): Uint8Array {
    const digest = this.#take(this).digest("binary");
    this.ended = true;
    return digest;
  }
}
