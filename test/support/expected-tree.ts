import { createHash } from "node:crypto";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { get } from "./ledger-world.ts";

/** Returns the content hashes of all entries of a context. */
export async function leavesOf(ledger: Ledger, contextId: string): Promise<Uint8Array[]> {
  return (await get(ledger, contextId)).entries.map(({ contentHash }) => contentHash);
}

/** Returns the root over leaves by the recursion of [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1). */
export function expectedRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(new Uint8Array([1]), expectedRoot(leaves.slice(0, split)), expectedRoot(leaves.slice(split)));
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
