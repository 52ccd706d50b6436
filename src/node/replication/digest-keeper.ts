import { asError } from "../../core/as-error.ts";
import { compareCodePoints } from "../../core/entry.ts";
import type { Replica } from "../../ledger/ports.ts";
import { bucketOf, Digest, differingBuckets } from "../../sync/digest.ts";
import type { DigestEntry, PeerCalls } from "../../sync/peer-messages.ts";
import type { ContextReplica } from "./context-replica.ts";
import type { ReplicationParts } from "./parts.ts";
import { Turns } from "./turns.ts";

/** Replicas that are read at once. */
const pageMax = 512;
const noItem = new Uint8Array();

/** What of a context is in the sums. */
interface Counted {
  readonly holders: readonly string[];
  readonly item: Uint8Array;
}

/**
 * Sums over everything this node keeps together with each other node. They are made of what is stored beside each context,
 * and follow what changes once that has come to rest; memory does not grow with the number of contexts.
 */
export class DigestKeeper {
  readonly #parts: ReplicationParts;
  readonly #open: (contextId: string) => Promise<ContextReplica>;
  readonly #turns = new Turns();
  readonly #digests = new Map<string, Digest>();
  /** Contexts that are not in the sums as they are, with what is. */
  readonly #dirty = new Map<string, Counted | undefined>();
  /** Contexts at rest with entries that are not committed, as far as this node knows. */
  readonly unsettled = new Set<string>();
  /** Contexts whose home this node is: their entries come without a word about the replica, so nothing is stored of them. */
  readonly #unsaved = new Map<string, Counted>();
  /** Contexts up to this one are in the sums; undefined once all are. */
  #scannedThrough: string | undefined = "";
  #scanning: Promise<void> | undefined;

  constructor(parts: ReplicationParts, open: (contextId: string) => Promise<ContextReplica>) {
    this.#parts = parts;
    this.#open = open;
  }

  /** A context is about to change; `before` is what is stored of it. */
  changing(contextId: string, before: Replica | undefined): void {
    this.unsettled.delete(contextId);
    if (this.#dirty.has(contextId)) return;
    const unsaved = this.#unsaved.get(contextId);
    this.#unsaved.delete(contextId);
    const isCounted = before?.digestItem !== undefined && this.#isScanned(contextId);
    const { holders = [], digestItem = noItem } = before ?? {};
    this.#dirty.set(contextId, unsaved ?? (isCounted ? { holders, item: digestItem } : undefined));
  }

  /** Brings the sums up to date, as far as contexts have come to rest. */
  settle(): Promise<void> {
    return this.#turns.run(() => this.#settle());
  }

  async #settle(): Promise<void> {
    await (this.#scanning ??= this.#scan());
    for (const [contextId, counted] of [...this.#dirty]) {
      const replica = await this.#open(contextId);
      if (replica.isBusy) continue;
      if (counted !== undefined) this.#change(contextId, counted, "subtract");
      this.#dirty.delete(contextId);
      const now = await replica.digested().catch((error: unknown) => {
        // It could not be written, and is not in the sums any more.
        this.#dirty.set(contextId, undefined);
        throw error;
      });
      // It has changed again before it was counted.
      if (this.#dirty.has(contextId)) this.#dirty.set(contextId, undefined);
      if (now === undefined || this.#dirty.has(contextId)) continue;
      if (replica.isUnsettled) this.unsettled.add(contextId);
      this.#change(contextId, now, "add");
      if (!now.isSaved) this.#unsaved.set(contextId, now);
    }
  }

  /** Answers another node that compares. */
  async compare(
    fromNodeId: string,
    { all, buckets }: PeerCalls["digest"]["request"],
  ): Promise<PeerCalls["digest"]["answer"]> {
    await this.settle();
    const digest = this.#digestOf(fromNodeId);
    const { hasher } = this.#parts;
    if (Buffer.compare(digest.all(hasher), all) === 0) return { kind: "equal" };
    if (buckets.length === 0) return { kind: "differs" };
    return { kind: "buckets", differing: differingBuckets(digest.sums(), buckets) };
  }

  /** Asks another node in which buckets it has something else. */
  async differing(nodeId: string, timeoutMs: number): Promise<readonly number[]> {
    await this.settle();
    const { peers, hasher } = this.#parts;
    const digest = this.#digestOf(nodeId);
    const all = digest.all(hasher);
    const first = await peers.call(nodeId, "digest", { all, buckets: noItem }, { timeoutMs });
    if (first.kind === "equal") return [];
    const second = await peers.call(nodeId, "digest", { all, buckets: digest.sums() }, { timeoutMs });
    return second.kind === "buckets" ? second.differing : [];
  }

  /** Returns contexts of one bucket that this node keeps with another, in the byte order of their ids. */
  async bucket(
    fromNodeId: string,
    { bucket, startAfter, limit }: PeerCalls["bucket"]["request"],
  ): Promise<PeerCalls["bucket"]["answer"]> {
    const { replicas, view, hasher, clock } = this.#parts;
    const entries: DigestEntry[] = [];
    let after = startAfter;
    for (;;) {
      const page = await replicas.replicas(after, pageMax);
      for (const { contextId, holders, committed, accepted, digestItem = noItem, leaving } of page) {
        after = contextId;
        if (leaving || !holders.includes(fromNodeId) || !holders.includes(view.selfId)) continue;
        if (bucketOf(contextId, hasher) !== bucket) continue;
        entries.push({ contextId, latest: committed, committed, accepted, item: digestItem });
        if (entries.length >= limit) return { entries, more: true };
      }
      if (page.length < pageMax) return { entries, more: false };
      await clock.yield();
    }
  }

  /** Adds up what is stored. */
  async #scan(): Promise<void> {
    const { replicas, clock, log } = this.#parts;
    try {
      for (;;) {
        const page = await replicas.replicas(this.#scannedThrough ?? "", pageMax);
        for (const { contextId, holders, digestItem } of page) {
          this.#scannedThrough = contextId;
          if (this.#dirty.has(contextId)) continue;
          if (digestItem === undefined) this.#dirty.set(contextId, undefined);
          else this.#change(contextId, { holders, item: digestItem }, "add");
        }
        if (page.length < pageMax) break;
        await clock.yield();
      }
      this.#scannedThrough = undefined;
    } catch (error) {
      this.#scanning = undefined;
      log.debug("digests were not added up", { error: asError(error).message });
      throw error;
    }
  }

  #isScanned(contextId: string): boolean {
    return this.#scannedThrough === undefined || compareCodePoints(contextId, this.#scannedThrough) <= 0;
  }

  #change(contextId: string, { holders, item }: Counted, how: "add" | "subtract"): void {
    const { view, hasher } = this.#parts;
    if (!holders.includes(view.selfId)) return;
    const bucket = bucketOf(contextId, hasher);
    for (const nodeId of holders) if (nodeId !== view.selfId) this.#digestOf(nodeId)[how](bucket, item);
  }

  #digestOf(nodeId: string): Digest {
    const known = this.#digests.get(nodeId);
    if (known !== undefined) return known;
    const digest = new Digest();
    this.#digests.set(nodeId, digest);
    return digest;
  }
}
