import { nodeCipher } from "../../../src/node/gossip/node-cipher.ts";
import type { SwimRandom } from "../../../src/swim/random.ts";
import { keyringOf } from "../../../src/swim/wire/keyring.ts";
import { fields, writeField } from "../../../src/swim/wire/fields.ts";
import { MsgpackWriter } from "../../../src/swim/wire/msgpack-writer.ts";
import { PacketCodec } from "../../../src/swim/wire/packet-codec.ts";
import { deflateLzw } from "./deflate-lzw.ts";

export function codecOf({
  label = "",
  keys = [] as readonly Uint8Array[],
  random = seededRandom(1),
} = {}): PacketCodec {
  return new PacketCodec({ label, keyring: keyringOf(keys), cipher: nodeCipher, random });
}

/** Returns numbers that look random and are the same for the same seed: [mulberry32](https://gist.github.com/tommyettinger/46a874533244883189143505d203312c). */
export function seededRandom(seed: number): SwimRandom {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
    fill: (target) => {
      for (let index = 0; index < target.length; index++) target[index] = next();
    },
  };
}

/** Returns `body` in the layer that peers compress it with. */
export function compressed(body: Uint8Array): Uint8Array {
  return compressLayer(deflateLzw(body), 0);
}

export function compressLayer(content: Uint8Array, algorithm: number): Uint8Array {
  const writer = new MsgpackWriter(64).byte(9).map(2);
  writeField(writer, fields.algo).uint(algorithm);
  return writeField(writer, fields.buf).raw(content).copy();
}

export function bytesOf(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "number" ? [part] : typeof part === "string" ? [...Buffer.from(part)] : [...part],
    ),
  );
}
