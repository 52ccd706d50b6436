import { toJson, toJsonString } from "@bufbuild/protobuf";
import { type ProvenEvidence, verifyEvidence } from "../../client/evidence.ts";
import type { LogChoice } from "../../client/integrity-calls.ts";
import { assert } from "../../core/assert.ts";
import { hex } from "../../core/hex.ts";
import { verifyConsistency } from "../../core/merkle/consistency-proof.ts";
import { formatEvidence } from "../../core/tlog/evidence.ts";
import type { InclusionProof } from "../../gen/converge/context/v1/context_pb.ts";
import { ProveConsistencyResponseSchema } from "../../gen/converge/ledger/v1/integrity_pb.ts";
import type { ProveOptions } from "../commands/prove.ts";
import type { ProofChoice } from "../read/proof-choice.ts";
import { signerName } from "../render/proven-text.ts";
import type { Session } from "../session.ts";
import type { Tools } from "../tools.ts";
import { writeOutput } from "./write-output.ts";

export interface Prove {
  readonly choice: ProofChoice;
  readonly options: ProveOptions;
}

/** Asks the server for a proof, verifies it and writes it. */
export async function prove(session: Session, tools: Tools, { choice, options }: Prove): Promise<void> {
  switch (choice.kind) {
    case "entry":
      return await proveEntry(session, tools, choice, options);
    case "context":
      return await proveContext(session, tools, choice.contextId, options);
    case "growth":
      return await proveGrowth(session, tools, choice, options);
  }
}

async function proveEntry(
  session: Session,
  tools: Tools,
  { contextId, sequence: asked }: Extract<ProofChoice, { kind: "entry" }>,
  options: ProveOptions,
): Promise<void> {
  const { client, signal } = session;
  const sequence = asked ?? (await client.describe(contextId, { signal })).latestSequence;
  const answer = await client.integrity.proveInclusion(contextId, { sequence, checkpoint: true }, { signal });
  const { text, proven } = await evidenceOf(session, tools, { contextId }, answer);
  const { subject, checkpoint } = proven;
  if (
    subject.kind !== "entry" ||
    subject.record.contextId !== contextId ||
    BigInt(subject.record.sequence) !== sequence
  )
    throw new Error(`the server proved something else than entry ${sequence}; nothing was written`);
  const summary = `entry ${sequence} of ${checkpoint.size}, root ${checkpoint.size}:${hex(checkpoint.root)}`;
  const facts = { contextId, sequence: String(sequence), ...signedFacts(proven) };
  await writeOutput(session, options, { text, summary, facts, field: "evidence" });
}

async function proveContext(
  session: Session,
  tools: Tools,
  contextId: string,
  options: ProveOptions,
): Promise<void> {
  const { client, signal } = session;
  const answer = await client.integrity.proveContext(contextId, { signal });
  const { text, proven } = await evidenceOf(session, tools, { nodeLog: true }, answer);
  const { subject, checkpoint } = proven;
  if (subject.kind !== "context" || subject.record.contextId !== contextId)
    throw new Error(`the server proved something else than this context; nothing was written`);
  const { size, root } = subject.record;
  const summary = `context of ${size} entries with root ${size}:${hex(root)}, in the log of logs of size ${checkpoint.size}`;
  const facts = {
    contextId,
    contextSize: String(size),
    contextRoot: root.toBase64(),
    ...signedFacts(proven),
  };
  await writeOutput(session, options, { text, summary, facts, field: "evidence" });
}

interface AnsweredEvidence {
  readonly proof?: InclusionProof | undefined;
  readonly record: Uint8Array;
  readonly checkpoint: string;
}

/** Makes an evidence file of an answer and verifies it with the keys that the server names. */
async function evidenceOf(
  { client, signal }: Session,
  tools: Tools,
  log: LogChoice,
  { proof, record, checkpoint }: AnsweredEvidence,
): Promise<{ text: string; proven: ProvenEvidence }> {
  if (proof === undefined || checkpoint === "")
    throw new Error("the server's answer has no proof or no checkpoint");
  const index = Number(proof.leafIndex);
  if (!Number.isSafeInteger(index))
    throw new Error(`the server's answer has an impossible index, ${proof.leafIndex}`);
  const text = formatEvidence({ record, index, hashes: proof.hashes, checkpoint });
  const { verifierKeys: keys } = await client.integrity.verifierKeys(log, { signal });
  const proven = await verifyEvidence(text, { keys, hasher: await tools.loadHasher() });
  return { text, proven };
}

function signedFacts({ checkpoint, signers }: ProvenEvidence): object {
  return {
    treeSize: String(checkpoint.size),
    root: checkpoint.root.toBase64(),
    origin: checkpoint.origin,
    signers: signers.map(signerName),
  };
}

async function proveGrowth(
  session: Session,
  tools: Tools,
  { contextId, from, to }: Extract<ProofChoice, { kind: "growth" }>,
  options: ProveOptions,
): Promise<void> {
  const { client, signal } = session;
  const log: LogChoice = contextId === undefined ? { nodeLog: true } : { contextId };
  const sizes = { firstSize: from, ...(to === undefined ? {} : { secondSize: to }) };
  const answer = await client.integrity.proveConsistency(log, sizes, { signal });
  const first = { size: Number(answer.firstSize), root: answer.firstRoot };
  const second = { size: Number(answer.secondSize), root: answer.secondRoot };
  const asAsked = answer.firstSize === from && (to === undefined || answer.secondSize === to);
  if (!asAsked || !verifyConsistency({ first, second, hashes: answer.hashes }, await tools.loadHasher()))
    throw new Error(
      `the server's proof does not lead from size ${first.size} to size ${second.size}; nothing was written`,
    );
  const text = `${toJsonString(ProveConsistencyResponseSchema, answer)}\n`;
  const facts = toJson(ProveConsistencyResponseSchema, answer);
  assert(typeof facts === "object" && facts !== null, "a message is an object in JSON");
  const summary = `size ${second.size} has all of size ${first.size}, root ${second.size}:${hex(second.root)}`;
  // Without a file there is nothing to say beside the proof, which is JSON already.
  if (options.output === undefined) await session.io.stdout.write(text);
  else await writeOutput(session, options, { text, summary, facts, field: "proof" });
}
