import type { CommandWords } from "./command-tree.ts";

/** Returns a script for PowerShell: `converge-ledger completion powershell | Out-String | Invoke-Expression`. */
export function powershellCompletion(commands: readonly CommandWords[]): string {
  const table = commands.map(({ name, options, values }) => {
    const words = [...options.flatMap(({ names }) => names), ...values];
    return `    '${name}' = @(${words.map((word) => `'${word}'`).join(", ")})`;
  });
  return `# PowerShell completion for converge-ledger
Register-ArgumentCompleter -Native -CommandName converge-ledger -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = [ordered]@{
${table.join("\n")}
  }
  $given = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
  $first = $given.Count -eq 0 -or ($given.Count -eq 1 -and $wordToComplete -ne '')
  $words = if ($first) { $commands.Keys } else { $commands[$given[0]] }
  $words | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
