import type { ProfileName } from "../../core/merkle/tree-profile.ts";
import { checkContextId } from "../../core/validate.ts";
import type {
  Consistency,
  ContextEvidence,
  Evidence,
  Inclusion,
  Integrity,
  LogName,
  SignedCheckpoint,
  Tile,
  TreeHead,
  VerifyStep,
} from "../../ledger/integrity.ts";
import type { ForwardedCall } from "../../rpc/forwarded/forwarded-call.ts";
import {
  forwardedCheckpoint,
  forwardedConsistency,
  forwardedContextEvidence,
  forwardedEvidence,
  forwardedInclusion,
  forwardedTile,
  forwardedTreeHead,
  forwardedVerifierKeys,
  type TileCall,
  type VerifierKeys,
} from "../../rpc/forwarded/proof-calls.ts";
import type { CallTerms } from "./cluster-parts.ts";
import type { ClusterReads } from "./cluster-reads.ts";

/**
 * What can be proven, by a node that keeps the context: a node signs only what it has. The log of logs is each node's own.
 * A copy that lacks what is asked for leaves that to the home.
 */
export class ClusterIntegrity implements Integrity {
  readonly #local: Integrity;
  readonly #reads: ClusterReads;
  readonly #terms: CallTerms;
  readonly #verify: (contextId: string, signal: AbortSignal | undefined) => AsyncGenerator<VerifyStep, void>;

  constructor(
    parts: {
      readonly local: Integrity;
      readonly reads: ClusterReads;
      /** Verifies a context where it is kept. */
      readonly verify: (
        contextId: string,
        signal: AbortSignal | undefined,
      ) => AsyncGenerator<VerifyStep, void>;
    },
    terms: CallTerms = { hops: 0 },
  ) {
    this.#local = parts.local;
    this.#reads = parts.reads;
    this.#verify = parts.verify;
    this.#terms = terms;
  }

  treeHead(log: LogName, size: bigint | undefined, profile: ProfileName): Promise<TreeHead> {
    const local = (): Promise<TreeHead> => this.#local.treeHead(log, size, profile);
    return this.#of(log, forwardedTreeHead, (contextId) => ({ contextId, size, profile }), local);
  }

  inclusion(
    contextId: string,
    sequence: bigint,
    size: bigint | undefined,
    profile: ProfileName,
  ): Promise<Inclusion> {
    const input = { contextId, sequence, size, profile };
    const local = (): Promise<Inclusion> => this.#local.inclusion(contextId, sequence, size, profile);
    return this.#ofContext(contextId, forwardedInclusion, input, local);
  }

  evidence(contextId: string, sequence: bigint): Promise<Evidence> {
    const local = (): Promise<Evidence> => this.#local.evidence(contextId, sequence);
    return this.#signed(contextId, forwardedEvidence, { contextId, sequence }, local, sequence);
  }

  consistency(log: LogName, firstSize: bigint, secondSize: bigint | undefined): Promise<Consistency> {
    const local = (): Promise<Consistency> => this.#local.consistency(log, firstSize, secondSize);
    return this.#of(log, forwardedConsistency, (contextId) => ({ contextId, firstSize, secondSize }), local);
  }

  checkpoint(log: LogName): Promise<SignedCheckpoint> {
    const local = (): Promise<SignedCheckpoint> => this.#local.checkpoint(log);
    if (log.kind === "node") return local();
    return this.#signed(log.contextId, forwardedCheckpoint, log.contextId, local);
  }

  contextEvidence(contextId: string): Promise<ContextEvidence> {
    const local = (): Promise<ContextEvidence> => this.#local.contextEvidence(contextId);
    return this.#signed(contextId, forwardedContextEvidence, contextId, local);
  }

  verify(log: LogName, signal: AbortSignal | undefined): AsyncGenerator<VerifyStep, void> {
    return log.kind === "node" ? this.#local.verify(log, signal) : this.#verify(log.contextId, signal);
  }

  verifierKeys(log: LogName): Promise<VerifierKeys> {
    const local = (): Promise<VerifierKeys> => this.#local.verifierKeys(log);
    if (log.kind === "node") return local();
    return this.#signed(log.contextId, forwardedVerifierKeys, log.contextId, local);
  }

  tile(log: LogName, tile: { level: number; index: number; width: number }): Promise<Tile> {
    const input = (contextId: string): TileCall => ({ contextId, ...tile });
    return this.#of(log, forwardedTile, input, () => this.#local.tile(log, tile));
  }

  entryBundle(log: LogName, bundle: { index: number; width: number }): Promise<Tile> {
    const input = (contextId: string): TileCall => ({ contextId, ...bundle, level: undefined });
    return this.#of(log, forwardedTile, input, () => this.#local.entryBundle(log, bundle));
  }

  #of<Input, Output>(
    log: LogName,
    call: ForwardedCall<Input, Output>,
    input: (contextId: string) => Input,
    local: () => Promise<Output>,
  ): Promise<Output> {
    if (log.kind === "node") return local();
    return this.#ofContext(log.contextId, call, input(log.contextId), local);
  }

  async #ofContext<Input, Output>(
    contextId: string,
    call: ForwardedCall<Input, Output>,
    input: Input,
    local: () => Promise<Output>,
  ): Promise<Output> {
    checkContextId(contextId);
    return await this.#reads.atCopyOrHome({ contextId, call, input, local }, this.#terms);
  }

  /** What a node signs or says of its keys: by this one if it keeps the context, once it has `sequence`. */
  async #signed<Input, Output>(
    contextId: string,
    call: ForwardedCall<Input, Output>,
    input: Input,
    local: () => Promise<Output>,
    sequence = 1n,
  ): Promise<Output> {
    checkContextId(contextId);
    return await this.#reads.atOwnCopy({ contextId, call, input, local }, this.#terms, sequence);
  }
}
