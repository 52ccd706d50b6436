import type { Command } from "commander";

/** What completion offers after a command's name. */
export interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionWords[];
  /** Words the next argument can be, for commands that know them. */
  readonly values: readonly string[];
}

export interface OptionWords {
  /** `--key`, `-k`. */
  readonly names: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** Returns the words of a program's commands. */
export function commandTree(program: Command): CommandWords[] {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: command.createHelp().visibleOptions(command).map(optionWords),
    values: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  }));
  const help = {
    name: "help",
    description: "show help for a command",
    options: [],
    values: commands.map(({ name }) => name),
  };
  return [...commands, help];
}

function optionWords(option: Command["options"][number]): OptionWords {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const { description, argChoices: choices = [] } = option;
  return { names, description, takesValue: option.required || option.optional, choices };
}
