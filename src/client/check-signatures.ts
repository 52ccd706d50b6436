import { LedgerError } from "../core/errors.ts";
import type { SignatureToVerify } from "../core/tlog/note-key-match.ts";
import { formatKeyId } from "../core/tlog/verifier-key.ts";
import { verifyEd25519 } from "./ed25519.ts";

/** Rejects with LedgerError SIGNATURE_INVALID unless every signature is right. */
export async function checkSignatures(signatures: readonly SignatureToVerify[]): Promise<void> {
  for (const { key, ...signed } of signatures) {
    if (await verifyEd25519(signed)) continue;
    const signer = `${key.name}+${formatKeyId(key.keyId)}`;
    throw new LedgerError(
      "FAILED_PRECONDITION",
      `the signature of ${signer} is not over this checkpoint: one of the two was changed`,
      { reason: "SIGNATURE_INVALID", field: "signature", value: signer },
    );
  }
}
