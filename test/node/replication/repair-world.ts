import { LedgerError } from "../../../src/core/errors.ts";
import { hex } from "../../../src/core/hex.ts";
import type { WriteCopies } from "../../../src/core/write-copies.ts";
import { Ledger } from "../../../src/ledger/ledger.ts";
import type { Commit, Store, StoredEntry } from "../../../src/ledger/ports.ts";
import { inflate } from "../../../src/node/inflate.ts";
import { Replication } from "../../../src/node/replication/replication.ts";
import { createSystemClock } from "../../../src/node/system-clock.ts";
import { systemRandom } from "../../../src/node/system-random.ts";
import { createZstd } from "../../../src/node/zstd.ts";
import { createMemoryStore } from "../../../src/store/memory-store.ts";
import type { PeerCallKind, PeerCalls } from "../../../src/sync/peer-messages.ts";
import type { Peers } from "../../../src/node/peers/peers.ts";
import type { ClusterView } from "../../../src/sync/view.ts";
import { FakeSigner } from "../../support/fake-signer.ts";
import { hasher, input } from "../../support/ledger-world.ts";
import { until } from "../../support/until.ts";
import { silentLog } from "../../support/silent-log.ts";

export const contextId = "c";

/** A node whose store outlives its processes. */
export class RepairNode {
  readonly nodeId: string;
  readonly store: Store = createMemoryStore();
  readonly #world: RepairWorld;
  /** What was told about damage, and about mending it. */
  readonly told: string[] = [];
  #ledger: Ledger | undefined;
  #replication: Replication | undefined;

  constructor(world: RepairWorld, nodeId: string) {
    this.#world = world;
    this.nodeId = nodeId;
  }

  get ledger(): Ledger {
    if (this.#ledger === undefined) throw new Error("the node is down");
    return this.#ledger;
  }

  get replication(): Replication {
    if (this.#replication === undefined) throw new Error("the node is down");
    return this.#replication;
  }

  get isUp(): boolean {
    return this.#ledger !== undefined;
  }

  start(): void {
    const { clock, peersOf, viewOf, writeCopies } = this.#world;
    const ledger = new Ledger({
      ...{ store: this.store, clock, random: systemRandom, hasher, zstd: createZstd(), inflate },
      ...{ scrubRate: 100_000, signer: new FakeSigner() },
      observer: {
        commit: () => {},
        found: ({ sequence, detail }) => void this.told.push(`found ${sequence}: ${detail}`),
        healed: ({ sequence }) => void this.told.push(`healed ${sequence}`),
        scrubFailed: (error) => void this.told.push(`scrub failed: ${String(error)}`),
      },
    });
    this.#ledger = ledger;
    this.#replication = new Replication({
      ...{ replicas: ledger.replicas, clock, hasher, random: Math.random, log: silentLog },
      ...{ peers: peersOf(this.nodeId), view: viewOf(this.nodeId), rules: { replicas: 3, writeCopies } },
      appendMoved: (moved, lost) => ledger.appendMoved(moved, lost),
      repairs: { pauseMs: 1, retryMsMin: 50, retryMsMax: 100 },
      antiEntropy: { intervalMs: 200, returnedMs: 20, askMs: 1000 },
    });
  }

  stop(): void {
    this.#replication?.stop();
    this.#ledger = undefined;
    this.#replication = undefined;
  }

  restart(): void {
    this.stop();
    this.start();
  }

  /** Verifies a context, as the scrub does; resolves when the walk over it is over. */
  async verify(): Promise<void> {
    for await (const _ of this.ledger.integrity.verify({ kind: "context", contextId }, undefined));
  }

  /** What is stored, entry by entry. */
  async rows(): Promise<StoredEntry[]> {
    const head = await this.store.head(contextId);
    if (head === undefined) return [];
    const all = { after: 0, through: head.latest, entriesMax: 1e9, bytesMax: 1e12 };
    return await this.store.read({ log: head.log, ...all });
  }

  async log(): Promise<number> {
    return (await this.store.head(contextId))?.log ?? 0;
  }

  /** Writes to the store as nobody should. */
  async spoil(commit: Partial<Commit>): Promise<void> {
    await this.store.commit({ rows: [], heads: [], ...commit });
  }

  /** Changes what is stored of an entry. */
  async spoilRow(sequence: number, edit: (row: StoredEntry) => Partial<StoredEntry>): Promise<void> {
    const row = (await this.rows()).find((each) => each.sequence === sequence);
    if (row === undefined) throw new Error("there is no such entry");
    const repair = { ...row, ...edit(row), log: await this.log(), key: "k", findableId: undefined };
    await this.spoil({ repairs: [repair] });
  }
}

/** Three nodes on memory stores, whose calls go straight to each other. */
export class RepairWorld implements Disposable {
  readonly clock = createSystemClock();
  readonly nodes: readonly RepairNode[];
  readonly writeCopies: WriteCopies;
  /** Nodes that the others do not reach. */
  readonly away = new Set<string>();
  /** Calls by kind, and what they brought over, roughly. */
  readonly calls: { readonly from: string; readonly kind: PeerCallKind; readonly bytes: number }[] = [];
  readonly #listeners = new Set<() => void>();
  /** Where damage is known: such a node says that it cannot write. */
  readonly peersOf = (from: string): Peers => this.#peersOf(from);
  readonly viewOf = (selfId: string): ClusterView => this.#viewOf(selfId);

  constructor(options: { writeCopies?: WriteCopies } = {}) {
    this.writeCopies = options.writeCopies ?? "majority";
    const ids = [1, 2, 3].map((number) => String(number).padStart(32, "0"));
    this.nodes = ids.map((nodeId) => new RepairNode(this, nodeId));
    for (const node of this.nodes) node.start();
  }

  /** Returns the nodes, that which is first to be home first. */
  async ordered(): Promise<readonly [RepairNode, RepairNode, RepairNode]> {
    const holders = await this.up.replication.holdersOf(contextId);
    const [first, second, third] = holders.map((nodeId) => this.nodes.find((node) => node.nodeId === nodeId));
    if (first === undefined || second === undefined || third === undefined) throw new Error("three holders");
    return [first, second, third];
  }

  get up(): RepairNode {
    const node = this.nodes.find(({ nodeId, isUp }) => isUp && !this.away.has(nodeId));
    if (node === undefined) throw new Error("all nodes are down");
    return node;
  }

  /** Appends entries at the home, wherever that is; resolves when all nodes that are up have them. */
  async append(count: number): Promise<void> {
    const payloads = Array.from({ length: count }, (_, index) => `payload ${index} ${crypto.randomUUID()}`);
    const inputs = payloads.map((payload) => input({ key: "k", payload }));
    for (let start = 0; start < count; start += 500)
      await until("an append is taken", async () => {
        try {
          const home = await this.home();
          await home.replication.lead(contextId);
          await home.ledger.appendBatch(contextId, inputs.slice(start, start + 500), { minCopies: 0 });
          return true;
        } catch (error) {
          if (!(error instanceof LedgerError)) throw error;
          return undefined;
        }
      });
  }

  async home(): Promise<RepairNode> {
    const { up } = this;
    const route = await up.replication.route(contextId);
    const nodeId = route.kind === "here" ? up.nodeId : route.nodeId;
    return this.nodes.find((node) => node.nodeId === nodeId) ?? up;
  }

  /** The cluster looks different to everybody. */
  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Resolves when all nodes have the same bytes and nobody knows of damage. */
  async equal(): Promise<void> {
    await until("all copies are equal and sound", async () => {
      const copies = await Promise.all(this.nodes.map(async (node) => textOf(await node.rows())));
      const seen = await Promise.all(
        this.nodes.map(async ({ ledger }) => (await ledger.describe(contextId)).head.latest),
      );
      // A node that starts again knows what was committed as far as that was written.
      const written = await Promise.all(
        this.nodes.map(async ({ store }) => (await store.replica(contextId))?.committed),
      );
      const length = (await this.up.rows()).length;
      if (length === 0 || [...seen, ...written].some((latest) => latest !== length)) return undefined;
      const known = this.nodes.map(({ ledger }) => ledger.scrubbed.damaged);
      return copies.every((copy) => copy === copies[0]) && known.every((damaged) => damaged === 0)
        ? true
        : undefined;
    });
  }

  [Symbol.dispose](): void {
    for (const node of this.nodes) node.stop();
  }

  #viewOf(selfId: string): ClusterView {
    const node = (nodeId: string): RepairNode | undefined =>
      this.nodes.find((other) => other.nodeId === nodeId);
    return {
      selfId,
      roster: () => this.nodes.map(({ nodeId }) => nodeId),
      isAlive: (nodeId) => nodeId === selfId || (node(nodeId)?.isUp === true && !this.away.has(nodeId)),
      canWrite: (nodeId) => node(nodeId)?.ledger.scrubbed.damaged === 0,
      hasExchanged: true,
      nameOf: (nodeId) => `n${Number(nodeId)}`,
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  #peersOf(from: string): Peers {
    return {
      call: async (nodeId, kind, request) => {
        const target = this.nodes.find((other) => other.nodeId === nodeId);
        if (target?.isUp !== true || this.away.has(nodeId) || this.away.has(from))
          throw new LedgerError("UNAVAILABLE", "cut", { reason: "PEER_UNREACHABLE" });
        const answer = await answerOf(target.replication, from, kind, request as never);
        this.calls.push({ from, kind, bytes: sizeOf(request) + sizeOf(answer) });
        return answer as never;
      },
      open: () => {
        throw new Error("nobody opens streams here");
      },
    };
  }
}

export function textOf(rows: readonly StoredEntry[]): string {
  return rows
    .map(({ sequence, contentHash, wire }) => `${sequence} ${hex(contentHash)} ${hex(wire)}`)
    .join("\n");
}

/** Flips a bit in the payload of an entry. */
export function flipped({ wire }: StoredEntry): { wire: Uint8Array } {
  const changed = wire.slice();
  const at = Buffer.from(wire).indexOf("payload");
  changed[at] = (changed[at] ?? 0) ^ 1;
  return { wire: changed };
}

async function answerOf(
  replication: Replication,
  from: string,
  kind: PeerCallKind,
  request: never,
): Promise<unknown> {
  switch (kind) {
    case "adopt":
      return await replication.adopt(from, request);
    case "digest":
      return await replication.digest(from, request);
    case "bucket":
      return await replication.bucket(from, request);
    case "holding":
      return await replication.holding((request as PeerCalls["holding"]["request"]).contextId);
    case "nudge":
      await replication.nudge(from, (request as PeerCalls["nudge"]["request"]).contextId);
      return {};
    case "replicate":
    case "prepare":
    case "nodes":
    case "rows":
    case "offer":
    case "holders":
      return await replication[kind](request);
    case "forks":
      return await replication.forks(from, request);
    default:
      throw new Error(`nobody asks ${kind} here`);
  }
}

/** Bytes of everything in a message, roughly. */
function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.length + 4;
  if (typeof value === "string") return value.length + 2;
  if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + sizeOf(each), 2);
  if (typeof value === "object" && value !== null) return sizeOf(Object.values(value));
  return 8;
}
