import { compareEpochs, type Epoch, noEpoch } from "../core/epoch.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import type { Position } from "./peer-messages.ts";

/** What one node has promised and accepted of one context. */
export interface Terms {
  /** Node ids, best first. */
  readonly holders: readonly string[];
  readonly promised: Epoch;
  readonly accepted: Epoch;
  readonly committed: number;
  readonly leaving: boolean;
}

/** What a holder knows of itself when it judges a message. */
export interface HolderView extends Position {
  readonly selfId: string;
  /** Undefined if it has promised nothing about the context. */
  readonly terms: Terms | undefined;
}

/** Returns the terms of a context that was made by a node alone, before it met others. */
export function soloTerms(selfId: string, latest: number): Terms {
  const epoch: Epoch = { counter: 1, nodeId: selfId };
  return { holders: [selfId], promised: epoch, accepted: epoch, committed: latest, leaving: false };
}

/** False where an epoch was promised and none accepted: such terms name holders that may never have come to be. */
export function hasBegun({ accepted }: Pick<Terms, "accepted">): boolean {
  return accepted.counter > 0;
}

/** Returns the terms that count: of a context with entries and none, those of a node alone. */
export function termsOf({ selfId, terms, latest }: HolderView): Terms | undefined {
  if (terms !== undefined) return terms;
  return latest === 0 ? undefined : soloTerms(selfId, latest);
}

/** Why a holder does not listen. */
export type Refusal =
  | { readonly kind: "refused"; readonly promised: Epoch }
  | { readonly kind: "not-holder"; readonly holders: readonly string[] };

interface Claim {
  readonly epoch: Epoch;
  readonly holders: readonly string[];
}

/** Tells if a holder listens to a writer: nothing below what it has promised, and nothing of contexts it does not keep. */
function refusalOf(view: HolderView, { epoch, holders }: Claim): Refusal | undefined {
  const terms = termsOf(view);
  if (terms?.leaving === true) return { kind: "not-holder", holders: terms.holders };
  if (!holders.includes(view.selfId)) return { kind: "not-holder", holders: terms?.holders ?? [] };
  return terms === undefined ? undefined : belowPromise(terms, { epoch });
}

function belowPromise(terms: Terms, { epoch }: Pick<Claim, "epoch">): Refusal | undefined {
  if (compareEpochs(epoch, terms.promised) < 0) return { kind: "refused", promised: terms.promised };
  // Two nodes that each made the context have the same counter; neither took over from the other.
  const isOther = compareEpochs(epoch, terms.accepted) !== 0 && terms.accepted.counter > 0;
  if (epoch.counter === 1 && isOther) return { kind: "not-holder", holders: terms.holders };
  return undefined;
}

/** What becomes of rows that a writer sends. */
export type ReplicateVerdict =
  | Refusal
  /** They are stored, the first `skip` of them were before. */
  | { readonly kind: "extend"; readonly skip: number }
  /** All of them were stored before. */
  | { readonly kind: "stored"; readonly latest: number }
  | { readonly kind: "gap"; readonly latest: number }
  | { readonly kind: "behind"; readonly latest: number };

/** Judges rows that follow entry `after`, whose history has the root `rootAfter`. */
export function judgeReplicate(
  view: HolderView,
  item: Claim & {
    readonly after: number;
    readonly rootAfter: Uint8Array;
    readonly rows: { readonly length: number };
  },
): ReplicateVerdict {
  const refusal = refusalOf(view, item);
  if (refusal !== undefined) return refusal;
  const { latest, root } = view;
  const terms = termsOf(view);
  const { after, rows } = item;
  // A history without entries is that of every writer.
  const isAccepted =
    compareEpochs(item.epoch, terms?.accepted ?? noEpoch) === 0 || (latest === 0 && after === 0);
  if (!isAccepted) return { kind: "behind", latest };
  if (after > latest) return { kind: "gap", latest };
  if (after < latest) {
    const skip = Math.min(rows.length, latest - after);
    return skip === rows.length ? { kind: "stored", latest } : { kind: "extend", skip };
  }
  return sameBytes(item.rootAfter, root) ? { kind: "extend", skip: 0 } : { kind: "behind", latest };
}

/**
 * Judges the wish of a writer that this node takes its history. One that is no holder takes it too: so a copy is made before
 * it counts.
 */
export function judgeAdopt(view: HolderView, claim: Claim): Refusal | { readonly kind: "adopt" } {
  const terms = termsOf(view);
  if (terms === undefined) return { kind: "adopt" };
  return belowPromise(terms, claim) ?? { kind: "adopt" };
}

export type PrepareVerdict = Refusal | { readonly kind: "promise" };

/** Judges the wish of a node to become the writer under an epoch. */
export function judgePrepare(view: HolderView, claim: Claim): PrepareVerdict {
  return refusalOf(view, claim) ?? { kind: "promise" };
}

/** Returns the terms after a promise to `claim`. */
export function promisedTo(view: HolderView, claim: Claim): Terms {
  const terms = termsOf(view);
  if (terms !== undefined) return { ...terms, promised: claim.epoch };
  return { holders: claim.holders, promised: claim.epoch, accepted: noEpoch, committed: 0, leaving: false };
}

export type HoldersVerdict =
  | Refusal
  /** The new holders are accepted. */
  | { readonly kind: "accept" }
  /** This node is none of them: it gives its copy up. */
  | { readonly kind: "leave" }
  | { readonly kind: "behind"; readonly latest: number };

/** Judges new holders that the home of a context names, whose history ends at `position`. */
export function judgeHolders(
  view: HolderView,
  claim: Claim & { readonly position: Position },
): HoldersVerdict {
  const terms = termsOf(view);
  if (terms !== undefined && compareEpochs(claim.epoch, terms.promised) < 0)
    return { kind: "refused", promised: terms.promised };
  if (!claim.holders.includes(view.selfId)) return { kind: "leave" };
  const { position } = claim;
  if (view.latest !== position.latest || !sameBytes(view.root, position.root))
    return { kind: "behind", latest: view.latest };
  return { kind: "accept" };
}

/** Tells if two lists of holders name the same nodes. */
export function sameHolders(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((nodeId) => b.includes(nodeId));
}
