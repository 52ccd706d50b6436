import { limits } from "../../core/limits.ts";
import { decodeUtf8 } from "../../core/utf8.ts";
import type { CliIo } from "../cli-io.ts";
import { InputError } from "./input-error.ts";
import { readAll, readInput } from "./input.ts";

/** Returns a small file of text, or standard input for "-", as it is. Throws {@link InputError}. */
export async function readText(io: CliIo, path: string): Promise<string> {
  const bytes = await readAll(readInput(io, path), limits.evidenceBytesMax);
  if (bytes === undefined) throw new InputError(path, `it has more than ${limits.evidenceBytesMax} bytes`);
  try {
    return decodeUtf8(bytes);
  } catch {
    throw new InputError(path, "it is not UTF-8 text");
  }
}
