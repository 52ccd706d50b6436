/**
 * Between what holders say of their copies and the messages of cluster.proto.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { compareEpochs, type Epoch } from "../core/epoch.ts";
import { limits } from "../core/limits.ts";
import { sameBytes } from "../core/snapshot/same-bytes.ts";
import {
  type ContextStatusSchema,
  type ContextSummarySchema,
  CopiesAgreement,
  type EpochSchema,
  type ForkSchema,
  type HolderSchema,
} from "../gen/converge/ledger/v1/cluster_pb.ts";
import { memberStateNumber } from "./member-messages.ts";
import type {
  ContextStatus,
  ContextSummary,
  CopyStatus,
  ForkStatus,
  HolderStatus,
} from "./replication-view.ts";

export function contextStatusMessage(status: ContextStatus): MessageInitShape<typeof ContextStatusSchema> {
  const { contextId, holders, homeNodeId = "", copiesRequired, forks } = status;
  const copies = holders.flatMap(({ copy }) => ("error" in copy ? [] : [copy]));
  const latest = Math.max(0, ...copies.map((copy) => copy.latest));
  const epoch = latestEpoch(copies.map(({ accepted }) => accepted));
  return {
    contextId,
    holders: holders.map((holder) => holderMessage(holder, homeNodeId, latest)),
    homeNodeId,
    ...(epoch === undefined ? {} : { epoch: epochMessage(epoch) }),
    latestSequence: BigInt(latest),
    committedSequence: BigInt(Math.max(0, ...copies.map(({ committed }) => committed))),
    copiesRequired,
    agreement: agreementOf(status, copies),
    pendingArchives: copies.reduce((sum, { pendingArchives }) => sum + pendingArchives, 0),
    forks,
  };
}

export function contextSummaryMessage(
  summary: ContextSummary,
): MessageInitShape<typeof ContextSummarySchema> {
  const { contextId, holders, homeNodeId = "", accepted, latest, committed, leaving } = summary;
  return {
    contextId,
    holderNodeIds: [...holders],
    homeNodeId,
    ...(accepted === undefined ? {} : { epoch: epochMessage(accepted) }),
    latestSequence: BigInt(latest),
    committedSequence: BigInt(committed),
    leaving,
  };
}

export function forkMessage(fork: ForkStatus, withHashes: boolean): MessageInitShape<typeof ForkSchema> {
  const { contextId, after, count, hashes, winner, loser, foundAtNs, isPending } = fork;
  return {
    contextId,
    afterSequence: BigInt(after),
    entries: BigInt(count),
    winner: epochMessage(winner),
    loser: epochMessage(loser),
    foundAtNs,
    pending: isPending,
    contentHashes: withHashes ? hashes.subarray(0, limits.forkHashesSentMax * hashBytes) : nothing,
  };
}

const hashBytes = 32;
const nothing = new Uint8Array();

function holderMessage(
  holder: HolderStatus,
  homeNodeId: string,
  latest: number,
): MessageInitShape<typeof HolderSchema> {
  const { nodeId, name = "", rpcAddress = "", state, isSelf, canWrite, copy } = holder;
  return {
    ...{ nodeId, name, rpcAddress, isSelf },
    state: memberStateNumber(state),
    isHome: nodeId === homeNodeId,
    readOnly: !canWrite,
    outcome:
      "error" in copy
        ? { case: "error", value: copy.error }
        : { case: "copy", value: copyMessage(copy, latest) },
  };
}

function copyMessage(copy: CopyStatus, latest: number) {
  const { promised, accepted, root, leaving, pendingArchives } = copy;
  return {
    latestSequence: BigInt(copy.latest),
    committedSequence: BigInt(copy.committed),
    lag: BigInt(latest - copy.latest),
    ...(promised === undefined ? {} : { promised: epochMessage(promised) }),
    ...(accepted === undefined ? {} : { accepted: epochMessage(accepted) }),
    ...{ root, leaving, pendingArchives },
  };
}

function agreementOf({ holders, isForked }: ContextStatus, copies: readonly CopyStatus[]): CopiesAgreement {
  const roots = new Map<number, Uint8Array>();
  for (const { latest, root } of copies) {
    const other = roots.get(latest);
    if (other !== undefined && !sameBytes(other, root)) return CopiesAgreement.DIFFERENT;
    roots.set(latest, root);
  }
  if (isForked) return CopiesAgreement.DIFFERENT;
  const isComplete = copies.length === holders.length && roots.size === 1;
  return isComplete ? CopiesAgreement.EQUAL : CopiesAgreement.INCOMPLETE;
}

function latestEpoch(epochs: readonly (Epoch | undefined)[]): Epoch | undefined {
  return epochs
    .filter((epoch) => epoch !== undefined)
    .sort(compareEpochs)
    .at(-1);
}

function epochMessage({ counter, nodeId }: Epoch): MessageInitShape<typeof EpochSchema> {
  return { counter: BigInt(counter), nodeId };
}
