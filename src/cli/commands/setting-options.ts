import { type Command, Option } from "commander";
import { configFileField, type Field, fields, type Scope } from "../../config.ts";

/** Adds an option for every setting of a scope, and the one that names a settings file. */
export function addSettingOptions(command: Command, ...scopes: readonly Scope[]): Command {
  for (const field of fields.filter(({ scope }) => scopes.includes(scope)))
    command.addOption(settingOption(field));
  const { flag, placeholder, description, env } = configFileField;
  return command.option(`${flag} <${placeholder}>`, `${description} (${env})`);
}

/** Returns the option of one setting. */
export function settingOption(field: Field): Option {
  const { flag, kind, description, env } = field;
  const initial = field.default === undefined ? "" : kind.toText(field.default);
  const option = new Option(
    kind.placeholder === undefined ? flag : `${flag} <${kind.placeholder}>`,
    `${description} (${env}${initial === "" || kind.placeholder === undefined ? "" : `; else ${initial}`})`,
  );
  // Values are checked with those of the environment and the file, all at once.
  return kind.isList ? option.argParser(collect) : option;
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
