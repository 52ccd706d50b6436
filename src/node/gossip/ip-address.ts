import { isIPv4, isIPv6 } from "node:net";
import { assert } from "../../core/assert.ts";
import { normalAddress } from "../../swim/endpoint.ts";

/** Returns the bytes of an IP address, an IPv4 address always as 4 of them; undefined if `text` is none. Zones are dropped. */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  const percent = text.indexOf("%");
  const bare = percent < 0 ? text : text.slice(0, percent);
  return isIPv6(bare) ? normalAddress(ipv6Bytes(bare)) : undefined;
}

/** Returns 4 or 16 bytes as text, IPv6 in the shortest form. [RFC 5952](https://www.rfc-editor.org/rfc/rfc5952#section-4) */
export function formatIp(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  assert(address.length === 16, "an address has 4 or 16 bytes");
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((address[2 * index] ?? 0) << 8) | (address[2 * index + 1] ?? 0)).toString(16),
  );
  const { start, length } = longestZeros(groups);
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/** Tells if an address stands for all addresses of its kind. */
export function isWildcard(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

/** Tells if an address reaches this machine only. */
export function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

/** `text` is an IPv6 address without a zone. */
function ipv6Bytes(text: string): Uint8Array {
  const [before = "", after] = text.split("::");
  const head = partBytes(before);
  const tail = after === undefined ? [] : partBytes(after);
  const zeros = Array.from({ length: 16 - head.length - tail.length }, () => 0);
  return Uint8Array.from([...head, ...zeros, ...tail]);
}

function partBytes(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** The first one of the longest. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== "0") start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
