import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { LedgerError } from "../core/errors.ts";
import type { ProfileName } from "../core/merkle/tree-profile.ts";
import { checkContextId } from "../core/validate.ts";
import {
  type IntegrityService,
  type ProveInclusionRequest,
  type ProveInclusionResponseSchema,
  TreeProfile,
  type VerifyContextResponseSchema,
} from "../gen/converge/ledger/v1/integrity_pb.ts";
import type { Integrity, LogName, TreeHead, VerifyStep } from "../ledger/integrity.ts";
import { inclusionMessage } from "./messages.ts";
import { throwReason } from "./throw-reason.ts";

/** converge.ledger.v1.IntegrityService over what a ledger can prove; errors are LedgerErrors. */
export function createIntegrityService(integrity: Integrity): ServiceImpl<typeof IntegrityService> {
  return {
    async getCheckpoint(request) {
      const { note, origin, ...head } = await integrity.checkpoint(logName(request));
      return { checkpoint: note, origin, ...headMessage(head) };
    },

    async getTreeHead(request) {
      const profile = profileName(request.profile);
      if (request.nodeLog && profile === "seed") throw seedUnavailable("node_log");
      return headMessage(await integrity.treeHead(logName(request), request.treeSize, profile));
    },

    proveInclusion: (request) => proveInclusion(integrity, request),

    async proveConsistency(request) {
      const { firstSize, secondSize } = request;
      const { first, second, hashes } = await integrity.consistency(logName(request), firstSize, secondSize);
      return {
        firstSize: BigInt(first.size),
        firstRoot: first.root,
        secondSize: BigInt(second.size),
        secondRoot: second.root,
        hashes: [...hashes],
      };
    },

    async proveContext({ contextId }) {
      checkContextId(contextId);
      const { generation, head, record, inclusion, checkpoint } = await integrity.contextEvidence(contextId);
      return {
        generation: BigInt(generation),
        ...headMessage(head),
        record,
        proof: inclusionMessage(inclusion),
        checkpoint: checkpoint.note,
      };
    },

    async *verifyContext(request, { signal }) {
      for await (const step of integrity.verify(logName(request), signal)) yield verifyMessage(step);
      throwReason(signal);
    },

    async getVerifierKeys(request) {
      const { origin, keys } = await integrity.verifierKeys(logName(request));
      return { origin, verifierKeys: [...keys] };
    },
  };
}

async function proveInclusion(
  integrity: Integrity,
  request: ProveInclusionRequest,
): Promise<MessageInitShape<typeof ProveInclusionResponseSchema>> {
  const { contextId, sequence, treeSize } = request;
  checkContextId(contextId);
  const profile = profileName(request.profile);
  if (!request.checkpoint) {
    const inclusion = await integrity.inclusion(contextId, sequence, treeSize, profile);
    return { proof: inclusionMessage(inclusion), leafHash: inclusion.leaf };
  }
  if (profile === "seed") throw seedUnavailable("checkpoint");
  if (treeSize !== undefined) throw sizeOfCheckpoint(treeSize);
  const { inclusion, record, checkpoint } = await integrity.evidence(contextId, sequence);
  return {
    proof: inclusionMessage(inclusion),
    leafHash: inclusion.leaf,
    record,
    checkpoint: checkpoint.note,
  };
}

export function headMessage({ size, root }: TreeHead): {
  readonly treeSize: bigint;
  readonly root: Uint8Array;
} {
  return { treeSize: BigInt(size), root };
}

export function verifyMessage(step: VerifyStep): MessageInitShape<typeof VerifyContextResponseSchema> {
  switch (step.kind) {
    case "progress": {
      const value = { verified: BigInt(step.verified), total: BigInt(step.total) };
      return { step: { case: "progress", value } };
    }
    case "damage": {
      const value = { sequence: BigInt(step.sequence), detail: step.detail };
      return { step: { case: "damage", value } };
    }
    case "result": {
      const value = { ...headMessage(step.head), damaged: BigInt(step.damaged) };
      return { step: { case: "result", value } };
    }
  }
}

/** Returns which log a request names. Throws INVALID_ARGUMENT unless it is exactly one. */
function logName({ contextId, nodeLog }: { readonly contextId: string; readonly nodeLog: boolean }): LogName {
  if (!nodeLog) {
    checkContextId(contextId);
    return { kind: "context", contextId };
  }
  if (contextId === "") return { kind: "node" };
  throw new LedgerError("INVALID_ARGUMENT", "context_id and node_log are both set", {
    reason: "LOG_AMBIGUOUS",
    field: "node_log",
    value: "true",
    remedy: "leave context_id empty to ask for the log of logs, or node_log unset to ask for a context",
  });
}

function profileName(profile: TreeProfile): ProfileName {
  switch (profile) {
    case TreeProfile.UNSPECIFIED:
    case TreeProfile.RFC6962:
      return "rfc6962";
    case TreeProfile.SEED:
      return "seed";
  }
  // Enums of proto3 are open: clients may send numbers that have no name.
  throw new LedgerError("INVALID_ARGUMENT", `there is no tree profile ${String(profile)}`, {
    reason: "PROFILE_UNKNOWN",
    field: "profile",
    value: Number(profile),
    limit: TreeProfile.SEED,
    remedy: "use TREE_PROFILE_RFC6962 or TREE_PROFILE_SEED",
  });
}

function seedUnavailable(beside: "node_log" | "checkpoint"): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `profile is TREE_PROFILE_SEED and ${beside} is set`, {
    reason: "PROFILE_UNAVAILABLE",
    field: "profile",
    value: "TREE_PROFILE_SEED",
    remedy: `leave ${beside} unset, or use TREE_PROFILE_RFC6962`,
  });
}

function sizeOfCheckpoint(treeSize: bigint): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `tree_size is ${treeSize} and checkpoint is set`, {
    reason: "TREE_SIZE_OF_CHECKPOINT",
    field: "tree_size",
    value: treeSize,
    remedy: "leave tree_size unset: the proof is for the size of the checkpoint",
  });
}
