/** The gossip of a cluster of both kinds, sealed. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { patienceMs, until } from "../../support/until.ts";
import { agreeOn, all, gossipKey, loopbackNetwork } from "./cluster.ts";
import { startGoPeer } from "./go-peer.ts";
import { memberlistLacks } from "./go-program.ts";
import { startSwimNode } from "./swim-node.ts";

setDefaultTimeout(8 * patienceMs);

const lacks = memberlistLacks === undefined ? "" : ` (${memberlistLacks})`;

describe.skipIf(memberlistLacks !== undefined)(`memberlist and ours with keys${lacks}`, () => {
  test.each([
    ["of another key", "key", [gossipKey()]],
    ["without a key", "plain", []],
  ] as const)("refuse and count a node %s", async (_, refusal, strangerKeys) => {
    const address = loopbackNetwork();
    const keys = [gossipKey()];
    await using go = await startGoPeer({ name: "go", bind: address(), keys });
    await using ours = await startSwimNode({ name: "ours", bind: address(), keys });
    await using goStranger = await startGoPeer({ name: "go-stranger", bind: address(), keys: strangerKeys });
    await using stranger = await startSwimNode({ name: "stranger", bind: address(), keys: strangerKeys });
    await ours.join(go.address);
    await agreeOn([go, ours], all("alive", [go, ours]));

    await expect(goStranger.join(ours.address)).rejects.toThrow();
    await until("ours counts it", () => (ours.counters.refused[refusal] ?? 0) > 0);
    expect(Object.keys(ours.counters.refused)).toEqual([refusal]);
    await expect(stranger.join(go.address)).rejects.toThrow();
    await until("Go refuses our stream", () => go.log().includes("[ERR] memberlist: failed to receive"));

    await agreeOn([go, ours], all("alive", [go, ours]));
    await agreeOn([goStranger], all("alive", [goStranger]));
    await agreeOn([stranger], all("alive", [stranger]));
  });

  test("go on while their key is replaced, node by node", async () => {
    const address = loopbackNetwork();
    const [before, after] = [gossipKey(), gossipKey()];
    const keys = [before];
    await using go1 = await startGoPeer({ name: "go1", bind: address(), keys });
    await using go2 = await startGoPeer({ name: "go2", bind: address(), keys });
    await using ours1 = await startSwimNode({ name: "ours1", bind: address(), keys });
    await using ours2 = await startSwimNode({ name: "ours2", bind: address(), keys });
    const nodes = [go1, ours1, go2, ours2];
    for (const node of [ours1, go2, ours2]) await node.join(go1.address);
    await agreeOn(nodes, all("alive", nodes));

    let ordinal = 0;
    const hearEachOther = async (): Promise<void> => {
      const text = `message ${(ordinal += 1)}`;
      await go1.send("ours1", `reliable ${text}`, "reliable");
      await go2.send("ours2", text, "best-effort");
      ours1.send("go2", text);
      ours2.broadcast(text);
      await ours1.message(`reliable ${text}`);
      await Promise.all([ours2.message(text), go2.message(text)]);
    };
    for (const [action, key] of [
      ["add", after],
      ["use", after],
      ["remove", before],
    ] as const) {
      for (const node of nodes) {
        await node.keyring(action, key);
        await hearEachOther();
      }
    }
    expect(await go1.keys()).toEqual([after]);
    await agreeOn(nodes, all("alive", nodes));
    expect([ours1, ours2].map(refusals)).toEqual([0, 0]);
    expect([go1, go2].filter(({ log }) => /decrypt/i.test(log()))).toEqual([]);

    await using late = await startSwimNode({ name: "late", bind: address(), keys });
    await expect(late.join(go2.address)).rejects.toThrow();
    await using newcomer = await startSwimNode({ name: "newcomer", bind: address(), keys: [after] });
    await newcomer.join(go2.address);
    await agreeOn([...nodes, newcomer], all("alive", [...nodes, newcomer]));
  });
});

function refusals({
  counters,
}: {
  readonly counters: { readonly refused: Readonly<Record<string, number>> };
}): number {
  return Object.values(counters.refused).reduce((sum, count) => sum + count, 0);
}
