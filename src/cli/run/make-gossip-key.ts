import { open, rm } from "node:fs/promises";
import { base64 } from "../../core/base64.ts";
import { hex } from "../../core/hex.ts";
import type { CliIo } from "../cli-io.ts";
import type { Tools } from "../tools.ts";
import { standardOutput } from "./standard-output.ts";

const keyBytes = 32;

export interface MakeGossipKey {
  /** Where to write it; standard output unless given. */
  readonly output: string | undefined;
  readonly json: boolean;
}

/** Makes a key for gossip, and prints it or writes it to a new file that its owner alone can read. */
export async function makeGossipKey(
  io: CliIo,
  tools: Pick<Tools, "loadHasher">,
  { output, json }: MakeGossipKey,
): Promise<void> {
  const key = crypto.getRandomValues(new Uint8Array(keyBytes));
  // The first 8 bytes of the digest are how members name a key.
  const id = hex((await tools.loadHasher()).sha256(key).subarray(0, 8));
  const text = base64(key);
  if (output === undefined || standardOutput.has(output))
    return await io.stdout.write(json ? `${JSON.stringify({ id, key: text })}\n` : `${text}\n`);
  await writeSecret(output, `${text}\n`);
  await io.stdout.write(json ? `${JSON.stringify({ file: output, id })}\n` : `${output}, key ${id}\n`);
}

/** A key that was replaced would be lost, so nothing ever is. */
async function writeSecret(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "EEXIST")
      throw new Error(`${path} exists; choose another name, or remove it first`, { cause: error });
    throw error;
  });
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
