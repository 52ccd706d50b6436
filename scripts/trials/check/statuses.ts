/** What nodes say about the copies themselves, where they can. */

import type { History, Status } from "./history.ts";
import { few, referenceOf } from "./reference.ts";

/** Statuses that report copies that are not equal or not complete, and forks that cannot be. */
export function statusViolations(history: History): readonly string[] {
  return few(
    history.statuses.flatMap((status) =>
      violationsOf(history, status).map(
        (violation) => `${status.contextId}: the status at ${status.node} ${violation}`,
      ),
    ),
  );
}

function violationsOf(history: History, status: Status): readonly string[] {
  const { isEqual, forks, pendingArchives, holders, contextId } = status;
  const reference = referenceOf(history, contextId);
  const found: string[] = [];
  if (!isEqual) found.push("does not say that the copies are equal");
  if (forks > 0 && history.writeCopies !== "1") found.push(`counts ${forks} forks, which must not be`);
  if (pendingArchives > 0) found.push(`counts ${pendingArchives} archives that are not settled`);
  const nodes = new Set(history.finals.map(({ node }) => node));
  if (holders.length < Math.min(3, nodes.size))
    found.push(`names only ${holders.length} holders of ${nodes.size} nodes`);
  for (const { name, error, latestSequence, committedSequence, root } of holders) {
    const size = reference?.entries.length ?? 0;
    if (error !== undefined) found.push(`has no answer of ${name}: ${error}`);
    else if (latestSequence !== size || committedSequence !== size)
      found.push(`gives ${name} ${latestSequence} entries, ${committedSequence} committed, of ${size}`);
    else if (root !== reference?.root) found.push(`gives ${name} the root ${root}, not ${reference?.root}`);
  }
  return found;
}
