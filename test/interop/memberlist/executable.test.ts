/** Three built executables and three nodes of hashicorp/memberlist in one cluster. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { base64, unbase64 } from "../../../src/core/base64.ts";
import { decodeMemberTags, encodeMemberTags } from "../../../src/node/gossip/member-tags.ts";
import { patienceMs, until } from "../../support/until.ts";
import { agreeOn, all, complaints, heardByAllMs } from "./cluster.ts";
import { memberlistLacks } from "./go-program.ts";
import type { MemberSeen } from "./member-seen.ts";
import { startMixedCluster } from "./mixed-cluster.ts";

setDefaultTimeout(8 * patienceMs);

/** The longest suspicion of the lan timing, a round of probes before it, and time for a busy machine. */
const crashKnownMs = 24_000 + 6000 + patienceMs;
const lacks = memberlistLacks === undefined ? "" : ` (${memberlistLacks})`;

describe.skipIf(memberlistLacks !== undefined)(`memberlist and the executable${lacks}`, () => {
  test("agree on who is there, what they say of themselves, and who has left", async () => {
    await using cluster = await startMixedCluster();
    const [go1, go2, go3] = cluster.go;
    const [ours1, ours2, ours3] = cluster.ours;

    const { nodeId, rpcAddress, httpAddress, version, logName, protocolMin, protocolMax } =
      await ours1.member("ours2");
    const told = decodeMemberTags(unbase64((await go1.member("ours2")).meta) ?? new Uint8Array(0));
    expect<object>(told).toEqual({
      nodeId,
      rpcAddress,
      httpAddress,
      version,
      logName,
      protocolMin,
      protocolMax,
      ...{ replicas: 3, writeCopies: "majority", canWrite: true },
    });
    expect(told).toMatchObject({ rpcAddress: ours2.server.grpc });

    const tags = {
      nodeId: "0123456789abcdef0123456789abcdef",
      rpcAddress: "127.0.0.1:1",
      protocolMin: 1,
      protocolMax: 2,
    };
    await go2.setMeta(encodeMemberTags(tags));
    await until(
      "ours hears what Go says of itself",
      async () => (await ours3.member("go2")).rpcAddress !== undefined,
      heardByAllMs,
    );
    expect(await ours3.member("go2")).toMatchObject(tags);
    const meta = base64(encodeMemberTags(tags));
    const isHeard = async (): Promise<boolean> => (await go3.member("go2")).meta === meta;
    await until("Go hears what another Go says of itself", isHeard, heardByAllMs);

    await ours3.leave();
    const states = { ...all("alive", cluster.nodes), ours3: "left" } as const;
    await agreeOn([go1, go2, go3, ours1, ours2], states);
    await go3.leave();
    await agreeOn([go1, go2, ours1, ours2], { ...states, go3: "left" });
    await ours3.join(go2.address);
    await agreeOn([go1, go2, ours1, ours2], { ...states, go3: "left", ours3: "alive" });

    expect(cluster.go.flatMap(complaints).filter((line) => !isAboutVersions(line))).toEqual([]);
    for (const node of cluster.ours)
      expect(await node.metric("converge_ledger_gossip_suspicions_total")).toBe(0);
  });

  test("see each other crash", async () => {
    await using cluster = await startMixedCluster();
    const [go1, go2, go3] = cluster.go;
    const [ours1, ours2, ours3] = cluster.ours;
    await Promise.all([go3.kill(), ours3.kill()]);
    const states = { ...all("alive", cluster.nodes), go3: "dead", ours3: "dead" } as const;
    await agreeOn([go1, go2, ours1, ours2], states, crashKnownMs);
  });

  test.each(["go", "ours"] as const)("take one that stood still for alive: %s", async (kind) => {
    await using cluster = await startMixedCluster();
    const [stopped] = cluster[kind];
    const others = cluster.nodes.filter((node) => node !== stopped);
    const incarnation = incarnationIn(await stopped.members(), stopped.name);

    stopped.signal("SIGSTOP");
    try {
      await until(`somebody suspects ${stopped.name}`, async () => {
        const seen = await Promise.all(others.map((node) => node.members()));
        return seen.flat().some(({ name, state }) => name === stopped.name && state === "suspect");
      });
    } finally {
      stopped.signal("SIGCONT");
    }

    await agreeOn(cluster.nodes, all("alive", cluster.nodes));
    expect(incarnationIn(await stopped.members(), stopped.name)).toBeGreaterThan(incarnation);
    expect(cluster.go.flatMap(({ events }) => events.filter(({ event }) => event === "leave"))).toEqual([]);
    for (const node of cluster.ours) expect(await node.metric("converge_ledger_gossip_deaths_total")).toBe(0);
  });
});

function incarnationIn(members: readonly MemberSeen[], wanted: string): number {
  return members.find(({ name }) => name === wanted)?.incarnation ?? Number.NaN;
}

/** A plain memberlist hears of the version of the application that it wants only after it was told of another. */
function isAboutVersions(line: string): boolean {
  return /delegate protocol version \(5\) is incompatible: \[0, 0\]/.test(line);
}
