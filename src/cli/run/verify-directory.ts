import { hex } from "../../core/hex.ts";
import type { CliIo } from "../cli-io.ts";
import { DamagedError } from "../damaged-error.ts";
import { CountProgress } from "../render/count-progress.ts";
import { damageLine } from "../render/damage-line.ts";
import { entriesText } from "../render/entries-text.ts";
import { escapeText } from "../render/escape.ts";
import type { DataLog, DataStep, Tools } from "../tools.ts";

type Result = Extract<DataStep, { kind: "result" }>;

/**
 * Hashes everything in the data directory of a stopped server anew, and prints what it found. Throws
 * {@link DamagedError}. Ctrl-C ends the process where it is: there is nothing to undo.
 */
export async function verifyDirectory(
  io: CliIo,
  tools: Tools,
  directory: string,
  json: boolean,
): Promise<void> {
  const progress = new CountProgress(io.stderr);
  let result: Result | undefined;
  try {
    for await (const step of tools.verifyData(directory)) {
      if (step.kind === "progress") await progress.show(step.verified, step.total);
      else {
        await progress.end();
        await io.stdout.write(json ? stepJson(step) : stepText(directory, step));
      }
      if (step.kind === "result") result = step;
    }
  } finally {
    await progress.end();
  }
  if (result === undefined) throw new Error("the verification ended before its result, so nothing is known");
  if (result.damaged > 0) throw new DamagedError(directory, result.damaged);
}

function stepText(directory: string, step: Exclude<DataStep, { kind: "progress" }>): string {
  switch (step.kind) {
    case "damage":
      return damageLine(nameOf(step.log), step.sequence, step.detail);
    case "log":
      return `${[escapeText(nameOf(step.log)), "read", `${step.size}:${hex(step.root)}`].join("\t")}\n`;
    case "result": {
      const verdict = step.damaged === 0 ? "verified" : `${step.damaged} damaged`;
      return `${[escapeText(directory), verdict, contextsText(step.contexts), entriesText(step.entries)].join("\t")}\n`;
    }
  }
}

function contextsText(count: number): string {
  return `${count} ${count === 1 ? "context" : "contexts"}`;
}

function nameOf(log: DataLog): string {
  switch (log.kind) {
    case "context":
      return log.contextId;
    case "node":
      return "the log of logs";
    case "file":
      return "the file";
  }
}

function stepJson(step: Exclude<DataStep, { kind: "progress" }>): string {
  return `${JSON.stringify(stepFacts(step))}\n`;
}

function stepFacts(step: Exclude<DataStep, { kind: "progress" }>): object {
  switch (step.kind) {
    case "damage":
      return { damage: { ...logFacts(step.log), sequence: String(step.sequence), detail: step.detail } };
    case "log":
      return { log: { ...logFacts(step.log), treeSize: String(step.size), root: step.root.toBase64() } };
    case "result": {
      const { contexts, entries, damaged } = step;
      return { result: { contexts: String(contexts), entries: String(entries), damaged: String(damaged) } };
    }
  }
}

function logFacts(log: DataLog): object {
  if (log.kind === "context") return { contextId: log.contextId };
  return log.kind === "node" ? { nodeLog: true } : { file: true };
}
