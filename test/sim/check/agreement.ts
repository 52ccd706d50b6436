import { type Cluster, machineOf, nameOf } from "../harness/cluster.ts";

const reportedMax = 20;

/** Tells if every member knows the truth about every machine. Fast: ends at the first that does not. */
export function allKnowTheTruth(cluster: Cluster, subjects = everybody(cluster)): boolean {
  return firstError(cluster, subjects) === undefined;
}

/**
 * Returns how members differ from the truth and from each other, in words: in whom they take for what, and in what they
 * know of those that are there. Reads every view in full, so it is for small clusters.
 */
export function disagreements(cluster: Cluster): string[] {
  const found: string[] = [];
  for (const observer of cluster.alive()) {
    const views = new Map(
      cluster
        .node(observer)
        .members()
        .map((view) => [machineOf(view.name), view]),
    );
    if (views.size < cluster.alive().length) found.push(`${nameOf(observer)} knows only ${views.size}`);
    for (const subject of everybody(cluster)) {
      const view = views.get(subject);
      if (!isTrue(cluster, subject, view?.state))
        found.push(`${nameOf(observer)}: ${nameOf(subject)} is ${view?.state}, not ${cluster.fate(subject)}`);
      if (cluster.fate(subject) !== "alive" || view === undefined) continue;
      const own = cluster.node(subject).members()[0];
      const { isSelf, ...seen } = view;
      const { isSelf: _, ...said } = { ...own };
      if (!isSelf && !Bun.deepEquals(seen, said))
        found.push(`${nameOf(observer)}: ${Bun.inspect(seen)} of ${Bun.inspect(said)}`);
    }
    if (found.length >= reportedMax) break;
  }
  return found.slice(0, reportedMax);
}

function everybody(cluster: Cluster): number[] {
  return Array.from({ length: cluster.size }, (_, machine) => machine);
}

function firstError(cluster: Cluster, subjects: readonly number[]): [number, number] | undefined {
  for (const observer of cluster.alive())
    for (const subject of subjects)
      if (observer !== subject && !isTrue(cluster, subject, cluster.view(observer, subject)))
        return [observer, subject];
  return undefined;
}

/** Members that are gone may be forgotten; one that left may be taken for dead where its good-bye was not heard. */
function isTrue(cluster: Cluster, subject: number, seen: string | undefined): boolean {
  const fate = cluster.fate(subject);
  if (fate === "alive") return seen === "alive";
  if (fate === "absent") return seen === undefined;
  return seen !== "alive" && seen !== "suspect";
}
