import { Argument, Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { bashCompletion } from "../completion/bash.ts";
import { commandTree } from "../completion/command-tree.ts";
import { fishCompletion } from "../completion/fish.ts";
import { powershellCompletion } from "../completion/powershell.ts";
import { zshCompletion } from "../completion/zsh.ts";

const scripts = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
  powershell: powershellCompletion,
} as const;

const examples = `
Examples:
  source <(converge-ledger completion bash)
  source <(converge-ledger completion zsh)
  converge-ledger completion fish | source
  converge-ledger completion powershell | Out-String | Invoke-Expression`;

/** `completion SHELL`: prints a script that completes commands and options. */
export function completionCommand(io: CliIo, program: Command): Command {
  return new Command("completion")
    .description("print a script that completes commands and options in a shell")
    .addArgument(new Argument("<SHELL>", "the shell").choices(Object.keys(scripts)))
    .addHelpText("after", examples)
    .action(async (shell: keyof typeof scripts) => {
      await io.stdout.write(scripts[shell](commandTree(program)));
    });
}
