import { type ProvenEvidence, verifyEvidence } from "../../client/evidence.ts";
import { limits } from "../../core/limits.ts";
import type { CliIo } from "../cli-io.ts";
import { InputError } from "../read/input-error.ts";
import { readAll, readInput } from "../read/input.ts";
import { readKeyOptions } from "../read/key-options.ts";
import { readText } from "../read/read-text.ts";
import type { EvidenceChoice } from "../read/verify-choice.ts";
import { provenJson, provenText } from "../render/proven-text.ts";
import type { Tools } from "../tools.ts";

/** Verifies an evidence file with the given keys and prints what it proves. Asks no server. */
export async function verifyEvidenceFile(
  io: CliIo,
  tools: Tools,
  { file, keys, payload }: EvidenceChoice,
  json: boolean,
): Promise<void> {
  const hasher = await tools.loadHasher();
  const given = await readKeyOptions(keys, hasher);
  const text = await readText(io, file);
  const content = payload === undefined ? undefined : await readPayload(io, payload);
  const proven: ProvenEvidence = await verifyEvidence(text, {
    keys: given,
    hasher,
    ...(content === undefined ? {} : { payload: content }),
  });
  await io.stdout.write(json ? provenJson(proven, content !== undefined) : provenText(proven, payload));
}

async function readPayload(io: CliIo, path: string): Promise<Uint8Array> {
  const bytes = await readAll(readInput(io, path), limits.payloadBytesMax);
  if (bytes !== undefined) return bytes;
  throw new InputError(path, `it has more than ${limits.payloadBytesMax} bytes, and no payload has`);
}
