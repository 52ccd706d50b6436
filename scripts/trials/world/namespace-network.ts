/**
 * Every node in a network namespace of its own, on a bridge in the namespace of the sandbox, where the client is. Links
 * are cut by a wrong hardware address at the sender: the packet leaves, and nobody takes it.
 *
 * @module
 */

import { command } from "./command.ts";
import type { Links, Network, Place, SlowLink } from "./network.ts";
import { buildSlowLink, type SlowWire, startSlowWire } from "./slow-wire.ts";

const bridge = "ledger-bridge";
const nobody = "02:00:00:00:00:ee";
const ports = { grpcPort: 50051, httpPort: 8080, gossipPort: 7946 };

/** Makes the network for so many nodes. Only inside a sandbox, whose end is the end of it. */
export async function openNamespaceNetwork(nodes: number, scratch: string): Promise<Network> {
  await command("ip", "link", "add", bridge, "type", "bridge");
  await command("ip", "address", "add", `${hostOf(253)}/24`, "dev", bridge);
  await command("ip", "link", "set", bridge, "up");
  for (let index = 0; index < nodes; index += 1) await addNode(index);
  const links = new NamespaceLinks(Bun.which("gcc") === null ? undefined : await buildSlowLink(scratch));
  return {
    kind: "namespaces",
    isPrivate: true,
    links,
    place: (index): Place => ({
      host: hostOf(index),
      ...ports,
      prefix: ["nsenter", `--net=/run/netns/${namespaceOf(index)}`],
    }),
    [Symbol.asyncDispose]: async () => {
      await links.heal();
      for (let index = 0; index < nodes; index += 1) {
        // A namespace goes some time after it was deleted, and its end of the link with it: the name is free at once like this.
        await command("ip", "link", "delete", portOf(index));
        await command("ip", "netns", "delete", namespaceOf(index));
      }
      await command("ip", "link", "delete", bridge);
    },
  };
}

async function addNode(index: number): Promise<void> {
  const namespace = namespaceOf(index);
  await command("ip", "netns", "add", namespace);
  await command(
    ...["ip", "link", "add", portOf(index), "type", "veth"],
    ...["peer", "name", "eth0", "netns", namespace],
  );
  await command("ip", "link", "set", portOf(index), "master", bridge, "up");
  await command("ip", "-n", namespace, "address", "add", `${hostOf(index)}/24`, "dev", "eth0");
  await command("ip", "-n", namespace, "link", "set", "lo", "up");
  await command("ip", "-n", namespace, "link", "set", "eth0", "up");
  // Taken off the bridge for a slow wire, the port must not answer for the bridge's address.
  await Bun.write(`/proc/sys/net/ipv4/conf/${portOf(index)}/arp_ignore`, "8");
}

class NamespaceLinks implements Links {
  readonly slow: Links["slow"];
  readonly #cuts = new Map<string, readonly [number, number]>();
  readonly #wires = new Map<number, SlowWire>();

  constructor(program: string | undefined) {
    if (program !== undefined)
      this.slow = async (index, how): Promise<void> => await this.#slow(program, index, how);
  }

  async cut(from: number, to: number): Promise<void> {
    this.#cuts.set(`${from} ${to}`, [from, to]);
    await command(
      ...["ip", "-n", namespaceOf(from), "neighbour", "replace", hostOf(to)],
      ...["lladdr", nobody, "dev", "eth0", "nud", "permanent"],
    );
  }

  async mend(from: number, to: number): Promise<void> {
    if (!this.#cuts.delete(`${from} ${to}`)) return;
    await command("ip", "-n", namespaceOf(from), "neighbour", "delete", hostOf(to), "dev", "eth0");
  }

  async heal(): Promise<void> {
    for (const [from, to] of this.#cuts.values()) await this.mend(from, to);
    for (const [index, wire] of this.#wires) {
      await wire[Symbol.asyncDispose]();
      await command("ip", "link", "delete", wireOf(index));
      await command("ip", "link", "set", portOf(index), "master", bridge);
    }
    this.#wires.clear();
  }

  /** Puts the wire between the node's port and the bridge. */
  async #slow(program: string, index: number, how: SlowLink): Promise<void> {
    const far = `${wireOf(index)}-far`;
    await command("ip", "link", "add", wireOf(index), "type", "veth", "peer", "name", far);
    await Bun.write(`/proc/sys/net/ipv4/conf/${wireOf(index)}/arp_ignore`, "8");
    await command("ip", "link", "set", wireOf(index), "up");
    await command("ip", "link", "set", portOf(index), "nomaster");
    await command("ip", "link", "set", far, "master", bridge, "up");
    this.#wires.set(index, await startSlowWire(program, [portOf(index), wireOf(index)], how));
  }
}

function hostOf(index: number): string {
  return `10.99.0.${index + 1}`;
}

function namespaceOf(index: number): string {
  return `node-${index}`;
}

function portOf(index: number): string {
  return `port-${index}`;
}

function wireOf(index: number): string {
  return `wire-${index}`;
}
