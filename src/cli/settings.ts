import { readFile } from "node:fs/promises";
import { configFile, resolveConfig, type Resolved, type Scope } from "../config.ts";
import type { CliIo } from "./cli-io.ts";

/** Options as they were parsed, by the names of the settings. */
export type Flags = Readonly<Record<string, unknown>>;

/** Returns the settings of one scope from flags, environment and the settings file. */
export async function loadSettings<S extends Scope>(io: CliIo, scope: S, flags: Flags): Promise<Resolved<S>> {
  const path = configFile({ flags, env: io.env });
  const file = path === undefined ? undefined : { path, text: await readFile(path, "utf8") };
  return resolveConfig(scope, { flags, env: io.env, file });
}
