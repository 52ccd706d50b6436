/** Nodes of ours in this process and nodes of hashicorp/memberlist in one cluster. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { base64 } from "../../../src/core/base64.ts";
import { patienceMs, until } from "../../support/until.ts";
import { agreeOn, all, complaints, gossipKey, heardByAllMs, loopbackNetwork } from "./cluster.ts";
import { type GoPeerOptions, startGoPeer } from "./go-peer.ts";
import { memberlistLacks } from "./go-program.ts";
import { startSwimNode } from "./swim-node.ts";

setDefaultTimeout(8 * patienceMs);

const lacks = memberlistLacks === undefined ? "" : ` (${memberlistLacks})`;
const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);
/** Bytes that are no text, and long enough that Go compresses what they are in. */
const metaOfGo = new Uint8Array(400).fill(0xe9);
const metaOfOurs = new Uint8Array(512).fill(0xff);

describe.skipIf(memberlistLacks !== undefined)(`memberlist and ours in one cluster${lacks}`, () => {
  const kinds: readonly (Pick<GoPeerOptions, "delegate" | "compression"> & { sealed: boolean })[] = [
    { delegate: "0,0,0", compression: true, sealed: false },
    { delegate: "0,0,0", compression: false, sealed: true },
    { delegate: "2,5,5", compression: false, sealed: false },
    { delegate: "2,5,5", compression: true, sealed: true },
  ];

  test.each(kinds)("agree: %j", async ({ sealed, ...options }) => {
    const address = loopbackNetwork();
    const keys = sealed ? [gossipKey()] : [];
    await using go1 = await startGoPeer({ name: "go1", bind: address(), keys, meta: metaOfGo, ...options });
    await using go2 = await startGoPeer({ name: "go2", bind: address(), keys, ...options });
    await using ours1 = await startSwimNode({ name: "ours1", bind: address(), keys });
    await using ours2 = await startSwimNode({ name: "ours2", bind: address(), keys, meta: metaOfOurs });
    const nodes = [go1, go2, ours1, ours2];

    await ours1.join(go1.address);
    await go2.join(ours1.address);
    await ours2.join(ours1.address);
    await agreeOn(nodes, all("alive", nodes));
    expect(ours2.metaOf("go1")).toEqual(metaOfGo);
    expect((await go2.member("ours2")).meta).toBe(base64(metaOfOurs));

    await go2.setMeta(metaOfGo);
    ours1.setMeta(metaOfOurs);
    const isHeard = (): boolean => ours2.metaOf("go2")?.length === metaOfGo.length;
    await until("ours hears what Go says anew", isHeard, heardByAllMs);
    const isHeardByGo = async (): Promise<boolean> => {
      const [one, other] = await Promise.all([go1.member("ours1"), go2.member("ours1")]);
      return one.meta === base64(metaOfOurs) && other.meta === base64(metaOfOurs);
    };
    await until("Go hears what ours says anew", isHeardByGo, heardByAllMs);
    expect(go1.events).toContainEqual(
      expect.objectContaining({ event: "update", member: expect.objectContaining({ name: "ours1" }) }),
    );
    expect(ours2.changes).toContainEqual(
      expect.objectContaining({ change: "updated", member: expect.objectContaining({ name: "go2" }) }),
    );

    // Nobody is told of versions that it cannot take: it would take no state any more, from anybody.
    const [least, greatest] = options.delegate?.split(",").map(Number) ?? [];
    const heard = [...go1.events, ...go2.events].flatMap(({ member }) => member?.versions[5] ?? []);
    expect(heard.filter((version) => version < (least ?? 0) || version > (greatest ?? 0))).toEqual([]);
    // A plain memberlist hears of the version of the application that it wants only after it was told of another.
    const told = [...complaints(go1), ...complaints(go2)];
    expect(
      told.filter((line) => !/delegate protocol version \(5\) is incompatible: \[0, 0\]/.test(line)),
    ).toEqual([]);
    expect(
      [ours1.counters, ours2.counters].map(({ refused, versionsRefused }) => ({ refused, versionsRefused })),
    ).toEqual([ours1, ours2].map(() => ({ refused: {}, versionsRefused: 0 })));
  });

  // Of two, because a broadcast of memberlist is sent a few times and not passed on: among more it misses some.
  test.each(kinds)("hear each other: %j", async ({ sealed, ...options }) => {
    const address = loopbackNetwork();
    const keys = sealed ? [gossipKey()] : [];
    await using go = await startGoPeer({ name: "go", bind: address(), keys, ...options });
    await using ours = await startSwimNode({ name: "ours", bind: address(), keys });
    await ours.join(go.address);
    await agreeOn([go, ours], all("alive", [go, ours]));
    const long = "a long message ".repeat(10_000);

    await go.broadcast("a broadcast of Go");
    await go.send("ours", "a packet of Go", "best-effort");
    await go.send("ours", long, "reliable");
    ours.broadcast("a broadcast of ours");
    ours.send("go", long);

    await ours.message("a broadcast of Go");
    await ours.message("a packet of Go");
    await ours.message(long);
    await go.message("a broadcast of ours");
    await go.message(long);
  });

  test("see each other leave, and come back under the same name elsewhere", async () => {
    const address = loopbackNetwork();
    await using go1 = await startGoPeer({ name: "go1", bind: address() });
    await using go2 = await startGoPeer({ name: "go2", bind: address() });
    await using ours1 = await startSwimNode({ name: "ours1", bind: address() });
    await using ours2 = await startSwimNode({ name: "ours2", bind: address() });
    for (const node of [go2, ours1, ours2]) await node.join(go1.address);
    await agreeOn([go1, go2, ours1, ours2], all("alive", [go1, go2, ours1, ours2]));

    await ours2.leave();
    await agreeOn([go1, go2, ours1], { go1: "alive", go2: "alive", ours1: "alive", ours2: "left" });
    await go2.leave();
    await agreeOn([go1, ours1], { go1: "alive", go2: "left", ours1: "alive", ours2: "left" });

    await ours2[Symbol.asyncDispose]();
    await go2[Symbol.asyncDispose]();
    await using oursAgain = await startSwimNode({ name: "ours2", bind: address() });
    await using goAgain = await startGoPeer({ name: "go2", bind: address() });
    await oursAgain.join(go1.address);
    await goAgain.join(ours1.address);
    const nodes = [go1, ours1, oursAgain, goAgain];
    await agreeOn(nodes, all("alive", nodes));
  });

  test("do not let members of an earlier life keep Go from taking our state", async () => {
    const address = loopbackNetwork();
    await using go = await startGoPeer({ name: "go", bind: address() });
    await using ours = await startSwimNode({ name: "ours", bind: address() });
    ours.remember("gone");
    await ours.join(go.address);
    await until("Go knows ours", async () => (await go.member("ours")).state === "alive");
    const before = complaints(go);
    await ours.join(go.address);
    await go.join(ours.address);
    expect(complaints(go)).toEqual(before);
  });

  test("do not let a second node take a name", async () => {
    const address = loopbackNetwork();
    await using go = await startGoPeer({ name: "go", bind: address() });
    await using ours = await startSwimNode({ name: "ours", bind: address() });
    await ours.join(go.address);
    await agreeOn([go, ours], all("alive", [go, ours]));

    await using impostor = await startGoPeer({ name: "ours", bind: address() });
    await impostor.join(go.address);
    await using otherImpostor = await startSwimNode({ name: "go", bind: address() });
    await otherImpostor.join(ours.address);

    await until("Go tells of the conflict", () => go.events.some(({ event }) => event === "conflict"));
    await until("ours counts the conflict", () => ours.counters.nameConflicts > 0);
    const places = [go, ours].map(({ name, address: at }) => ({
      name,
      address: at,
      state: "alive" as const,
    }));
    for (const node of [go, ours]) {
      const members = (await node.members()).map(({ name, address: at, state }) => ({
        name,
        address: at,
        state,
      }));
      expect(members.toSorted((one, other) => (one.name < other.name ? -1 : 1))).toEqual(places);
    }
  });

  test.skipIf(!hasIpv6)("agree over IPv6", async () => {
    await using go = await startGoPeer({ name: "go", bind: "::1" });
    await using ours = await startSwimNode({ name: "ours", bind: "::1" });
    await using other = await startSwimNode({ name: "other", bind: "::1" });
    await ours.join(go.address);
    await go.join(other.address);
    await agreeOn([go, ours, other], all("alive", [go, ours, other]));
    ours.send("go", "over IPv6");
    await go.message("over IPv6");
  });
});
