import { configFileField, type Field, fields, type Scope } from "../../src/config.ts";

/** Returns the Markdown table of the settings of one scope, as it stands in docs/configuration.md. */
export function settingsTable(scope: Scope): string {
  const rows = fields.filter((field) => field.scope === scope).map(row);
  const { flag, placeholder, env, description } = configFileField;
  rows.push(["", `\`${flag} ${placeholder}\``, `\`${env}\``, "", "a file", description]);
  const head = ["File key", "Flag", "Environment", "Default", "Accepts", "Meaning"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function row({ fileKey, flag, env, kind, default: initial, description }: Field): string[] {
  const text = initial === undefined ? "" : kind.toText(initial);
  const value = kind.placeholder === undefined ? "" : ` ${kind.placeholder}`;
  const unit = kind.unit === undefined ? "" : ` ${kind.unit}`;
  return [
    `\`${fileKey}\``,
    `\`${flag}${value}\`${kind.isList ? ", repeatable" : ""}`,
    `\`${env}\``,
    text === "" ? "" : `\`${text}\``,
    `${kind.accepts}${unit}`,
    description,
  ];
}
