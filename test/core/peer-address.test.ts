import { describe, expect, test } from "bun:test";
import { LedgerError } from "../../src/core/errors.ts";
import { parsePeerAddress, requirePeerAddress } from "../../src/core/peer-address.ts";

const accepted: [text: string, host: string, port: number][] = [
  ["10.0.0.5", "10.0.0.5", 7946],
  ["10.0.0.5:1", "10.0.0.5", 1],
  ["Node.Example:65535", "node.example", 65_535],
  ["localhost", "localhost", 7946],
  ["node-1.ledger.internal.:7000", "node-1.ledger.internal.", 7000],
  ["ledger_1", "ledger_1", 7946],
  ["_gossip.ledger", "_gossip.ledger", 7946],
  ["1and1.example", "1and1.example", 7946],
  ["hôst", "xn--hst-kna", 7946],
  ["[FD00::5]", "fd00::5", 7946],
  ["[fd00:0:0::5]:9", "fd00::5", 9],
  ["fd00::5", "fd00::5", 7946],
  ["::1", "::1", 7946],
  ["127.1", "127.0.0.1", 7946],
  [`${"a".repeat(63)}.${"b".repeat(63)}`, `${"a".repeat(63)}.${"b".repeat(63)}`, 7946],
];

const refused = [
  "",
  "@",
  "name@",
  "n@a",
  ":7946",
  "a:",
  "a:0",
  "a:65536",
  "a:1x",
  "a:123456",
  "host:1:2",
  " a",
  "a b",
  "a/b",
  "http://host",
  "a%41",
  "a\0",
  "a,b",
  "-host",
  "host-",
  "host..example",
  ".host",
  "host.1",
  "300.1.1.1",
  "10.0.0.256",
  "[::1",
  "::1]",
  "[::1]x",
  "[::g]",
  "[10.0.0.5]",
  "[a]:1",
  "fe80::1%eth0",
  "a".repeat(64),
  `${"a".repeat(60)}.`.repeat(5),
];

test.each(accepted)("parsePeerAddress() reads %p", (text, host, port) => {
  expect(parsePeerAddress(text)).toEqual({ host, port });
});

test.each(refused)("parsePeerAddress() refuses %p", (text) => {
  expect(parsePeerAddress(text)).toBeUndefined();
});

describe("requirePeerAddress()", () => {
  test("reads what parsePeerAddress() does", () => {
    expect(accepted.map(([text]) => requirePeerAddress(text))).toEqual(
      accepted.map(([, host, port]) => ({ host, port })),
    );
  });

  test("says what it expects otherwise, and how to write it", () => {
    const facts = { reason: "JOIN_ADDRESS_INVALID", field: "addresses", value: "a:0", limit: 261 };
    expect(() => requirePeerAddress("a:0")).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining('Cannot join "a:0": it is not HOST or HOST:PORT'),
        facts: { ...facts, remedy: expect.stringContaining("[fd00::5]:7946") },
      }),
    );
  });
});
