import { base64 } from "../../../src/core/base64.ts";
import { patienceMs, until } from "../../support/until.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { type MemberSeen, roster } from "./member-seen.ts";

/** Returns a function that returns another loopback address each time, of a network that is most likely nobody else's. */
export function loopbackNetwork(): () => string {
  const network = `127.${1 + below(254)}.${below(256)}`;
  let last = 0;
  return () => `${network}.${(last += 1)}`;
}

/** Returns a gossip key in base64. */
export function gossipKey(): string {
  return base64(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * How long it may take until everyone has heard of everyone: a rumour is passed on a few times, and who was missed by all of
 * these hears of it when states are next exchanged, every 30 s with lan timing.
 */
export const heardByAllMs = 30_000 + patienceMs;

/** Waits until all `nodes` list the same members, and those are `states` by name. */
export async function agreeOn(
  nodes: readonly Pick<ClusterNode, "name" | "members">[],
  states: Readonly<Record<string, MemberSeen["state"]>>,
  timeoutMs = heardByAllMs,
): Promise<void> {
  const wanted = Object.entries(states)
    .map(([name, state]) => `${name} ${state}`)
    .toSorted()
    .join("\n");
  let seen: readonly (readonly MemberSeen[])[] = [];
  const agree = async (): Promise<boolean> => {
    seen = await Promise.all(nodes.map((node) => node.members()));
    const [first = [], ...others] = seen.map((members) => roster(members).join("\n"));
    const found = (seen[0] ?? []).map(({ name, state }) => `${name} ${state}`).toSorted();
    return others.every((other) => other === first) && found.join("\n") === wanted;
  };
  await until(`all list\n${wanted}`, agree, timeoutMs).catch((error: unknown) => {
    const lists = nodes.map(({ name }, i) => `${name} lists\n  ${roster(seen[i] ?? []).join("\n  ")}`);
    throw new Error(lists.join("\n"), { cause: error });
  });
}

/** Returns `state` for each of `nodes` by name. */
export function all(
  state: MemberSeen["state"],
  nodes: readonly { readonly name: string }[],
): Record<string, MemberSeen["state"]> {
  return Object.fromEntries(nodes.map(({ name }) => [name, state]));
}

/** Returns the lines with which a Go node has complained. */
export function complaints({ log }: Pick<ClusterNode, "log">): string[] {
  return log()
    .split("\n")
    .filter((line) => /\[(?:ERR|WARN)\]/.test(line));
}

function below(count: number): number {
  return Math.floor(Math.random() * count);
}
