import { fromJsonString } from "@bufbuild/protobuf";
import { type ProvenGrowth, readCheckpoint, verifyGrowth } from "../../client/growth.ts";
import type { LogChoice } from "../../client/integrity-calls.ts";
import { hex } from "../../core/hex.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import { parseContextOrigin } from "../../core/tlog/origin.ts";
import {
  type ProveConsistencyResponse,
  ProveConsistencyResponseSchema,
} from "../../gen/converge/ledger/v1/integrity_pb.ts";
import type { VerifyOptions } from "../commands/verify.ts";
import type { CliIo } from "../cli-io.ts";
import { InputError } from "../read/input-error.ts";
import { readKeyOptions } from "../read/key-options.ts";
import { readText } from "../read/read-text.ts";
import type { CheckpointsChoice } from "../read/verify-choice.ts";
import { escapeText } from "../render/escape.ts";
import { signerName } from "../render/proven-text.ts";
import { withSession } from "../session.ts";
import type { Tools } from "../tools.ts";

export interface VerifyCheckpoints {
  readonly choice: CheckpointsChoice;
  readonly options: VerifyOptions;
}

/** Verifies that a log only grew from one saved checkpoint to another, and prints both. Asks the server only for a proof that is not given. */
export async function verifyCheckpoints(
  io: CliIo,
  tools: Tools,
  { choice, options }: VerifyCheckpoints,
): Promise<void> {
  const hasher = await tools.loadHasher();
  const keys = await readKeyOptions(choice.keys, hasher);
  const older = await readText(io, choice.old);
  const newer = await readText(io, choice.new);
  const saved = choice.proof === undefined ? undefined : await readProof(io, choice.proof);
  const proof = async (log: { origin: string; from: number; to: number }) =>
    (saved === undefined ? await askProof(io, options, log) : checkedProof(saved, log, [older, newer]))
      .hashes;
  const proven = await verifyGrowth(older, newer, { keys, proof, hasher });
  await io.stdout.write(options.json ? growthJson(proven) : growthText(proven));
}

async function readProof(io: CliIo, path: string): Promise<ProveConsistencyResponse> {
  const text = await readText(io, path);
  try {
    return fromJsonString(ProveConsistencyResponseSchema, text);
  } catch {
    throw new InputError(path, "it is not what `converge-ledger prove --from` writes");
  }
}

/** Throws if a saved proof is between other states than those of the checkpoints. */
function checkedProof(
  proof: ProveConsistencyResponse,
  { from, to }: { from: number; to: number },
  [older, newer]: readonly [string, string],
): ProveConsistencyResponse {
  const { firstSize, secondSize, firstRoot, secondRoot } = proof;
  if (firstSize !== BigInt(from) || secondSize !== BigInt(to))
    throw new Error(
      `the proof is from size ${firstSize} to size ${secondSize}, the checkpoints are from ${from} to ${to}`,
    );
  for (const [which, root, text] of [
    ["old", firstRoot, older],
    ["new", secondRoot, newer],
  ] as const) {
    const signed = readCheckpoint(text).root;
    if (!sameBytes(root, signed))
      throw new Error(`the proof is of root ${hex(root)}, the ${which} checkpoint of root ${hex(signed)}`);
  }
  return proof;
}

async function askProof(
  io: CliIo,
  options: VerifyOptions,
  { origin, from, to }: { origin: string; from: number; to: number },
): Promise<ProveConsistencyResponse> {
  const answers: ProveConsistencyResponse[] = [];
  await withSession(io, options, async ({ client, signal, url }) => {
    const { origin: nodeOrigin } = await client.integrity.verifierKeys({ nodeLog: true }, { signal });
    const log = logOf(origin, nodeOrigin);
    if (log === undefined)
      throw new Error(
        `the checkpoints are of ${origin}, and the server at ${url} is ${nodeOrigin}; name the one that signed with --url, or give --proof`,
      );
    const sizes = { firstSize: BigInt(from), secondSize: BigInt(to) };
    answers.push(await client.integrity.proveConsistency(log, sizes, { signal }));
  });
  const [answer] = answers;
  if (answer === undefined) throw new Error("the server gave no proof");
  return answer;
}

/** Returns which log of a node has an origin. */
function logOf(origin: string, nodeOrigin: string): LogChoice | undefined {
  if (origin === nodeOrigin) return { nodeLog: true };
  const log = parseContextOrigin(origin);
  return log?.logName === nodeOrigin ? { contextId: log.contextId } : undefined;
}

function growthText({ older, newer, signers }: ProvenGrowth): string {
  const how =
    older.size === newer.size
      ? "the two are of one state"
      : `grew from ${older.size} to ${newer.size}, and nothing before was changed`;
  const lines: [string, string][] = [
    ["proven", how],
    ["origin", older.origin],
    ["old", `${older.size}:${hex(older.root)}`],
    ["new", `${newer.size}:${hex(newer.root)}`],
    ...signers.map((key): [string, string] => ["signer", signerName(key)]),
  ];
  return lines.map(([name, value]) => `${name}\t${escapeText(value)}\n`).join("");
}

function growthJson({ older, newer, signers }: ProvenGrowth): string {
  const facts = {
    proven: older.size === newer.size ? "same" : "grown",
    origin: older.origin,
    oldSize: String(older.size),
    oldRoot: older.root.toBase64(),
    newSize: String(newer.size),
    newRoot: newer.root.toBase64(),
    signers: signers.map(signerName),
  };
  return `${JSON.stringify(facts)}\n`;
}
