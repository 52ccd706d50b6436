import { toJson } from "@bufbuild/protobuf";
import { hex } from "../../core/hex.ts";
import { type SnapshotSummary, SnapshotSummarySchema } from "../../gen/converge/ledger/v1/ledger_pb.ts";
import type { SnapshotOptions } from "../commands/snapshot.ts";
import { binaryToTerminal } from "./binary-to-terminal.ts";
import { openOutput } from "./open-output.ts";
import { standardOutput } from "./standard-output.ts";
import { entriesText } from "../render/entries-text.ts";
import { Progress } from "../render/progress.ts";
import { sizeText } from "../render/size-text.ts";
import type { Session } from "../session.ts";

/** Copies a context to a file, which appears under its name only when it is complete, or into a pipe or device. */
export async function saveSnapshot(
  session: Session,
  contextId: string,
  options: SnapshotOptions,
): Promise<void> {
  const { io, json, signal } = session;
  if (standardOutput.has(options.output)) {
    if (io.stdout.isTerminal) throw binaryToTerminal("standard output");
    const summary = await receive(session, contextId, (chunk) => io.stdout.write(chunk));
    // Standard output is the snapshot.
    await io.stderr.write(summaryText(contextId, options.output, summary, json));
    return;
  }
  await using file = await openOutput(options.output, {
    replace: options.force ?? false,
    binary: true,
    signal,
  });
  const summary = await receive(session, contextId, (chunk) => file.write(chunk));
  await file.publish();
  await io.stdout.write(summaryText(contextId, options.output, summary, json));
}

async function receive(
  { client, io, signal }: Session,
  contextId: string,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<SnapshotSummary> {
  const progress = new Progress(io.stderr, undefined);
  let summary: SnapshotSummary | undefined;
  try {
    for await (const { part } of client.snapshotStream(contextId, { signal })) {
      if (part.case === "summary") summary = part.value;
      if (part.case !== "chunk") continue;
      await write(part.value);
      await progress.add(part.value.length);
    }
  } finally {
    await progress.end();
  }
  if (summary === undefined) throw new Error("the snapshot ended before its summary, so it is not complete");
  return summary;
}

function summaryText(contextId: string, file: string, summary: SnapshotSummary, json: boolean): string {
  const count = summary.metadata?.entryCount ?? 0n;
  const expectedRoot = `${count}:${hex(summary.metadata?.root ?? new Uint8Array(0))}`;
  if (json) return `${JSON.stringify({ contextId, file, expectedRoot, ...jsonFields(summary) })}\n`;
  return `${entriesText(count)}, ${sizeText(Number(summary.sizeBytes))}, root ${expectedRoot}\n`;
}

function jsonFields(summary: SnapshotSummary): object {
  const json = toJson(SnapshotSummarySchema, summary);
  return typeof json === "object" && json !== null ? json : {};
}
