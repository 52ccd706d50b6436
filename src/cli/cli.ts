/**
 * The command line: one program that is the server and its client.
 *
 * @module
 */

import type { CliIo } from "./cli-io.ts";
import { reportFailure } from "./failure-report.ts";
import { createProgram, shortHelp } from "./program.ts";
import type { Tools } from "./tools.ts";

/** Runs a command and returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function runCli(args: readonly string[], io: CliIo, tools: Tools): Promise<number> {
  const json = args.includes("--json");
  let out = "";
  let err = "";
  const program = createProgram(io, tools, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  try {
    if (args.length === 0) await io.stdout.write(shortHelp);
    else await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    const report = await reportFailure(error, json);
    // Under --json nothing but JSON is written, so what the parser said about usage is in the report.
    const said = json && report.exitCode !== 0 ? report.text : `${err}${report.text}`;
    try {
      await io.stdout.write(out);
      await io.stderr.write(said);
    } catch {
      // Nobody reads it.
    }
    return report.exitCode;
  }
}
