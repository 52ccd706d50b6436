import { type Command, Option } from "commander";

/** Adds the option that names the keys signatures are checked with. */
export function addKeyOption(command: Command): Command {
  const option = new Option(
    "--key <VKEY>",
    'a verifier key, as "converge-ledger key" prints it, or a file with one on each line; may be repeated',
  );
  return command.addOption(option.argParser(collect));
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
