import { LedgerError, quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { requirePeerAddress } from "../core/peer-address.ts";
import { utf8Length } from "../core/utf8.ts";

const keyLengths: readonly number[] = [16, 24, 32];

/** Throws INVALID_ARGUMENT unless a Join names places that can be. */
export function checkJoinAddresses(addresses: readonly string[]): void {
  const { joinAddressesMax: limit } = limits;
  const facts = {
    field: "addresses",
    value: addresses.length,
    limit,
    remedy: "name a few nodes that others know",
  };
  if (addresses.length === 0)
    throw new LedgerError("INVALID_ARGUMENT", "addresses is empty", {
      reason: "JOIN_ADDRESSES_MISSING",
      ...facts,
    });
  if (addresses.length > limit)
    throw new LedgerError(
      "INVALID_ARGUMENT",
      `addresses has ${addresses.length} places, more than ${limit}`,
      {
        reason: "JOIN_ADDRESSES_TOO_MANY",
        ...facts,
      },
    );
  for (const address of addresses) requirePeerAddress(address);
}

/** Throws INVALID_ARGUMENT unless a text can be the name of a member. */
export function checkMemberName(name: string): void {
  const { memberNameBytesMax: limit } = limits;
  const bytes = utf8Length(name);
  const facts = { field: "name", value: bytes, limit, remedy: "name a member as Members does" };
  if (bytes === 0)
    throw new LedgerError("INVALID_ARGUMENT", "name is missing", { reason: "MEMBER_NAME_MISSING", ...facts });
  if (bytes > limit)
    throw new LedgerError("INVALID_ARGUMENT", `name is ${bytes} bytes, more than ${limit}`, {
      reason: "MEMBER_NAME_TOO_LONG",
      ...facts,
    });
}

/** Throws INVALID_ARGUMENT unless a key can be one of AES-128, AES-192 or AES-256. The error does not tell it. */
export function checkGossipKey(key: Uint8Array): void {
  if (keyLengths.includes(key.length)) return;
  throw new LedgerError("INVALID_ARGUMENT", `key is ${key.length} bytes, not ${keyLengths.join(", ")}`, {
    reason: "GOSSIP_KEY_LENGTH",
    field: "key",
    value: key.length,
    limit: 32,
    remedy: "send 32 random bytes",
  });
}

/** Throws INVALID_ARGUMENT unless a text can be the id of a key. */
export function checkGossipKeyId(id: string): void {
  if (/^[0-9a-f]{16}$/.test(id)) return;
  throw new LedgerError("INVALID_ARGUMENT", `id ${quote(id)} is not 16 hexadecimal digits in lower case`, {
    reason: "GOSSIP_KEY_ID_INVALID",
    field: "id",
    value: id.slice(0, 64),
    limit: 16,
    remedy: "name a key as ListGossipKeys does",
  });
}
