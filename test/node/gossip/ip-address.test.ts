import { describe, expect, test } from "bun:test";
import { hex } from "../../../src/core/hex.ts";
import { endpointOf, formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { formatIp, isLoopback, isWildcard, parseIp } from "../../../src/node/gossip/ip-address.ts";

function bytes(text: string): Uint8Array {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

describe("parseIp() and formatIp()", () => {
  test.each([
    ["0.0.0.0", "00000000"],
    ["10.200.0.1", "0ac80001"],
    ["255.255.255.255", "ffffffff"],
    ["::", "00".repeat(16)],
    ["::1", `${"00".repeat(15)}01`],
    ["1::", `0001${"00".repeat(14)}`],
    ["fd00::2", "fd000000000000000000000000000002"],
    ["2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["2001:0:0:1::1", "20010000000000010000000000000001"],
    ["1:0:3:4:5:6:7:8", "00010000000300040005000600070008"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["64:ff9b::c000:201", "0064ff9b0000000000000000c0000201"],
  ])("%s is %s and back", (text, expected) => {
    expect(hex(bytes(text))).toBe(expected);
    expect(formatIp(bytes(text))).toBe(text);
  });

  test.each([
    ["::ffff:10.200.0.1", "10.200.0.1"],
    ["::ffff:7f00:1", "127.0.0.1"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
  ])("%s is the same as %s", (text, other) => {
    expect(formatIp(bytes(text))).toBe(other);
  });

  test.each([
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4x",
    "[::1]",
    ":::",
    "1::2::3",
    "::g",
  ])("%p is no address", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });
});

test.each([
  ["0.0.0.0", true, false],
  ["::", true, false],
  ["127.0.0.1", false, true],
  ["127.255.3.4", false, true],
  ["::1", false, true],
  ["128.0.0.1", false, false],
  ["0.0.0.1", false, false],
  ["::2", false, false],
  ["100::1", false, false],
])("isWildcard() and isLoopback() of %s", (text, wildcard, loopback) => {
  expect([isWildcard(bytes(text)), isLoopback(bytes(text))]).toEqual([wildcard, loopback]);
});

test("formatEndpoint() puts IPv6 into brackets", () => {
  expect(formatEndpoint({ address: bytes("10.0.0.1"), port: 7946 })).toBe("10.0.0.1:7946");
  expect(formatEndpoint({ address: bytes("fd00::2"), port: 1 })).toBe("[fd00::2]:1");
});

test("endpointOf() takes an address only with its port", () => {
  expect(endpointOf("::ffff:127.0.0.1", 7)).toEqual({ address: Uint8Array.of(127, 0, 0, 1), port: 7 });
  expect(endpointOf(undefined, 7)).toBeUndefined();
  expect(endpointOf("127.0.0.1", undefined)).toBeUndefined();
  expect(endpointOf("somewhere", 7)).toBeUndefined();
});
