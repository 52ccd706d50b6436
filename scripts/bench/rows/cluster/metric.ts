import type { Cluster } from "../../../trials/world/cluster.ts";

/** The sum of a metric over its labels at one server, those that `labels` matches; undefined if it has no such metric. */
export async function metricOf(url: string, name: string, labels = /^/): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) })).text();
  const values = text.split("\n").flatMap((line) => {
    const [, of = "", labelled = "", value] = /^([a-z_]+)(\{[^}]*\})? (\S+)$/.exec(line) ?? [];
    return of === name && labels.test(labelled) ? [Number(value)] : [];
  });
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** Bytes that nodes have sent each other to replicate, gossip left out; undefined if nodes do not count them. */
export async function peerBytes(cluster: Cluster): Promise<number | undefined> {
  let sum = 0;
  for (const { url } of cluster.running) {
    const sent = await metricOf(url, "converge_ledger_peer_bytes_total", /direction="out"/);
    if (sent === undefined) return undefined;
    sum += sent;
  }
  return sum;
}
