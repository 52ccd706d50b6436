/**
 * The client of a ledger for browsers, Bun, Node, Deno and edge workers: anything with fetch.
 *
 *     const ledger = createLedgerClient({ url: "http://127.0.0.1:8080" });
 *     await ledger.append("demo", { key: "facts", payload: new TextEncoder().encode("hello") });
 *     for await (const entry of ledger.get("demo")) console.log(entry.sequence, entry.key);
 *     for await (const item of ledger.watch("demo", { signal })) { ... }
 *
 * Calls that can be repeated without harm are repeated while the server is unavailable.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions as ConnectOptions, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { quote } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import {
  type AppendResponse,
  ContextService,
  type Entry,
  type LoadResponse,
  type SnapshotResponse,
} from "../gen/converge/context/v1/context_pb.ts";
import {
  type AppendBatchResponse,
  type ContextInfo,
  LedgerService,
  type NewEntrySchema,
  type SnapshotStreamResponse,
} from "../gen/converge/ledger/v1/ledger_pb.ts";
import { IntegrityService } from "../gen/converge/ledger/v1/integrity_pb.ts";
import { ClusterService } from "../gen/converge/ledger/v1/cluster_pb.ts";
import { DiscoveryService } from "../gen/converge/ledger/v1/discovery_pb.ts";
import { MembershipService } from "../gen/converge/ledger/v1/membership_pb.ts";
import { AcknowledgedSequences } from "./acknowledged-sequences.ts";
import { type Backoff, defaultBackoff } from "./backoff.ts";
import { clusterCalls, type ClusterCalls } from "./cluster-calls.ts";
import type { Failure } from "./failure.ts";
import { groupCalls, type GroupCalls } from "./group-calls.ts";
import { integrityCalls, type IntegrityCalls } from "./integrity-calls.ts";
import { membershipCalls, type MembershipCalls } from "./membership-calls.ts";
import { type PageRange, readPages } from "./read-pages.ts";
import { type RetryPolicy, withRetries } from "./retry.ts";
import { watch, type WatchItem, type WatchOptions } from "./watch.ts";

export interface LedgerClientOptions {
  /** The server's HTTP address, such as http://127.0.0.1:8080. */
  readonly url: string;
  /** Takes the place of the global fetch. */
  readonly fetch?: typeof globalThis.fetch;
  /** Run around every call, for authentication and the like. */
  readonly interceptors?: readonly Interceptor[];
  /** Attempts of one call while the server is unavailable, 5 unless given. A watch that was connected once never gives up. */
  readonly attemptsMax?: number;
  readonly backoff?: Backoff;
  /** How long one attempt of a call with a single answer may take; no bound unless given. Streams have no end. */
  readonly timeoutMs?: number;
  /**
   * Reads wait until the context has what was acknowledged to this client last, whichever node answers. On unless it is
   * false. The last acknowledgements of 10,000 contexts are remembered.
   */
  readonly readYourWrites?: boolean;
  /** Told before each wait for the next attempt. */
  readonly onRetry?: (failure: Failure, delayMs: number) => void;
}

/** An entry to be appended. Without `idempotencyKey` each call makes one, so that its retries add nothing. */
export type NewEntry = Omit<MessageInitShape<typeof NewEntrySchema>, "$typeName">;

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface AppendOptions extends CallOptions {
  /** Asks for an inclusion proof in the answer, or in each receipt. */
  readonly proof?: boolean;
  /** Wait until so many nodes have it on disk; as many as the cluster requires unless given. */
  readonly minCopies?: number;
}

export type GetOptions = CallOptions & PageRange;

export interface ListOptions extends CallOptions {
  readonly prefix?: string;
  /** Exclusive: the last id the caller has. */
  readonly startAfter?: string;
  /** At most this many contexts; all unless given. */
  readonly limit?: number;
}

export interface LoadOptions extends CallOptions {
  readonly failIfExists?: boolean;
  /** `<entries>:<root in hexadecimal>`: refuse any other snapshot. */
  readonly expectedRoot?: string;
  /** Accept a version 1 snapshot of the first implementation, which carries no root. */
  readonly allowUnverified?: boolean;
}

export interface LedgerClient {
  /** Adds one entry; the answer means that it is on disk. */
  append(contextId: string, entry: NewEntry, options?: AppendOptions): Promise<AppendResponse>;
  /** Adds up to 1,000 entries or 8 MiB, all or none. */
  appendBatch(
    contextId: string,
    entries: readonly NewEntry[],
    options?: AppendOptions,
  ): Promise<AppendBatchResponse>;
  /** Reads entries in order, one page of a few megabytes at a time. */
  get(contextId: string, options?: GetOptions): AsyncGenerator<Entry, void>;
  /** Follows a context across broken connections: every entry once, in order, until aborted. */
  watch(contextId: string, options?: WatchOptions): AsyncGenerator<WatchItem, never>;
  /** Lists contexts in the byte order of their ids. */
  list(options?: ListOptions): AsyncGenerator<ContextInfo, void>;
  /** Describes one context; throws NOT_FOUND if it has no entries. */
  describe(contextId: string, options?: CallOptions): Promise<ContextInfo>;
  /** Copies a context of up to 64 MiB. */
  snapshot(contextId: string, options?: CallOptions): Promise<SnapshotResponse>;
  /** Copies a context of any size, in chunks and then a summary. Not repeated by itself. */
  snapshotStream(contextId: string, options?: CallOptions): AsyncIterable<SnapshotStreamResponse>;
  /** Restores a snapshot of up to 64 MiB; larger ones need LoadStream, which fetch cannot send everywhere. */
  load(contextId: string, snapshot: Uint8Array, options?: LoadOptions): Promise<LoadResponse>;
  /** What shows that nothing was changed. */
  readonly integrity: IntegrityCalls;
  /** Which nodes there are. */
  readonly membership: MembershipCalls;
  /** Where copies are. */
  readonly cluster: ClusterCalls;
  /** Processes that belong to a context. */
  readonly groups: GroupCalls;
}

/** Returns a client; connections are made as needed, there is nothing to close. */
export function createLedgerClient(options: LedgerClientOptions): LedgerClient {
  const transport = createConnectTransport({
    baseUrl: options.url.replace(/\/+$/, ""),
    useBinaryFormat: true,
    interceptors: [...(options.interceptors ?? [])],
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  });
  const contexts = createClient(ContextService, transport);
  const ledger = createClient(LedgerService, transport);
  const policy: RetryPolicy = {
    attemptsMax: options.attemptsMax ?? 5,
    backoff: options.backoff ?? defaultBackoff,
    random: Math.random,
    onRetry: options.onRetry ?? ((): void => {}),
  };
  const timeout = options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs };
  const call = async <T>(
    signal: AbortSignal | undefined,
    send: (how: ConnectOptions) => Promise<T>,
  ): Promise<T> => await withRetries(policy, signal, () => send({ ...timeout, ...withSignal(signal) }));
  const acknowledged = new AcknowledgedSequences();
  const acknowledgedIn = (contextId: string): bigint =>
    options.readYourWrites === false ? 0n : acknowledged.of(contextId);
  return {
    append: async (contextId, entry, { signal, proof = false, minCopies = 0 } = {}) => {
      const request = { ...withIdempotencyKey(entry), contextId, proof, minCopies };
      const answer = await call(signal, (how) => contexts.append(request, how));
      acknowledged.note(contextId, answer.entry?.sequence ?? 0n);
      return answer;
    },
    appendBatch: async (contextId, entries, { signal, proof = false, minCopies = 0 } = {}) => {
      const request = { contextId, entries: entries.map(withIdempotencyKey), proof, minCopies };
      const answer = await call(signal, (how) => ledger.appendBatch(request, how));
      for (const { sequence } of answer.receipts) acknowledged.note(contextId, sequence);
      return answer;
    },
    get: (contextId, { minSequence = acknowledgedIn(contextId), ...range } = {}) =>
      readPages({ ...range, minSequence }, (page) =>
        call(range.signal, (how) => contexts.get({ ...page, contextId }, how)),
      ),
    watch: (contextId, range = {}) =>
      watch((request, signal) => contexts.watch(request, { signal }), contextId, range, policy),
    list: (range = {}) =>
      listPages(range, (page) => call(range.signal, (how) => ledger.listContexts(page, how))),
    describe: async (contextId, { signal } = {}) => {
      const { context } = await call(signal, (how) => ledger.getContext({ contextId }, how));
      if (context === undefined) throw new Error(`the answer does not describe context ${quote(contextId)}`);
      return context;
    },
    snapshot: (contextId, { signal } = {}) => call(signal, (how) => contexts.snapshot({ contextId }, how)),
    snapshotStream: (contextId, { signal } = {}) => ledger.snapshotStream({ contextId }, withSignal(signal)),
    load: async (contextId, snapshot, { signal, ...rules } = {}) => {
      const request = { contextId, snapshot, ...rules };
      // A load that happened is a no-op when it is repeated, unless the caller wants to hear that it exists.
      const answer = rules.failIfExists
        ? await contexts.load(request, { ...timeout, ...withSignal(signal) })
        : await call(signal, (how) => contexts.load(request, how));
      acknowledged.note(contextId, answer.latestSequence);
      return answer;
    },
    integrity: integrityCalls(createClient(IntegrityService, transport), call),
    membership: membershipCalls(createClient(MembershipService, transport), call, policy),
    cluster: clusterCalls(createClient(ClusterService, transport), call),
    groups: groupCalls(createClient(DiscoveryService, transport), call, policy),
  };
}

function withIdempotencyKey(entry: NewEntry): NewEntry {
  return entry.idempotencyKey ? entry : { ...entry, idempotencyKey: crypto.randomUUID() };
}

function withSignal(signal: AbortSignal | undefined): CallOptions {
  return signal === undefined ? {} : { signal };
}

async function* listPages(
  { prefix = "", startAfter = "", limit = Infinity }: ListOptions,
  list: (request: {
    prefix: string;
    startAfter: string;
    limit: number;
  }) => Promise<{ contexts: ContextInfo[]; more: boolean }>,
): AsyncGenerator<ContextInfo, void> {
  let left = limit;
  while (left > 0) {
    const page = await list({ prefix, startAfter, limit: Math.min(left, limits.listContextsMax) });
    yield* page.contexts;
    const last = page.contexts.at(-1);
    if (!page.more || last === undefined) return;
    left -= page.contexts.length;
    startAfter = last.contextId;
  }
}
