import { encodeUtf8 } from "../../core/utf8.ts";
import type { OutputOptions } from "../commands/output-options.ts";
import type { Session } from "../session.ts";
import { openOutput } from "./open-output.ts";
import { standardOutput } from "./standard-output.ts";

export interface WrittenText {
  /** What goes into the file. */
  readonly text: string;
  /** What is said about it: one line for people. */
  readonly summary: string;
  /** The same for programs. */
  readonly facts: object;
  /** The name under which programs get the text if it goes into no file. */
  readonly field: string;
}

/**
 * Writes text to the file that the options name, as a whole or not at all, and says so on standard output. Without a
 * file standard output has the text, or the facts with the text among them if JSON is wanted; with `-` it has the text
 * and standard error the rest.
 */
export async function writeOutput(
  { io, json, signal }: Session,
  { output, force = false }: OutputOptions,
  { text, summary, facts, field }: WrittenText,
): Promise<void> {
  if (output === undefined) {
    await io.stdout.write(json ? `${JSON.stringify({ ...facts, [field]: text })}\n` : text);
    return;
  }
  const said = json ? `${JSON.stringify({ file: output, ...facts })}\n` : `${summary}\n`;
  if (standardOutput.has(output)) {
    await io.stdout.write(text);
    await io.stderr.write(said);
    return;
  }
  await using file = await openOutput(output, { replace: force, binary: false, signal });
  await file.write(encodeUtf8(text));
  await file.publish();
  await io.stdout.write(said);
}
