import type { CommandWords } from "./command-tree.ts";

/** Returns a script for fish: `converge-ledger completion fish | source`. */
export function fishCompletion(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ name, description, options, values }) => {
    const within = `complete -c converge-ledger -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c converge-ledger -f -n __fish_use_subcommand -a ${name} -d '${quoted(description)}'`,
      ...(values.length === 0 ? [] : [`${within} -f -a '${values.join(" ")}'`]),
      ...options.map((option) => {
        const names = option.names.map((long) =>
          long.startsWith("--") ? `-l ${long.slice(2)}` : `-s ${long.slice(1)}`,
        );
        const value = option.takesValue ? " -r" : "";
        const choices = option.choices.length === 0 ? "" : ` -f -a '${option.choices.join(" ")}'`;
        return `${within} ${names.join(" ")}${value}${choices} -d '${quoted(option.description)}'`;
      }),
    ];
  });
  return `# fish completion for converge-ledger\n${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
}
