import { expect, test } from "bun:test";
import type { Member, MemberState } from "../../../src/core/member.ts";
import { peerAddressOf } from "../../../src/node/peers/peer-address-of.ts";
import { id } from "./sample-messages.ts";

function member(gossipAddress: string, state: MemberState, nodeId?: string, isSelf = false): Member {
  const tags = nodeId === undefined ? {} : { nodeId };
  return { name: gossipAddress, gossipAddress, state, incarnation: 1, stateSinceMs: 0, isSelf, tags };
}

test("peerAddressOf() returns the address of the liveliest member that is the node", () => {
  const members = [
    member("self:1", "alive", id("a"), true),
    member("old:1", "dead", id("b")),
    member("new:1", "alive", id("b")),
    member("left:1", "left", id("b")),
    member("other:1", "alive"),
    member("dead:1", "dead", id("c")),
  ];
  const addresses = ["a", "b", "c", "d"].map((digit) => peerAddressOf(id(digit), members));
  expect(addresses).toEqual([undefined, "new:1", "dead:1", undefined]);
});
