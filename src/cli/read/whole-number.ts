import { limits } from "../../core/limits.ts";
import { UsageError } from "../usage-error.ts";

/** Returns a parser of whole numbers from 0 to `max`. */
export function wholeNumber(max: bigint): (text: string) => bigint {
  return (text) => {
    if (/^\d{1,20}$/.test(text) && BigInt(text) <= max) return BigInt(text);
    throw new UsageError(`${JSON.stringify(text)} is not a whole number from 0 to ${max}`);
  };
}

/** Parses a number of things. */
export function count(text: string): number {
  return Number(wholeNumber(2n ** 32n - 1n)(text));
}

/** Parses the size of a tree. */
export const treeSize = wholeNumber(BigInt(limits.sequenceMax));
