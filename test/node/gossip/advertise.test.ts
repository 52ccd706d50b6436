import { describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { LedgerError } from "../../../src/core/errors.ts";
import {
  advertisedEndpoint,
  type NetworkInterfaces,
  reachesBound,
} from "../../../src/node/gossip/advertise.ts";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import type { Endpoint } from "../../../src/swim/endpoint.ts";
import { endpoint } from "./loopback.ts";

function networks(...addresses: string[]): NetworkInterfaces {
  return {
    lo: [{ address: "127.0.0.1" }, { address: "::1" }],
    eth0: addresses.map((address) => ({ address })),
  };
}

function told(bound: Endpoint, given: Endpoint | undefined, interfaces: NetworkInterfaces): string {
  return formatEndpoint(advertisedEndpoint({ given, bound, interfaces }));
}

describe("advertisedEndpoint()", () => {
  const everywhere = endpoint("0.0.0.0", 7946);
  const everywhere6 = endpoint("::", 7946);

  test.each([
    ["what is given", endpoint("127.0.0.1", 7946), endpoint("203.0.113.5", 17_946), [], "203.0.113.5:17946"],
    ["what is given, with the port that is bound", everywhere, endpoint("fd00::9", 0), [], "[fd00::9]:7946"],
    ["what is bound", endpoint("127.0.0.2", 7946), undefined, ["10.0.0.1"], "127.0.0.2:7946"],
    ["a public address that is bound", endpoint("203.0.113.5", 1), undefined, [], "203.0.113.5:1"],
    ["10/8", everywhere, undefined, ["203.0.113.5", "10.1.2.3", "10.1.2.4"], "10.1.2.3:7946"],
    ["172.16/12", everywhere, undefined, ["172.32.0.1", "172.15.0.1", "172.31.255.1"], "172.31.255.1:7946"],
    ["192.168/16", everywhere, undefined, ["192.169.0.1", "192.168.7.1"], "192.168.7.1:7946"],
    ["100.64/10", everywhere, undefined, ["100.128.0.1", "100.63.0.1", "100.64.0.1"], "100.64.0.1:7946"],
    ["IPv4 before IPv6", everywhere6, undefined, ["fd00::1", "10.0.0.1"], "10.0.0.1:7946"],
    [
      "IPv6 if there is no IPv4",
      everywhere6,
      undefined,
      ["fe80::1", "2001:db8::1", "fd00::1"],
      "[fd00::1]:7946",
    ],
  ])("tells %s", (_, bound, given, addresses, expected) => {
    expect(told(bound, given, networks(...addresses))).toBe(expected);
  });

  test.each([
    ["no address but loopback", everywhere, undefined, [], "GOSSIP_ADVERTISE_MISSING"],
    ["no private address", everywhere, undefined, ["203.0.113.5"], "GOSSIP_ADVERTISE_MISSING"],
    [
      "no private IPv4 address for an IPv4 socket",
      everywhere,
      undefined,
      ["fd00::1"],
      "GOSSIP_ADVERTISE_MISSING",
    ],
    ["every address as the one to tell", everywhere, endpoint("0.0.0.0", 1), [], "GOSSIP_ADVERTISE_INVALID"],
  ])("refuses %s", (_, bound, given, addresses, reason) => {
    expect(() => told(bound, given, networks(...addresses))).toThrow(
      expect.objectContaining({
        constructor: LedgerError,
        message: expect.stringContaining("--gossip-advertise"),
        facts: expect.objectContaining({ reason, remedy: expect.any(String) }),
      }),
    );
  });
});

test.each([
  ["127.0.0.1", 1, "127.0.0.1", 1, true],
  ["127.0.0.1", 1, "127.0.0.1", 2, false],
  ["127.0.0.1", 1, "127.0.0.2", 1, false],
  ["10.0.0.9", 1, "0.0.0.0", 1, true],
  ["127.8.8.8", 1, "0.0.0.0", 1, true],
  ["10.0.0.8", 1, "0.0.0.0", 1, false],
  ["10.0.0.9", 2, "0.0.0.0", 1, false],
  ["::1", 1, "::", 1, true],
])(
  "reachesBound(): %s port %i at a node bound to %s port %i: %p",
  (host, port, boundHost, boundPort, expected) => {
    const interfaces = networks("10.0.0.9");
    expect(reachesBound(endpoint(host, port), { bound: endpoint(boundHost, boundPort), interfaces })).toBe(
      expected,
    );
  },
);

test("advertisedEndpoint() and reachesBound() take what the system tells", () => {
  const interfaces = networkInterfaces();
  const bound = endpoint("127.0.0.1", 7946);
  expect(told(bound, undefined, interfaces)).toBe("127.0.0.1:7946");
  expect(reachesBound(endpoint("127.0.0.1", 7946), { bound: endpoint("0.0.0.0", 7946), interfaces })).toBe(
    true,
  );
});
