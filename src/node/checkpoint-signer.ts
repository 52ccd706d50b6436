import type { SingleHasher } from "../core/hasher.ts";
import { checkLogName } from "../core/tlog/origin.ts";
import { formatNote } from "../core/tlog/signed-note.ts";
import { formatVerifierKey, keyIdOf } from "../core/tlog/verifier-key.ts";
import { encodeUtf8 } from "../core/utf8.ts";
import type { CheckpointSigner } from "../ledger/integrity.ts";
import { signEd25519 } from "./ed25519.ts";
import type { NodeKeys } from "./node-keys.ts";

export interface CheckpointSignerOptions {
  readonly logName: string;
  readonly keys: Pick<NodeKeys, "current">;
  readonly hasher: SingleHasher;
}

/** Returns a signer with the keys of this node. Throws INVALID_ARGUMENT if `logName` cannot be a log name. */
export function createCheckpointSigner({ logName, keys, hasher }: CheckpointSignerOptions): CheckpointSigner {
  checkLogName(logName);
  return { logName, sign, verifierKeys };

  async function sign(origin: string, body: string): Promise<string> {
    const message = encodeUtf8(body);
    const signatures = keys.current().active.map(({ privateKey, publicKey }) => ({
      name: origin,
      keyId: keyIdOf(origin, publicKey, hasher),
      signature: signEd25519(privateKey, message),
    }));
    return formatNote(body, signatures);
  }

  async function verifierKeys(origin: string): Promise<readonly string[]> {
    const { active, retired } = keys.current();
    const publicKeys = [...active.map(({ publicKey }) => publicKey), ...retired];
    return publicKeys.map((publicKey) => formatVerifierKey(origin, publicKey, hasher));
  }
}
