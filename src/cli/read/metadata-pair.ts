import { UsageError } from "../usage-error.ts";

/** Adds a `name=value` to those of the options before it. */
export function metadataPair(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const separator = text.indexOf("=");
  if (separator < 1) throw new UsageError(`${JSON.stringify(text)} is not name=value`);
  const name = text.slice(0, separator);
  if (Object.hasOwn(before, name)) throw new UsageError(`metadata ${JSON.stringify(name)} is given twice`);
  return { ...before, [name]: text.slice(separator + 1) };
}
