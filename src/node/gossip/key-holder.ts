import { createHash } from "node:crypto";
import { LedgerError, quote } from "../../core/errors.ts";
import { addKey, emptyKeyring, type Keyring, keyringOf, removeKey, useKey } from "../../swim/wire/keyring.ts";
import { readGossipKeys, writeGossipKeys } from "./key-file.ts";
import type { KeyRequest, KeyState } from "./key-messages.ts";

/** The gossip keys of this node: in use, and in their file. */
export class KeyHolder {
  #ring: Keyring;
  readonly #file: string | undefined;

  /** Reads the keys of `file`; without one there are none, and none can be added. Throws LedgerError. */
  static open(file: string | undefined): KeyHolder {
    return new KeyHolder(file === undefined ? emptyKeyring : keyringOf(readGossipKeys(file)), file);
  }

  private constructor(ring: Keyring, file: string | undefined) {
    this.#ring = ring;
    this.#file = file;
  }

  get isEmpty(): boolean {
    return this.#ring.keys.length === 0;
  }

  get ring(): Keyring {
    return this.#ring;
  }

  get state(): KeyState {
    const ids = this.#ring.keys.map(gossipKeyId);
    return { ids, primary: ids[0] ?? "" };
  }

  /**
   * Carries out a request, in the file first, and returns the keyring that counts from now on. Throws LedgerError with
   * nothing changed.
   */
  apply(request: KeyRequest): Keyring {
    const next = this.#after(request);
    if (next === this.#ring) return next;
    if (this.#file !== undefined) writeGossipKeys(this.#file, next.keys);
    this.#ring = next;
    return next;
  }

  #after(request: KeyRequest): Keyring {
    switch (request.operation) {
      case "list":
        return this.#ring;
      case "add":
        return addKey(this.#ring, request.key);
      case "use":
        return useKey(this.#ring, this.#find(request.id));
      case "remove":
        return removeKey(this.#ring, this.#find(request.id));
    }
  }

  #find(id: string): Uint8Array {
    const key = this.#ring.keys.find((one) => gossipKeyId(one) === id);
    if (key !== undefined) return key;
    throw new LedgerError("NOT_FOUND", `there is no gossip key ${quote(id)}`, {
      reason: "GOSSIP_KEY_UNKNOWN",
      field: "id",
      value: id.slice(0, 64),
      remedy: "list the keys, or add it first",
    });
  }
}

/** Returns the name of a key that tells nothing about it: the first 8 bytes of its SHA-256, in hex. */
export function gossipKeyId(key: Uint8Array): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 16);
}
