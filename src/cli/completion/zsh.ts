import type { CommandWords, OptionWords } from "./command-tree.ts";

/** Returns a script for zsh: `source <(converge-ledger completion zsh)`. */
export function zshCompletion(commands: readonly CommandWords[]): string {
  const described = commands.map(({ name, description }) => `    '${name}:${quoted(description)}'`);
  const cases = commands.map(({ name, options, values }) => {
    const specs = [
      ...options.flatMap(optionSpecs),
      values.length === 0 ? "'*:file:_files'" : `'1:value:(${values.join(" ")})'`,
    ];
    return `    ${name})\n      _arguments ${specs.join(" \\\n        ")} ;;\n`;
  });
  return `#compdef converge-ledger
_converge_ledger() {
  local -a commands
  commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join("")}  esac
}
compdef _converge_ledger converge-ledger
`;
}

function optionSpecs({ names, description, takesValue, choices }: OptionWords): string[] {
  const value = choices.length > 0 ? `:value:(${choices.join(" ")})` : ":value:_files";
  return names.map((name) => `'${name}[${quoted(description)}]${takesValue ? value : ""}'`);
}

function quoted(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:\\]/g, "\\$&");
}
