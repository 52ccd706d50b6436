import { uuidV7 } from "../core/entry-id.ts";
import type { Random } from "./ports.ts";

const bytesPerId = 10;
const idsPerDraw = 256;

/** Makes UUIDv7 ids, drawing random bytes for many of them at once. */
export class IdSource {
  readonly #random: Random;
  readonly #pool = new Uint8Array(bytesPerId * idsPerDraw);
  #used = this.#pool.length;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Returns a fresh id that carries `unixMs`. */
  next(unixMs: number): string {
    if (this.#used === this.#pool.length) {
      this.#random.fill(this.#pool);
      this.#used = 0;
    }
    this.#used += bytesPerId;
    return uuidV7(unixMs, this.#pool, this.#used - bytesPerId);
  }
}
