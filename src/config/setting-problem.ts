import type { ConfigProblem } from "./config-error.ts";
import type { Setting } from "./resolve.ts";

/** Returns the problem of a setting whose value would be all right by itself. */
export function settingProblem(setting: Setting, said: string, remedy: string): ConfigProblem {
  const { field, source, text = "" } = setting;
  return { field: field.name, source, value: text, remedy, message: `${source}: ${said}; ${remedy}` };
}
