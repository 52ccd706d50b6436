import { unbase64 } from "../../core/base64.ts";
import type { CliIo } from "../cli-io.ts";
import { UsageError } from "../usage-error.ts";
import { InputError } from "./input-error.ts";
import { readText } from "./read-text.ts";

const keyLengths: readonly number[] = [16, 24, 32];

/** Returns the key that an argument is, in base64, or that standard input has for "-". No error tells the key. */
export async function readGossipKey(io: CliIo, argument: string): Promise<Uint8Array> {
  const keys = argument === "-" ? keyLines(await readText(io, argument)) : [argument];
  const [text = ""] = keys;
  const key = keys.length === 1 ? unbase64(text) : undefined;
  if (key !== undefined && keyLengths.includes(key.length)) return key;
  const expected = 'a key of 16, 24 or 32 bytes in base64, as "converge-ledger keygen --gossip" prints it';
  if (argument === "-") throw new InputError(argument, `it has not ${expected}, and nothing else`);
  throw new UsageError(`KEY is not ${expected}`);
}

/** Key files may have comments. */
function keyLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
