import { LedgerError } from "../../../src/core/errors.ts";
import type { Log } from "../../../src/core/log.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import type { Appended } from "../../../src/ledger/append-unit.ts";
import { Ledger } from "../../../src/ledger/ledger.ts";
import { inflate } from "../../../src/node/inflate.ts";
import { Replication } from "../../../src/node/replication/replication.ts";
import { createZstd } from "../../../src/node/zstd.ts";
import type { ClusterView, CopyRules } from "../../../src/sync/view.ts";
import { FakeSigner } from "../../support/fake-signer.ts";
import { SeededRandom } from "../harness/seeded-random.ts";
import { Disk } from "./disk.ts";
import type { PeerServer, SimulatedPeers } from "./peer-network.ts";
import type { VirtualTime } from "./virtual-time.ts";

const hasher = await loadHasher();
const zstd = createZstd();

/** What a client wants written. */
export interface Wish {
  readonly contextId: string;
  readonly idempotencyKey: string;
  readonly payload: Uint8Array;
}

export interface SimulatedNodeParts {
  readonly nodeId: string;
  readonly seed: number;
  readonly time: VirtualTime;
  readonly network: SimulatedPeers;
  readonly rules: CopyRules;
  /** Everybody who ever joined. */
  readonly roster: readonly string[];
}

const hopsMax = 2;

/** One machine of a simulated cluster: a disk, and processes that use it one after the other. */
export class SimulatedNode {
  readonly nodeId: string;
  readonly disk: Disk;
  readonly #parts: SimulatedNodeParts;
  readonly #listeners = new Set<() => void>();
  #roster: readonly string[];
  #alive = new Set<string>();
  #life = 0;
  #isUp = false;
  #ledger: Ledger | undefined;
  #replication: Replication | undefined;

  constructor(parts: SimulatedNodeParts) {
    this.nodeId = parts.nodeId;
    this.#parts = parts;
    this.#roster = parts.roster;
    this.disk = new Disk(
      parts.nodeId,
      parts.time,
      new SeededRandom(parts.seed, 1000 + parts.roster.indexOf(parts.nodeId)),
    );
    this.#alive = new Set(parts.roster);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get ledger(): Ledger | undefined {
    return this.#ledger;
  }

  get replication(): Replication | undefined {
    return this.#replication;
  }

  async start(): Promise<void> {
    this.#life += 1;
    const life = this.#life;
    this.#isUp = true;
    const { time, network, rules, seed } = this.#parts;
    const isAlive = (): boolean => this.#life === life && this.#isUp;
    const store = await this.disk.open();
    const random = new SeededRandom(seed, 2000 + 100 * this.#parts.roster.indexOf(this.nodeId) + life);
    const clock = time.clockOf(isAlive);
    const ledger = new Ledger({
      ...{ store, clock, random, hasher, zstd, inflate, scrubRate: 0, signer: new FakeSigner() },
      observer: { commit() {}, found() {}, healed() {}, scrubFailed() {} },
    });
    const replication = new Replication({
      ...{ replicas: ledger.replicas, clock, hasher, rules, log: silent, view: this.#view() },
      peers: network.of(this.nodeId, isAlive),
      random: () => random.fraction(),
      appendMoved: (contextId, lost) => ledger.appendMoved(contextId, lost),
    });
    this.#ledger = ledger;
    this.#replication = replication;
    network.serve(this.nodeId, life, this.#server(replication, isAlive));
  }

  crash(): void {
    this.#isUp = false;
    this.#parts.network.crash(this.nodeId);
    this.#replication?.stop();
    this.#ledger = undefined;
    this.#replication = undefined;
  }

  /** What this node takes the others for. */
  see(alive: Iterable<string>): void {
    this.#alive = new Set(alive);
    for (const listener of [...this.#listeners]) listener();
  }

  knows(roster: readonly string[]): void {
    this.#roster = roster;
  }

  /** Takes a client's wish, here or wherever its home is. */
  async append(wish: Wish, hops = 0): Promise<Appended> {
    const replication = this.#replication;
    const ledger = this.#ledger;
    if (replication === undefined || ledger === undefined) return await new Promise(() => {});
    const route = await replication.route(wish.contextId);
    if (route.kind === "here") {
      await replication.lead(wish.contextId);
      const input = { key: "k", metadata: [], receivedLamport: 0n, ...wish };
      return await ledger.append(wish.contextId, input, { minCopies: 0 });
    }
    if (hops >= hopsMax)
      throw new LedgerError("UNAVAILABLE", "too many forwards", { reason: "TOO_MANY_HOPS" });
    const body = new TextEncoder().encode(
      JSON.stringify({ ...wish, payload: [...wish.payload], hops: hops + 1 }),
    );
    const peers = this.#parts.network.of(this.nodeId, () => true);
    const answer = await peers.call(
      route.nodeId,
      "forward",
      { hops: hops + 1, method: "append", body },
      { timeoutMs: 8000 },
    );
    return appendedOf(answer.body);
  }

  #server(replication: Replication, isAlive: () => boolean): PeerServer {
    const answer = async (from: string, kind: string, request: unknown): Promise<unknown> => {
      const any = request as never;
      switch (kind) {
        case "replicate":
          return await replication.replicate(any);
        case "prepare":
          return await replication.prepare(any);
        case "adopt":
          return await replication.adopt(from, any);
        case "nodes":
          return await replication.nodes(any);
        case "rows":
          return await replication.rows(any);
        case "holding":
          return await replication.holding((any as { contextId: string }).contextId);
        case "digest":
          return await replication.digest(from, any);
        case "bucket":
          return await replication.bucket(from, any);
        case "nudge":
          await replication.nudge((any as { contextId: string }).contextId);
          return {};
        case "offer":
          return await replication.offer(any);
        case "forks":
          return await replication.forks(from, any);
        case "forward": {
          const { body } = request as { body: Uint8Array };
          const { hops, payload, ...wish } = JSON.parse(new TextDecoder().decode(body)) as Omit<
            Wish,
            "payload"
          > & {
            hops: number;
            payload: number[];
          };
          const appended = await this.append({ ...wish, payload: Uint8Array.from(payload) }, hops);
          const { sequence, id, contentHash } = appended;
          const text = JSON.stringify({ sequence, id, contentHash: [...contentHash] });
          return { body: new TextEncoder().encode(text) };
        }
        default:
          throw new Error(`nobody answers ${kind}`);
      }
    };
    return async (from, kind, request) => {
      const answered = (await answer(from, kind, request)) as never;
      return isAlive() ? answered : await new Promise(() => {});
    };
  }

  #view(): ClusterView {
    const { nodeId } = this;
    return {
      selfId: nodeId,
      roster: () => this.#roster,
      isAlive: (other) => other === nodeId || this.#alive.has(other),
      canWrite: () => true,
      hasExchanged: true,
      nameOf: (other) => other.slice(0, 4),
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }
}

function appendedOf(body: Uint8Array): Appended {
  const { sequence, id, contentHash } = JSON.parse(new TextDecoder().decode(body)) as {
    sequence: number;
    id: string;
    contentHash: number[];
  };
  const rest = {
    wire: new Uint8Array(),
    appendedAtNs: 0n,
    lamport: 0n,
    duplicate: false,
    copies: 1,
    holders: 1,
  };
  return { sequence, id, contentHash: Uint8Array.from(contentHash), ...rest };
}

const silent: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
  isEnabled: () => false,
};
