import type { CommandWords } from "./command-tree.ts";

/** Returns a script for bash: `source <(converge-ledger completion bash)`. */
export function bashCompletion(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, options, values }) => {
    const choices = options
      .filter((option) => option.choices.length > 0)
      .map((option) => `      ${option.names.join("|")}) words="${option.choices.join(" ")}" ;;\n`);
    const withValue = options.filter((option) => option.takesValue && option.choices.length === 0);
    const files =
      withValue.length === 0
        ? ""
        : `      ${withValue.flatMap(({ names }) => names).join("|")}) files=1 ;;\n`;
    const offered = [...options.flatMap(({ names }) => names), ...values].join(" ");
    return `    ${name})
      case "$previous" in
${choices.join("")}${files}      *) words="${offered}" ;;
      esac ;;
`;
  });
  return `# bash completion for converge-ledger
_converge_ledger() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" words="" files=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands.map(({ name }) => name).join(" ")}"
  else
    case "\${COMP_WORDS[1]}" in
${cases.join("")}    esac
  fi
  COMPREPLY=()
  if [ -n "$words" ]; then
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$current")
  fi
  if [ -n "$files" ] || [ "\${#COMPREPLY[@]}" -eq 0 ]; then
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
  fi
}
complete -o filenames -F _converge_ledger converge-ledger
`;
}
