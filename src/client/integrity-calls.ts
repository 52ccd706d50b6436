import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions as ConnectOptions, Client } from "@connectrpc/connect";
import type {
  GetCheckpointResponse,
  GetTreeHeadResponse,
  GetVerifierKeysResponse,
  IntegrityService,
  ProveConsistencyRequestSchema,
  ProveConsistencyResponse,
  ProveContextResponse,
  ProveInclusionRequestSchema,
  ProveInclusionResponse,
  TreeProfile,
  VerifyContextResponse,
} from "../gen/converge/ledger/v1/integrity_pb.ts";

/** The log of a context, or the node's log of logs. */
export type LogChoice = { readonly contextId: string } | { readonly nodeLog: true };

export interface IntegrityCallOptions {
  readonly signal?: AbortSignal;
}

/** What to prove about an entry, beside its context. */
export type InclusionChoice = Pick<
  MessageInitShape<typeof ProveInclusionRequestSchema>,
  "sequence" | "treeSize" | "profile" | "checkpoint"
>;

/** Between which sizes to prove that a log only grew. */
export type ConsistencyChoice = Pick<
  MessageInitShape<typeof ProveConsistencyRequestSchema>,
  "firstSize" | "secondSize"
>;

/** Which root of a log. */
export interface TreeHeadChoice {
  /** The newest unless given. */
  readonly treeSize?: bigint;
  /** RFC 6962 unless given. */
  readonly profile?: TreeProfile;
}

/** Roots, proofs and signed checkpoints, as the server gives them: nothing here is verified. */
export interface IntegrityCalls {
  checkpoint(log: LogChoice, options?: IntegrityCallOptions): Promise<GetCheckpointResponse>;
  treeHead(
    log: LogChoice,
    head?: TreeHeadChoice,
    options?: IntegrityCallOptions,
  ): Promise<GetTreeHeadResponse>;
  proveInclusion(
    contextId: string,
    proof: InclusionChoice,
    options?: IntegrityCallOptions,
  ): Promise<ProveInclusionResponse>;
  proveConsistency(
    log: LogChoice,
    sizes: ConsistencyChoice,
    options?: IntegrityCallOptions,
  ): Promise<ProveConsistencyResponse>;
  /** Proves a context's newest size and root in the log of logs. */
  proveContext(contextId: string, options?: IntegrityCallOptions): Promise<ProveContextResponse>;
  /** Lets the server hash everything anew: progress and damage, then the result. Not repeated by itself. */
  verifyContext(log: LogChoice, options?: IntegrityCallOptions): AsyncIterable<VerifyContextResponse>;
  verifierKeys(log: LogChoice, options?: IntegrityCallOptions): Promise<GetVerifierKeysResponse>;
}

/** Sends one call, again if that does no harm. */
export type SendCall = <T>(
  signal: AbortSignal | undefined,
  send: (how: ConnectOptions) => Promise<T>,
) => Promise<T>;

/** Returns the calls of IntegrityService. */
export function integrityCalls(service: Client<typeof IntegrityService>, call: SendCall): IntegrityCalls {
  return {
    checkpoint: (log, { signal } = {}) => call(signal, (how) => service.getCheckpoint(log, how)),
    treeHead: (log, head = {}, { signal } = {}) =>
      call(signal, (how) => service.getTreeHead({ ...log, ...head }, how)),
    proveInclusion: (contextId, proof, { signal } = {}) =>
      call(signal, (how) => service.proveInclusion({ ...proof, contextId }, how)),
    proveConsistency: (log, sizes, { signal } = {}) =>
      call(signal, (how) => service.proveConsistency({ ...log, ...sizes }, how)),
    proveContext: (contextId, { signal } = {}) =>
      call(signal, (how) => service.proveContext({ contextId }, how)),
    verifyContext: (log, { signal } = {}) =>
      service.verifyContext(log, signal === undefined ? {} : { signal }),
    verifierKeys: (log, { signal } = {}) => call(signal, (how) => service.getVerifierKeys(log, how)),
  };
}
