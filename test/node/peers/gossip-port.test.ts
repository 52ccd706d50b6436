import { expect, test } from "bun:test";
import type { Log } from "../../../src/core/log.ts";
import { GossipNode } from "../../../src/node/gossip/gossip-node.ts";
import { KeyHolder } from "../../../src/node/gossip/key-holder.ts";
import { peerAddressOf } from "../../../src/node/peers/peer-address-of.ts";
import { PeerNetwork } from "../../../src/node/peers/peer-network.ts";
import { until } from "../../support/until.ts";
import { closeLater, handlersOf, nodeId } from "./peer-pair.ts";

const quiet = (): void => undefined;
const log: Log = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: quiet,
  child: () => log,
  isEnabled: () => false,
};

/** A node with gossip, which may end and begin anew at the same port. */
async function start(
  number: number,
  seeds: readonly string[],
): Promise<{ gossip: GossipNode; network: PeerNetwork; restart: () => Promise<void> }> {
  const keys = KeyHolder.open(undefined);
  const id = nodeId(number);
  let life = 1;
  const network = new PeerNetwork({
    nodeId: id,
    gossipLabel: "",
    ring: () => keys.ring,
    addressOf: (other) => peerAddressOf(other, node.gossip.members()),
    local: () => node.gossip.bound,
    log,
    timing: { redialMinMs: 5, redialMaxMs: 20 },
  });
  const begin = (port: number): Promise<GossipNode> =>
    GossipNode.start({
      gossip: { host: `127.0.0.${number}`, port },
      ...{ advertise: undefined, name: `node-${number}`, label: "", profile: "local", keys, seeds, log },
      tags: () => ({ nodeId: id }),
      incarnation: (life += 1),
      remembered: [],
      refuses: () => undefined,
      onExchanged: () => {},
      onSeedsTried: () => {},
      onChange: ({ member }) => {
        if (member.tags.nodeId !== undefined) network.peerChanged(member.tags.nodeId);
      },
      onPeerConnection: (socket, first, from) => network.accept(socket, first, from),
      onKeysChanged: () => network.keysChanged(),
      onIncarnation: (next) => void (life = next),
    });
  const node = {
    gossip: await begin(0),
    network,
    restart: async () => {
      const { port } = node.gossip.bound;
      await node.gossip.stop();
      node.gossip = await begin(port);
    },
  };
  closeLater(async () => {
    network.stop();
    await node.gossip.stop();
  });
  return node;
}

test("Members of a cluster call each other at the port of gossip, also after gossip came back", async () => {
  const b = await start(3, []);
  b.network.setHandlers(handlersOf({ forward: ({ body }: { body: Uint8Array }) => ({ body }) }));
  const a = await start(2, [b.gossip.address]);
  const call = async (): Promise<boolean> => {
    const request = { hops: 0, method: "x", body: Uint8Array.of(5) };
    const { body } = await a.network.call(nodeId(3), "forward", request, { timeoutMs: 5000 });
    return body[0] === 5;
  };
  await until("an answer", call);
  // They have joined by the same port.
  expect(b.gossip.counters.streamsIn).toBeGreaterThan(0);
  await b.restart();
  await until("an answer of its next life", call);
  await a.restart();
  await until("an answer to the next life", call);
  expect(b.network.connections.in).toBe(1);
});
