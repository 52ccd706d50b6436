/** A cluster of both kinds beside a neighbour that is dead for good. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { patienceMs } from "../../support/until.ts";
import { agreeOn, all, loopbackNetwork } from "./cluster.ts";
import { type ExecutableNode, startExecutableNode } from "./executable-node.ts";
import { type GoPeer, startGoPeer } from "./go-peer.ts";
import { memberlistLacks } from "./go-program.ts";
import { startSwimNode } from "./swim-node.ts";

/** A minute; ten with CONVERGE_LEDGER_TEST_LONG=1. */
const soakMs = process.env["CONVERGE_LEDGER_TEST_LONG"] === "1" ? 600_000 : 60_000;
/** The longest suspicion of the lan timing, a round of probes before it, and time for a busy machine. */
const deathKnownMs = 24_000 + 6000 + patienceMs;

setDefaultTimeout(soakMs + deathKnownMs + 2 * patienceMs);

const lacks = memberlistLacks === undefined ? "" : ` (${memberlistLacks})`;

/** A packet to a port that nobody listens at is answered with an error, which Bun's sockets give to a later packet. */
describe.skipIf(memberlistLacks !== undefined)(`memberlist and ours beside the dead${lacks}`, () => {
  test(`suspect nobody in ${soakMs / 1000} s`, async () => {
    const address = loopbackNetwork();
    await using doomed = await startGoPeer({ name: "doomed", bind: address() });
    await using go1 = await startGoPeer({ name: "go1", bind: address() });
    await using go2 = await startGoPeer({ name: "go2", bind: address() });
    // They look for their seeds again and again.
    const join = [doomed.address];
    await using ours1 = await startExecutableNode({ name: "ours1", bind: address(), join });
    await using ours2 = await startExecutableNode({ name: "ours2", bind: address(), join });
    await using inProcess = await startSwimNode({ name: "in-process", bind: address() });
    for (const node of [go1, go2, inProcess]) await node.join(doomed.address);
    const nodes = [go1, go2, ours1, ours2, inProcess];
    await agreeOn([doomed, ...nodes], all("alive", [doomed, ...nodes]));
    await doomed.kill();
    await agreeOn(nodes, { ...all("alive", nodes), doomed: "dead" }, deathKnownMs);
    // memberlist forgets the dead after a while.
    const living = nodes.map((node) => ({
      name: node.name,
      members: async () => (await node.members()).filter(({ name }) => name !== doomed.name),
    }));

    const before = await Promise.all([ours1, ours2].map(troubles));
    const inProcessBefore = { ...inProcess.counters };
    const end = performance.now() + soakMs;
    while (performance.now() < end) {
      await agreeOn(living, all("alive", nodes));
      await Bun.sleep(1000);
    }

    expect([go1, go2].flatMap(suspicions).filter((line) => !line.includes(doomed.name))).toEqual([]);
    expect(await Promise.all([ours1, ours2].map(troubles))).toEqual(before);
    // A probe of the dead one may have been under way at the beginning.
    const { probesAnswered, probesFailed: _, ...inProcessAfter } = inProcess.counters;
    expect(inProcessBefore).toMatchObject(inProcessAfter);
    expect(probesAnswered - inProcessBefore.probesAnswered).toBeGreaterThan(soakMs / 1000 / 2);
    expect(await Promise.all([go1, go2].map((node) => node.health()))).toEqual([0, 0]);
  });
});

/** Returns the lines with which a Go node suspects others, or contradicts them. */
function suspicions({ log }: GoPeer): string[] {
  return log()
    .split("\n")
    .filter((line) => /Suspect|Refuting|Marking/.test(line));
}

/** Returns the counters that grow only when something went wrong. */
function troubles({ metric }: ExecutableNode): Promise<number[]> {
  const names = [
    "suspicions_total",
    "deaths_total",
    "refutations_total",
    'probes_total{outcome="answered-indirectly"}',
  ];
  return Promise.all(names.map((name) => metric(`converge_ledger_gossip_${name}`)));
}
