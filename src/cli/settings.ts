import { readFile } from "node:fs/promises";
import {
  configFile,
  type NamedFile,
  resolveConfig,
  type Resolved,
  type Scope,
  type SettingsFile,
} from "../config.ts";
import { systemErrorText } from "../core/system-error-text.ts";
import type { CliIo } from "./cli-io.ts";

/** Options as they were parsed, by the names of the settings. */
export type Flags = Readonly<Record<string, unknown>>;

/** Returns the settings of one scope from flags, environment and the settings file. */
export async function loadSettings<S extends Scope>(io: CliIo, scope: S, flags: Flags): Promise<Resolved<S>> {
  const named = configFile({ flags, env: io.env });
  const file = named === undefined ? undefined : await readSettingsFile(named);
  return resolveConfig(scope, { flags, env: io.env, file });
}

async function readSettingsFile({ path, source }: NamedFile): Promise<SettingsFile> {
  try {
    return { path, text: await readFile(path, "utf8") };
  } catch (error) {
    return { path, source, unreadable: systemErrorText(error) };
  }
}
