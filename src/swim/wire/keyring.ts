import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";

/** The keys of a cluster. All of them open, the first one, the primary, seals. Without any, gossip is plain text. */
export interface Keyring {
  /** Of 16, 24 or 32 bytes each; none twice. */
  readonly keys: readonly Uint8Array[];
}

export const emptyKeyring: Keyring = { keys: [] };

/** Returns a keyring of copies of `keys`, the first of which is the primary. Throws LedgerError if one is no key. */
export function keyringOf(keys: readonly Uint8Array[]): Keyring {
  return keys.reduce(addKey, emptyKeyring);
}

/** Returns `ring` with a copy of `key` at its end; `ring` itself if it has the key. */
export function addKey(ring: Keyring, key: Uint8Array): Keyring {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32)
    throw new LedgerError("INVALID_ARGUMENT", `Cannot add a gossip key: it has ${key.length} bytes`, {
      reason: "GOSSIP_KEY_LENGTH",
      value: key.length,
      remedy: "use a key of 16, 24 or 32 bytes",
    });
  if (indexOf(ring, key) >= 0) return ring;
  if (ring.keys.length >= limits.gossipKeysMax)
    throw new LedgerError(
      "RESOURCE_EXHAUSTED",
      `Cannot add a gossip key: there are ${ring.keys.length}, as many as gossipKeysMax allows`,
      {
        reason: "GOSSIP_KEYS_TOO_MANY",
        value: ring.keys.length,
        limit: limits.gossipKeysMax,
        remedy: "remove a key that is no longer used",
      },
    );
  return { keys: [...ring.keys, Uint8Array.from(key)] };
}

/** Returns `ring` with `key`, which it has, as its primary. */
export function useKey(ring: Keyring, key: Uint8Array): Keyring {
  const index = mustFind(ring, key, "use");
  return { keys: [...ring.keys.slice(index, index + 1), ...without(ring, index)] };
}

/** Returns `ring` without `key`, which it has and which is not its primary. */
export function removeKey(ring: Keyring, key: Uint8Array): Keyring {
  const index = mustFind(ring, key, "remove");
  if (index === 0)
    throw new LedgerError("FAILED_PRECONDITION", "Cannot remove the gossip key: it is the primary", {
      reason: "GOSSIP_KEY_PRIMARY",
      remedy: "use another key first",
    });
  return { keys: without(ring, index) };
}

function mustFind(ring: Keyring, key: Uint8Array, action: "use" | "remove"): number {
  const index = indexOf(ring, key);
  if (index >= 0) return index;
  throw new LedgerError("NOT_FOUND", `Cannot ${action} the gossip key: it is not in the keyring`, {
    reason: "GOSSIP_KEY_UNKNOWN",
    remedy: "add it first",
  });
}

function indexOf(ring: Keyring, key: Uint8Array): number {
  return ring.keys.findIndex(
    (one) => one.length === key.length && one.every((byte, index) => byte === key[index]),
  );
}

function without(ring: Keyring, index: number): Uint8Array[] {
  return ring.keys.filter((_, other) => other !== index);
}
