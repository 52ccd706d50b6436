/**
 * Paths of tiles and entry bundles below a log's URL. [C2SP tlog-tiles](https://c2sp.org/tlog-tiles)
 *
 * @module
 */

import { assert } from "../assert.ts";

/** Hashes in a full tile, records in a full bundle. */
export const tileWidth = 256;

export type TilePath = HashTilePath | EntryBundlePath;

export interface HashTilePath {
  readonly kind: "hashes";
  /** 0 to 63; level 0 has leaf hashes. */
  readonly level: number;
  readonly index: number;
  /** 1 to 256, which is full. */
  readonly width: number;
}

export interface EntryBundlePath {
  readonly kind: "entries";
  readonly index: number;
  /** 1 to 256, which is full. */
  readonly width: number;
}

/** Returns `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`. */
export function formatTilePath(path: TilePath): string {
  const { index, width } = path;
  assert(Number.isSafeInteger(index) && index >= 0, "the index of a tile is an exact number");
  assert(width >= 1 && width <= tileWidth, "a tile has 1 to 256 elements");
  const level = path.kind === "entries" ? "entries" : String(path.level);
  const partial = width === tileWidth ? "" : `.p/${width}`;
  return `tile/${level}/${formatIndex(index)}${partial}`;
}

const pattern = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** Returns what a path means, undefined if it is not exactly what {@link formatTilePath} writes. */
export function parseTilePath(text: string): TilePath | undefined {
  // The longest: 2^53 has 16 digits, which is 6 groups.
  if (text.length > 64) return undefined;
  const [, levelText, groups, widthText] = pattern.exec(text) ?? [];
  if (levelText === undefined || groups === undefined) return undefined;
  const index = Number(groups.replaceAll(/[x/]/g, ""));
  const width = widthText === undefined ? tileWidth : Number(widthText);
  if (!Number.isSafeInteger(index) || formatIndex(index) !== groups) return undefined;
  if (widthText !== undefined && width >= tileWidth) return undefined;
  if (levelText === "entries") return { kind: "entries", index, width };
  const level = Number(levelText);
  return level > 63 ? undefined : { kind: "hashes", level, index, width };
}

/** Writes 1234067 as `x001/x234/067`. */
function formatIndex(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/.{3}/g) ?? [];
  return groups.map((group, i) => (i === groups.length - 1 ? group : `x${group}`)).join("/");
}
