/**
 * What is proven and signed by another node, in the messages for clients where there are such. What a node signs is passed
 * on as it is.
 *
 * @module
 */

import type { InclusionProof } from "../../gen/converge/context/v1/context_pb.ts";
import {
  GetCheckpointRequestSchema,
  GetCheckpointResponseSchema,
  GetTreeHeadRequestSchema,
  GetTreeHeadResponseSchema,
  GetVerifierKeysRequestSchema,
  GetVerifierKeysResponseSchema,
  ProveConsistencyRequestSchema,
  ProveConsistencyResponseSchema,
  ProveContextRequestSchema,
  ProveContextResponseSchema,
  ProveInclusionRequestSchema,
  ProveInclusionResponseSchema,
  TreeProfile,
} from "../../gen/converge/ledger/v1/integrity_pb.ts";
import {
  ProveAnswerSchema,
  ProveRequestSchema,
  TileAnswerSchema,
  TileRequestSchema,
} from "../../gen/converge/peer/v1/forward_pb.ts";
import type { ProfileName } from "../../core/merkle/tree-profile.ts";
import type {
  Consistency,
  ContextEvidence,
  Evidence,
  Inclusion,
  SignedCheckpoint,
  Tile,
  TreeHead,
} from "../../ledger/integrity.ts";
import type { StoredEntry } from "../../ledger/ports.ts";
import { inclusionMessage } from "../messages.ts";
import { type ForwardedCall, messageCall } from "./forwarded-call.ts";

type Leaf = Pick<StoredEntry, "sequence" | "contentHash">;

export interface ProveCall {
  readonly contextId: string;
  readonly entries: readonly Leaf[];
}

export const forwardedProve: ForwardedCall<ProveCall, readonly Inclusion[]> = messageCall(
  "prove",
  { question: ProveRequestSchema, answer: ProveAnswerSchema },
  {
    toQuestion: ({ contextId, entries }: ProveCall) => ({
      contextId,
      leaves: entries.map(({ sequence, contentHash }) => ({ sequence: BigInt(sequence), contentHash })),
    }),
    toInput: ({ contextId, leaves }) => ({
      contextId,
      entries: leaves.map(({ sequence, contentHash }) => ({ sequence: Number(sequence), contentHash })),
    }),
    // Only what clients get: who asks knows the leaves.
    toAnswer: (inclusions: readonly Inclusion[]) => ({ proofs: inclusions.map(inclusionMessage) }),
    toOutput: ({ proofs }) => proofs.map((proof) => inclusionOf(proof, noHash)),
  },
);

export interface TreeHeadCall {
  readonly contextId: string;
  readonly size: bigint | undefined;
  readonly profile: ProfileName;
}

export const forwardedTreeHead: ForwardedCall<TreeHeadCall, TreeHead> = messageCall(
  "treeHead",
  { question: GetTreeHeadRequestSchema, answer: GetTreeHeadResponseSchema },
  {
    toQuestion: ({ contextId, size, profile }: TreeHeadCall) => ({
      ...{ contextId, profile: profileNumber(profile) },
      ...(size === undefined ? {} : { treeSize: size }),
    }),
    toInput: ({ contextId, treeSize, profile }) => ({
      ...{ contextId, size: treeSize, profile: profileName(profile) },
    }),
    toAnswer: ({ size, root }: TreeHead) => ({ treeSize: BigInt(size), root }),
    toOutput: ({ treeSize, root }) => ({ size: Number(treeSize), root }),
  },
);

export interface InclusionCall extends TreeHeadCall {
  readonly sequence: bigint;
}

export const forwardedInclusion: ForwardedCall<InclusionCall, Inclusion> = messageCall(
  "inclusion",
  { question: ProveInclusionRequestSchema, answer: ProveInclusionResponseSchema },
  {
    toQuestion: ({ contextId, sequence, size, profile }: InclusionCall) => ({
      ...{ contextId, sequence, profile: profileNumber(profile) },
      ...(size === undefined ? {} : { treeSize: size }),
    }),
    toInput: ({ contextId, sequence, treeSize, profile }) => ({
      ...{ contextId, sequence, size: treeSize, profile: profileName(profile) },
    }),
    toAnswer: (inclusion: Inclusion) => ({ proof: inclusionMessage(inclusion), leafHash: inclusion.leaf }),
    toOutput: ({ proof, leafHash }) => inclusionOf(proof, leafHash),
  },
);

export interface EvidenceCall {
  readonly contextId: string;
  readonly sequence: bigint;
}

export const forwardedEvidence: ForwardedCall<EvidenceCall, Evidence> = messageCall(
  "evidence",
  { question: ProveInclusionRequestSchema, answer: ProveInclusionResponseSchema },
  {
    toQuestion: ({ contextId, sequence }: EvidenceCall) => ({ contextId, sequence, checkpoint: true }),
    toInput: ({ contextId, sequence }) => ({ contextId, sequence }),
    toAnswer: ({ inclusion, record, checkpoint }: Evidence) => ({
      ...{ proof: inclusionMessage(inclusion), leafHash: inclusion.leaf },
      ...{ record, checkpoint: checkpoint.note },
    }),
    toOutput: ({ proof, leafHash, record, checkpoint }) =>
      evidenceOf(inclusionOf(proof, leafHash), record, checkpoint),
  },
);

export interface ConsistencyCall {
  readonly contextId: string;
  readonly firstSize: bigint;
  readonly secondSize: bigint | undefined;
}

export const forwardedConsistency: ForwardedCall<ConsistencyCall, Consistency> = messageCall(
  "consistency",
  { question: ProveConsistencyRequestSchema, answer: ProveConsistencyResponseSchema },
  {
    toQuestion: ({ contextId, firstSize, secondSize }: ConsistencyCall) => ({
      ...{ contextId, firstSize },
      ...(secondSize === undefined ? {} : { secondSize }),
    }),
    toInput: ({ contextId, firstSize, secondSize }) => ({ contextId, firstSize, secondSize }),
    toAnswer: ({ first, second, hashes }: Consistency) => ({
      ...{ firstSize: BigInt(first.size), firstRoot: first.root },
      ...{ secondSize: BigInt(second.size), secondRoot: second.root, hashes: [...hashes] },
    }),
    toOutput: ({ firstSize, firstRoot, secondSize, secondRoot, hashes }) => ({
      first: { size: Number(firstSize), root: firstRoot },
      second: { size: Number(secondSize), root: secondRoot },
      hashes,
    }),
  },
);

export const forwardedCheckpoint: ForwardedCall<string, SignedCheckpoint> = messageCall(
  "checkpoint",
  { question: GetCheckpointRequestSchema, answer: GetCheckpointResponseSchema },
  {
    toQuestion: (contextId: string) => ({ contextId }),
    toInput: ({ contextId }) => contextId,
    toAnswer: ({ note, origin, size, root }: SignedCheckpoint) => ({
      ...{ checkpoint: note, origin, treeSize: BigInt(size), root },
    }),
    toOutput: ({ checkpoint: note, origin, treeSize, root }) => ({
      ...{ note, origin, size: Number(treeSize), root },
    }),
  },
);

export const forwardedContextEvidence: ForwardedCall<string, ContextEvidence> = messageCall(
  "contextEvidence",
  { question: ProveContextRequestSchema, answer: ProveContextResponseSchema },
  {
    toQuestion: (contextId: string) => ({ contextId }),
    toInput: ({ contextId }) => contextId,
    toAnswer: ({ generation, head, record, inclusion, checkpoint }: ContextEvidence) => ({
      ...{ generation: BigInt(generation), treeSize: BigInt(head.size), root: head.root, record },
      ...{ proof: inclusionMessage(inclusion), checkpoint: checkpoint.note },
    }),
    toOutput: ({ generation, treeSize, root, record, proof, checkpoint }) => ({
      ...evidenceOf(inclusionOf(proof, noHash), record, checkpoint),
      ...{ generation: Number(generation), head: { size: Number(treeSize), root } },
    }),
  },
);

export interface VerifierKeys {
  readonly origin: string;
  readonly keys: readonly string[];
}

export const forwardedVerifierKeys: ForwardedCall<string, VerifierKeys> = messageCall(
  "verifierKeys",
  { question: GetVerifierKeysRequestSchema, answer: GetVerifierKeysResponseSchema },
  {
    toQuestion: (contextId: string) => ({ contextId }),
    toInput: ({ contextId }) => contextId,
    toAnswer: ({ origin, keys }: VerifierKeys) => ({ origin, verifierKeys: [...keys] }),
    toOutput: ({ origin, verifierKeys }) => ({ origin, keys: verifierKeys }),
  },
);

/** A tile of hashes, or an entry bundle, which has no level. */
export interface TileCall {
  readonly contextId: string;
  readonly level: number | undefined;
  readonly index: number;
  readonly width: number;
}

export const forwardedTile: ForwardedCall<TileCall, Tile> = messageCall(
  "tile",
  { question: TileRequestSchema, answer: TileAnswerSchema },
  {
    toQuestion: ({ contextId, level, index, width }: TileCall) => ({
      ...{ contextId, entries: level === undefined, level: level ?? 0, index: BigInt(index), width },
    }),
    toInput: ({ contextId, entries, level, index, width }) => ({
      ...{ contextId, level: entries ? undefined : level, index: Number(index), width },
    }),
    toAnswer: ({ bytes, isFull }: Tile) => ({ content: bytes, full: isFull }),
    toOutput: ({ content, full }) => ({ bytes: content, isFull: full }),
  },
);

const noHash = new Uint8Array();

function inclusionOf(proof: InclusionProof | undefined, leaf: Uint8Array): Inclusion {
  const { leafIndex = 0n, treeSize = 0n, root = noHash, hashes = [] } = proof ?? {};
  return { index: Number(leafIndex), size: Number(treeSize), root, leaf, hashes };
}

/** The checkpoint of evidence is of the tree that the proof is in; its first line is the origin. */
function evidenceOf(inclusion: Inclusion, record: Uint8Array, note: string): Evidence {
  const { size, root } = inclusion;
  const end = note.indexOf("\n");
  return { inclusion, record, checkpoint: { size, root, origin: end < 0 ? note : note.slice(0, end), note } };
}

function profileNumber(profile: ProfileName): TreeProfile {
  return profile === "seed" ? TreeProfile.SEED : TreeProfile.RFC6962;
}

function profileName(profile: TreeProfile): ProfileName {
  return profile === TreeProfile.SEED ? "seed" : "rfc6962";
}
