import { toJsonString } from "@bufbuild/protobuf";
import { hex } from "../../core/hex.ts";
import {
  type VerifyContextResponse,
  VerifyContextResponseSchema,
  type VerifyResult,
} from "../../gen/converge/ledger/v1/integrity_pb.ts";
import { DamagedError } from "../damaged-error.ts";
import { damageLine } from "../render/damage-line.ts";
import { escapeText } from "../render/escape.ts";
import { entriesText } from "../render/entries-text.ts";
import { CountProgress } from "../render/count-progress.ts";
import type { Session } from "../session.ts";

/** Lets the server hash everything of a context, or of the log of logs, anew, and prints what it found. Throws {@link DamagedError}. */
export async function verifyLog(session: Session, contextId: string | undefined): Promise<void> {
  const { client, io, json, signal } = session;
  const log = contextId === undefined ? { nodeLog: true as const } : { contextId };
  const name = contextId ?? "the log of logs";
  const progress = new CountProgress(io.stderr);
  let result: VerifyResult | undefined;
  try {
    for await (const message of client.integrity.verifyContext(log, { signal })) {
      const { step } = message;
      if (step.case === "progress")
        await progress.show(Number(step.value.verified), Number(step.value.total));
      if (step.case === "result") result = step.value;
      if (step.case !== "damage" && step.case !== "result") continue;
      await progress.end();
      await io.stdout.write(json ? jsonLine(message) : textLine(name, message));
    }
  } finally {
    await progress.end();
  }
  if (result === undefined) throw new Error("the verification ended before its result, so nothing is known");
  if (result.damaged > 0n) throw new DamagedError(name, result.damaged);
}

function jsonLine(message: VerifyContextResponse): string {
  return `${toJsonString(VerifyContextResponseSchema, message)}\n`;
}

function textLine(name: string, { step }: VerifyContextResponse): string {
  if (step.case === "damage") return damageLine(name, step.value.sequence, step.value.detail);
  if (step.case !== "result") return "";
  const { treeSize, root, damaged } = step.value;
  const verdict = damaged === 0n ? "verified" : `${damaged} damaged`;
  return `${[escapeText(name), verdict, entriesText(treeSize), `${treeSize}:${hex(root)}`].join("\t")}\n`;
}
