/** What an Ed25519 signature is checked with. */
export interface SignedBytes {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/**
 * Tells whether a signature was made over a message with the private half of a key. Uses the runtime's WebCrypto; throws
 * an Error that says so where that is missing or has no Ed25519.
 * [RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)
 */
export async function verifyEd25519({ publicKey, message, signature }: SignedBytes): Promise<boolean> {
  const { subtle } = crypto;
  // Outside https and localhost browsers have no SubtleCrypto, whatever their types say.
  if ((subtle as typeof subtle | undefined) === undefined) throw new Error(noSubtleCrypto);
  let key: CryptoKey;
  try {
    key = await subtle.importKey("raw", publicKey.slice(), { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    if (error instanceof Error && error.name === "NotSupportedError")
      throw new Error(noEd25519, { cause: error });
    throw error;
  }
  return await subtle.verify("Ed25519", key, signature.slice(), message.slice());
}

const noSubtleCrypto =
  "signatures cannot be checked here: this runtime has no WebCrypto; open the page over https or from localhost";
const noEd25519 =
  "signatures cannot be checked here: the WebCrypto of this runtime has no Ed25519; use Bun, Node 20 or a browser of 2025 or later";
