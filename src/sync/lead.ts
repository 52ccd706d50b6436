import { assert } from "../core/assert.ts";
import type { Epoch } from "../core/epoch.ts";
import type { AdoptRequest, PeerRow, Position, ReplicateItem, ReplicateResult } from "./peer-messages.ts";
import { committedThrough } from "./takeover.ts";

export interface LeadOptions {
  readonly contextId: string;
  readonly selfId: string;
  readonly epoch: Epoch;
  readonly holders: readonly string[];
  /** Holders that must have an entry before it is committed. */
  readonly required: number;
  /** The history the epoch begins with. */
  readonly start: Position;
  readonly committed: number;
  /** Rows kept for others, in bytes; who is further behind adopts the whole history anew. */
  readonly bufferBytesMax: number;
}

/** Entries that were stored here together: they travel, and are stored, together. */
interface Advance {
  readonly after: number;
  readonly rootAfter: Uint8Array;
  readonly latest: number;
  readonly rows: readonly PeerRow[];
  readonly bytes: number;
}

interface Follower {
  /** It has the history of this epoch up to here, on disk. */
  acked: number;
  /** Rows up to here are under way, or acked. */
  sent: number;
  /** The committed sequence it was told last. */
  told: number;
  /** It has another history, or one of an older epoch, as far as is known. */
  mustAdopt: boolean;
  isAdopting: boolean;
}

export type Next =
  | { readonly kind: "send"; readonly item: ReplicateItem; readonly through: number }
  | { readonly kind: "adopt"; readonly request: AdoptRequest };

/** What an answer changes. */
export interface Outcome {
  /** A later writer was promised: this one is over. */
  readonly deposedBy?: Epoch;
  /** There may be more to send at once. */
  readonly again?: boolean;
}

/**
 * What the home of one context knows of its followers, and what each of them is sent next. Decides when entries are
 * committed: once `required` holders, this node among them, have the history of this epoch up to them.
 */
export class Lead {
  readonly epoch: Epoch;
  readonly holders: readonly string[];
  readonly required: number;
  readonly #options: LeadOptions;
  readonly #followers = new Map<string, Follower>();
  readonly #advances: Advance[] = [];
  #bufferBytes = 0;
  #latest: number;
  #root: Uint8Array;
  #committed: number;

  constructor(options: LeadOptions) {
    const { epoch, holders, required, selfId, start, committed } = options;
    assert(holders.includes(selfId), "the home is a holder");
    this.epoch = epoch;
    this.holders = holders;
    this.required = required;
    this.#options = options;
    this.#latest = start.latest;
    this.#root = start.root;
    this.#committed = committed;
    for (const nodeId of holders) {
      // An empty history is everybody's.
      const mustAdopt = start.latest > 0;
      if (nodeId !== selfId)
        this.#followers.set(nodeId, { acked: -1, sent: 0, told: -1, mustAdopt, isAdopting: false });
    }
    this.#count();
  }

  get contextId(): string {
    return this.#options.contextId;
  }

  get committed(): number {
    return this.#committed;
  }

  get latest(): number {
    return this.#latest;
  }

  followers(): string[] {
    return [...this.#followers.keys()];
  }

  /** True if nobody waits for anything from here. */
  get isQuiet(): boolean {
    for (const { acked, told } of this.#followers.values())
      if (acked < this.#latest || told < this.#committed) return false;
    return true;
  }

  /** True once everything that the epoch began with is committed: until then something acknowledged may not be seen. */
  get isSettled(): boolean {
    return this.#committed >= this.#options.start.latest;
  }

  /** The entries that the epoch began with. */
  get startLatest(): number {
    return this.#options.start.latest;
  }

  /** Returns how many holders are known to have an entry. */
  copiesOf(sequence: number): number {
    let copies = sequence <= this.#latest ? 1 : 0;
    for (const { acked } of this.#followers.values()) if (acked >= sequence) copies += 1;
    // What an earlier writer had committed is on enough holders, whoever of them has said so to this one.
    return sequence <= this.#committed ? Math.max(copies, this.required) : copies;
  }

  /** Returns how far one holder is known to have the history; undefined while that is not known. */
  ackedBy(nodeId: string): number | undefined {
    const acked = this.#followers.get(nodeId)?.acked ?? -1;
    return acked === -1 ? undefined : acked;
  }

  /** Entries are on this node's disk. `rows` are those since the last call, undefined if they are not at hand. */
  advanced(to: Position, rows: readonly PeerRow[] | undefined): void {
    assert(to.latest >= this.#latest, "a writer's history only grows");
    if (rows !== undefined && rows.length > 0) {
      const bytes = rows.reduce((sum, { wire }) => sum + wire.length + rowOverheadBytes, 0);
      this.#advances.push({ after: this.#latest, rootAfter: this.#root, latest: to.latest, rows, bytes });
      this.#bufferBytes += bytes;
    }
    this.#latest = to.latest;
    this.#root = to.root;
    this.#trim();
    this.#count();
  }

  /**
   * Returns what a follower is to be sent now, and takes it for sent; undefined if it has everything, or adopts. `mark`
   * asks for a message without rows if only the committed sequence is news.
   */
  next(nodeId: string, { bytesMax, mark }: { bytesMax: number; mark: boolean }): Next | undefined {
    const follower = this.#followers.get(nodeId);
    if (follower === undefined || follower.isAdopting) return undefined;
    const { contextId } = this.#options;
    const { epoch, holders } = this;
    if (!follower.mustAdopt && follower.sent < this.#latest) {
      const first = this.#advances.findIndex(({ after }) => after === follower.sent);
      if (first === -1) follower.mustAdopt = true;
      else {
        const taken = this.#take(first, bytesMax);
        const { after, rootAfter } = taken[0] as Advance;
        const rows =
          taken.length === 1 ? (taken[0] as Advance).rows : taken.flatMap((advance) => advance.rows);
        const through = taken.at(-1)?.latest ?? after;
        follower.sent = through;
        follower.told = this.#committed;
        const item = { contextId, epoch, holders, after, rootAfter, rows, committed: this.#committed };
        return { kind: "send", item, through };
      }
    }
    if (follower.mustAdopt) {
      follower.isAdopting = true;
      const target = { latest: this.#latest, root: this.#root };
      follower.told = this.#committed;
      return { kind: "adopt", request: { contextId, epoch, holders, target, committed: this.#committed } };
    }
    // Also how a follower of a context without entries hears of it.
    if (follower.told >= this.#committed || !mark || follower.sent < this.#latest) return undefined;
    follower.told = this.#committed;
    const item = { contextId, epoch, holders, after: this.#latest, rootAfter: this.#root, rows: [] };
    return { kind: "send", item: { ...item, committed: this.#committed }, through: this.#latest };
  }

  /** Takes the answer to rows that were sent up to `through`. */
  answered(nodeId: string, result: ReplicateResult): Outcome {
    const follower = this.#followers.get(nodeId);
    if (follower === undefined) return {};
    switch (result.kind) {
      case "stored":
        this.#acked(follower, result.latest);
        return { again: follower.sent < this.#latest };
      case "gap":
        this.#acked(follower, result.latest);
        follower.sent = Math.min(follower.sent, result.latest);
        return { again: true };
      case "behind":
        follower.mustAdopt = true;
        return { again: true };
      case "refused":
        return { deposedBy: result.promised };
      case "not-holder":
      case "busy":
        this.failed(nodeId);
        return {};
    }
  }

  /** Takes the answer to an adoption; undefined if there was none. */
  adopted(nodeId: string, result: ReplicateResult | undefined): Outcome {
    const follower = this.#followers.get(nodeId);
    if (follower === undefined) return {};
    follower.isAdopting = false;
    if (result === undefined || result.kind === "busy" || result.kind === "not-holder") {
      follower.told = -1;
      return {};
    }
    if (result.kind === "refused") return { deposedBy: result.promised };
    if (result.kind === "behind" || result.kind === "gap") return { again: true };
    follower.mustAdopt = false;
    follower.sent = result.latest;
    this.#acked(follower, result.latest);
    return { again: follower.sent < this.#latest };
  }

  /** Every follower's history is compared with this one's once more. */
  recheck(): void {
    for (const follower of this.#followers.values()) follower.mustAdopt = this.#latest > 0;
  }

  /** Nobody knows what became of what was sent: it adopts, so that nothing is kept for it meanwhile. */
  failed(nodeId: string): void {
    const follower = this.#followers.get(nodeId);
    if (follower === undefined) return;
    follower.sent = Math.max(0, follower.acked);
    follower.told = -1;
    follower.mustAdopt = this.#latest > 0;
    this.#trim();
  }

  #acked(follower: Follower, latest: number): void {
    if (latest <= follower.acked) return;
    follower.acked = Math.min(latest, this.#latest);
    this.#trim();
    this.#count();
  }

  #count(): void {
    const latest = [this.#latest, ...[...this.#followers.values()].map(({ acked }) => acked)];
    this.#committed = Math.max(this.#committed, committedThrough(latest, this.required));
  }

  #take(first: number, bytesMax: number): Advance[] {
    const taken: Advance[] = [];
    let bytes = 0;
    for (let at = first; at < this.#advances.length; at += 1) {
      const advance = this.#advances[at];
      const last = taken.at(-1);
      if (advance === undefined || (last !== undefined && last.latest !== advance.after)) break;
      if (taken.length > 0 && bytes + advance.bytes > bytesMax) break;
      taken.push(advance);
      bytes += advance.bytes;
    }
    return taken;
  }

  /** Forgets what everybody has, and what is too much. */
  #trim(): void {
    let needed = this.#latest;
    for (const { acked, mustAdopt } of this.#followers.values())
      if (!mustAdopt) needed = Math.min(needed, acked);
    let drop = 0;
    let bytes = this.#bufferBytes;
    for (const advance of this.#advances) {
      if (advance.latest > needed && bytes <= this.#options.bufferBytesMax) break;
      bytes -= advance.bytes;
      drop += 1;
    }
    if (drop === 0) return;
    this.#advances.splice(0, drop);
    this.#bufferBytes = bytes;
  }
}

/** What a row costs beside its bytes. */
const rowOverheadBytes = 40;
