import { Command } from "commander";
import type { CliIo } from "./cli-io.ts";
import { appendCommand } from "./commands/append.ts";
import { checkpointCommand } from "./commands/checkpoint.ts";
import { completionCommand } from "./commands/completion.ts";
import { configCommand } from "./commands/config.ts";
import { forksCommand } from "./commands/forks.ts";
import { getCommand } from "./commands/get.ts";
import { groupsCommand } from "./commands/groups.ts";
import { joinCommand } from "./commands/join.ts";
import { keyCommand } from "./commands/key.ts";
import { keygenCommand } from "./commands/keygen.ts";
import { keyringCommand } from "./commands/keyring.ts";
import { leaveCommand } from "./commands/leave.ts";
import { loadCommand } from "./commands/load.ts";
import { lsCommand } from "./commands/ls.ts";
import { membersCommand } from "./commands/members.ts";
import { proveCommand } from "./commands/prove.ts";
import { serveCommand } from "./commands/serve.ts";
import { snapshotCommand } from "./commands/snapshot.ts";
import { statusCommand } from "./commands/status.ts";
import { tailCommand } from "./commands/tail.ts";
import { verifyCommand } from "./commands/verify.ts";
import { versionCommand, versionText } from "./commands/version.ts";
import type { Tools } from "./tools.ts";

/** Where commander's own texts go. */
export interface ProgramOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const examples = `
Examples:
  converge-ledger serve --data ./ledger
  converge-ledger append demo facts "hello"
  echo '{"a":1}' | converge-ledger append demo facts -
  converge-ledger get demo --after 0 -n 10 --json
  converge-ledger tail demo -f
  converge-ledger snapshot demo -o demo.cls
  converge-ledger load copy demo.cls --fail-if-exists
  converge-ledger prove demo@1 -o demo-1.tlog-proof
  converge-ledger verify demo-1.tlog-proof --key "$(converge-ledger key demo)"

Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage.
"converge-ledger help COMMAND" shows the options of a command.`;

/** What is shown without any argument. */
export const shortHelp = `converge-ledger keeps append-only contexts. Three lines to begin with:

  converge-ledger serve
  converge-ledger append demo facts "hello"
  converge-ledger tail demo -f

"converge-ledger help" shows everything else.
`;

/** Returns the command line's grammar. Nothing runs, and nothing heavy is loaded, before a command is parsed. */
export function createProgram(io: CliIo, tools: Tools, output: ProgramOutput): Command {
  const program = new Command("converge-ledger")
    .description("The memory of agentic systems: append-only contexts, readable, watchable and verifiable.")
    .version(versionText, "-V, --version", "print the version")
    .addHelpText("after", examples);
  const commands = [
    serveCommand(io, tools.serve),
    appendCommand(io),
    getCommand(io),
    tailCommand(io),
    lsCommand(io),
    snapshotCommand(io),
    loadCommand(io),
    proveCommand(io, tools),
    verifyCommand(io, tools),
    checkpointCommand(io),
    keyCommand(io, tools),
    keygenCommand(io, tools),
    statusCommand(io),
    forksCommand(io),
    groupsCommand(io),
    membersCommand(io),
    joinCommand(io),
    leaveCommand(io),
    keyringCommand(io),
    configCommand(io),
    completionCommand(io, program),
    versionCommand(io),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands]) {
    command.exitOverride().configureOutput({ writeOut: output.out, writeErr: output.err });
  }
  return program;
}
