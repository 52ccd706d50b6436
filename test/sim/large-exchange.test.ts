/** One exchange of states brings thousands of members: what each costs must not grow with how many there are. */

import { expect, test } from "bun:test";
import { encodePushPull, nodeStatePrefix } from "../../src/swim/wire/encode-message.ts";
import { ownVersions } from "../../src/swim/versions.ts";
import { nodeStates } from "../../src/swim/wire/messages.ts";
import { endpointOf } from "./harness/addresses.ts";
import { Cluster } from "./harness/cluster.ts";

const plain = Uint8Array.of(1, 5, 2, 0, 0, 0);

test.each([
  ["ledger nodes", () => ownVersions(5), 16_000],
  ["plain memberlist", () => plain, 16_000],
  // Whoever makes versions up becomes no member once there are too many kinds.
  ["versions of their own", (index: number) => Uint8Array.of(1, 6 + (index % 200), 2, 0, index >> 8, 0), 64],
] as const)(
  "16,000 members, %s, are taken over in the time that reading them takes",
  (_, versions, known) => {
    const { simulation } = new Cluster({ size: 1, seed: 71, isConverged: true, isTraced: false });
    const node = simulation.node(0);
    const count = 16_000;
    const states = Array.from({ length: count }, (__, index) => ({
      prefix: nodeStatePrefix({
        ...{ name: `m${index}`, ...endpointOf(index + 1), meta: new Uint8Array(), versions: versions(index) },
      }),
      ...{ incarnation: 7, state: nodeStates.alive },
    }));
    const bytes = encodePushPull({ join: false, userState: new Uint8Array() }, states, count);
    const beganMs = performance.now();
    node?.handle({ kind: "stream-opened", stream: -1, from: endpointOf(1) }, 1);
    node?.handle({ kind: "stream-data", stream: -1, bytes }, 1);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
    expect((node?.members().length ?? 0) - 1).toBe(known);
  },
);
