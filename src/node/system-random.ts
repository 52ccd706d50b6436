import type { Random } from "../ledger/ports.ts";

/** Random bytes from the operating system. */
export const systemRandom: Random = {
  fill(target) {
    crypto.getRandomValues(target as Uint8Array<ArrayBuffer>);
  },
};
