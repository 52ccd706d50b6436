import { toJson } from "@bufbuild/protobuf";
import { readCheckpoint } from "../../client/growth.ts";
import { assert } from "../../core/assert.ts";
import { hex } from "../../core/hex.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import { GetCheckpointResponseSchema } from "../../gen/converge/ledger/v1/integrity_pb.ts";
import type { CheckpointOptions } from "../commands/checkpoint.ts";
import type { Session } from "../session.ts";
import { writeOutput } from "./write-output.ts";

export interface SaveCheckpoint {
  /** The log of logs if it is not there. */
  readonly contextId: string | undefined;
  readonly options: CheckpointOptions;
}

/** Asks the server for a signed checkpoint and writes it. */
export async function saveCheckpoint(
  session: Session,
  { contextId, options }: SaveCheckpoint,
): Promise<void> {
  const { client, signal } = session;
  const log = contextId === undefined ? { nodeLog: true as const } : { contextId };
  const answer = await client.integrity.checkpoint(log, { signal });
  const { origin, size, root } = readCheckpoint(answer.checkpoint);
  if (origin !== answer.origin || BigInt(size) !== answer.treeSize || !sameBytes(root, answer.root))
    throw new Error("the server's answer says something else than its checkpoint; nothing was written");
  const { checkpoint: text, ...rest } = answer;
  const facts = toJson(GetCheckpointResponseSchema, { ...rest, checkpoint: "" });
  assert(typeof facts === "object" && facts !== null, "a message is an object in JSON");
  const summary = `${origin} of size ${size}, root ${size}:${hex(root)}`;
  await writeOutput(session, options, { text, summary, facts, field: "checkpoint" });
}
