/** All holders end with the same bytes. */

import { createHash } from "node:crypto";
import type { FinalCopy, History } from "./history.ts";
import { contextsOf, few, referenceOf } from "./reference.ts";

/** Copies of one context that are not equal. */
export function copiesDiffer(history: History): readonly string[] {
  const found = contextsOf(history).flatMap((contextId) => {
    const reference = referenceOf(history, contextId);
    if (reference === undefined) return [`${contextId}: no node has a copy`];
    return history.finals
      .filter((copy) => copy.contextId === contextId && copy !== reference)
      .flatMap((copy) => differences(reference, copy));
  });
  return few(found);
}

function differences(reference: FinalCopy, copy: FinalCopy): readonly string[] {
  const what = `${copy.contextId}: ${copy.node} and ${reference.node} differ`;
  const at = reference.entries.findIndex(
    ({ contentHash, id }, i) => copy.entries[i]?.contentHash !== contentHash || copy.entries[i].id !== id,
  );
  const sizes = `${copy.entries.length} and ${reference.entries.length} entries`;
  if (at >= 0) return [`${what} from sequence ${at + 1} on (${sizes})`];
  if (copy.root !== reference.root) return [`${what} in their roots, ${copy.root} and ${reference.root}`];
  return [];
}

/** Copies whose sequences are not 1, 2, 3, ... */
export function gapsInCopies({ finals }: History): readonly string[] {
  const found = finals.flatMap(({ node, contextId, entries }) => {
    const wrong = entries.find(({ sequence }, i) => sequence !== i + 1);
    return wrong === undefined
      ? []
      : [`${contextId} at ${node}: sequence ${wrong.sequence} is not one above the one before`];
  });
  return few(found);
}

/** Roots that nodes give and that are not those of the entries they have. */
export function wrongRoots({ finals }: History): readonly string[] {
  const found = finals.flatMap(({ node, contextId, entries, root }) => {
    if (root === undefined) return entries.length === 0 ? [] : [`${contextId} at ${node}: it gives no root`];
    const expected = rootOf(entries.map(({ contentHash }) => Buffer.from(contentHash, "base64")));
    return root === expected.toString("base64")
      ? []
      : [`${contextId} at ${node}: the root ${root} is not that of its ${entries.length} entries`];
  });
  return few(found);
}

/** Under majority and all: signed roots that are not those of the final history at their size. */
export function forkedCheckpoints(history: History): readonly string[] {
  const found = contextsOf(history).flatMap((contextId) => {
    const leaves = (referenceOf(history, contextId)?.entries ?? []).map(({ contentHash }) =>
      Buffer.from(contentHash, "base64"),
    );
    const signed = history.checkpoints.filter((each) => each.contextId === contextId);
    const distinct = new Map(signed.map((each) => [`${each.treeSize} ${each.root}`, each]));
    return [...distinct.values()].flatMap(({ node, treeSize, root }) => {
      const what = `${contextId}: ${node} signed size ${treeSize} with the root ${root},`;
      if (treeSize > leaves.length) return [`${what} but there are ${leaves.length} entries`];
      const now = rootOf(leaves.slice(0, treeSize)).toString("base64");
      return now === root ? [] : [`${what} which is ${now} now`];
    });
  });
  return few(found);
}

/** The root of [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) over leaves; a node without a sibling moves up. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return createHash("sha256").digest();
  let level = leaves;
  while (level.length > 1) {
    const above: Buffer[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] ?? Buffer.alloc(0);
      const right = level[i + 1];
      above.push(right === undefined ? left : parentOf(left, right));
    }
    level = above;
  }
  return level[0] ?? Buffer.alloc(0);
}

function parentOf(left: Buffer, right: Buffer): Buffer {
  return createHash("sha256").update(Buffer.of(1)).update(left).update(right).digest();
}
