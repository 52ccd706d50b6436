import { hex } from "../../../src/core/hex.ts";
import { LedgerError } from "../../../src/core/errors.ts";
import { encodeUtf8 } from "../../../src/core/utf8.ts";
import type { Receipt } from "../../../src/ledger/append-unit.ts";
import type { AppendInput } from "../../../src/core/validate.ts";
import { copiesRequired } from "../../../src/core/write-copies.ts";
import { SeededRandom } from "../harness/seeded-random.ts";
import type { Running } from "./node.ts";
import { pieces, theSnapshot } from "./prepared-snapshot.ts";
import type { World } from "./world.ts";

/** An acknowledgement, as its client remembers it. */
export interface Ack {
  readonly contextId: string;
  readonly key: string;
  readonly writer: number;
  /** Which of the writer's appends to this context it was. */
  readonly count: number;
  readonly sequence: number;
  readonly id: string;
  readonly hash: string;
}

export interface ClientOptions {
  readonly contexts: number;
  readonly writers: number;
  readonly thinkMs: number;
}

/** What a client may be told while a cluster is in trouble. */
const expectedCodes: ReadonlySet<string> = new Set([
  ...["UNAVAILABLE", "DEADLINE_EXCEEDED", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "ABORTED"],
]);
class NoAnswer extends Error {}

const patienceMs = 10_000;
const deadlineMs = 6000;

/** Clients that append, each one thing after the other, and try again with the same keys until they are answered. */
export class Clients {
  readonly acks: Ack[] = [];
  readonly loaded: string[] = [];
  /** What was to be appended together, acknowledged or not. */
  readonly batches: { readonly contextId: string; readonly keys: readonly string[] }[] = [];
  unknown = 0;
  readonly #world: World;
  readonly #options: ClientOptions;
  readonly #violated: (text: string) => void;
  #isWriting = true;

  constructor(world: World, options: ClientOptions, violated: (text: string) => void) {
    this.#world = world;
    this.#options = options;
    this.#violated = violated;
    for (let writer = 0; writer < options.writers; writer++) void this.#write(writer);
    void this.#load();
  }

  /** Nothing new is begun. */
  stop(): void {
    this.#isWriting = false;
  }

  async #write(writer: number): Promise<void> {
    const { time, seed } = this.#world;
    const random = new SeededRandom(seed, 100 + writer);
    const counts = new Map<string, number>();
    while (this.#isWriting) {
      const contextId = `c${random.below(this.#options.contexts)}`;
      const count = counts.get(contextId) ?? 0;
      const size = random.chance(0.2) ? 2 + random.below(3) : 1;
      const keys = Array.from({ length: size }, (_, index) => `w${writer}-${count + index}`);
      if (size > 1) this.batches.push({ contextId, keys });
      let minCopies = random.chance(0.1) ? 2 : 0;
      let failures = 0;
      while (this.#isWriting) {
        try {
          const receipts = await this.#asked(random, (running) =>
            append(running, contextId, keys, minCopies),
          );
          for (const [index, { sequence, id, contentHash }] of receipts.entries())
            this.acks.push({
              ...{ contextId, writer, sequence, id, hash: hex(contentHash) },
              ...{ key: keys[index] ?? "", count: count + index },
            });
          counts.set(contextId, count + size);
          await this.#checkCopies(contextId, receipts, minCopies);
          break;
        } catch (error) {
          this.#failed(error);
          // Fewer holders than are wanted, perhaps.
          if (++failures > 3) minCopies = 0;
        }
        await time.sleep(random.between(1, 200));
      }
      if (random.chance(0.1)) await this.#readBack(random);
      await time.sleep(random.exponential(this.#options.thinkMs));
    }
  }

  async #load(): Promise<void> {
    const { time, seed } = this.#world;
    const random = new SeededRandom(seed, 99);
    for (let load = 0; this.#isWriting; load++) {
      await time.sleep(random.exponential(8000));
      const contextId = `load-${load}`;
      const input = { contextId, failIfExists: false, expectedRoot: "", allowUnverified: false };
      try {
        await this.#asked(
          random,
          async ({ cluster }) => await cluster.load(input, pieces(await theSnapshot())),
        );
        this.loaded.push(contextId);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  #failed(error: unknown): void {
    this.unknown += 1;
    const isExpected =
      error instanceof NoAnswer || (error instanceof LedgerError && expectedCodes.has(error.code));
    if (!isExpected) this.#violated(`error: ${String(error)}`);
  }

  /** Asks any node, and gives up after a while. */
  async #asked<Answer>(random: SeededRandom, ask: (running: Running) => Promise<Answer>): Promise<Answer> {
    const { nodes, time } = this.#world;
    const { running } = random.pick(nodes);
    if (running === undefined) throw new NoAnswer();
    const late = time.sleep(patienceMs).then(() => Promise.reject(new NoAnswer()));
    return await Promise.race([ask(running), late]);
  }

  /** As many disks as the answer says have the entry now, wherever that is. */
  async #checkCopies(contextId: string, receipts: readonly Receipt[], minCopies: number): Promise<void> {
    for (const { sequence, contentHash, copies, holders } of receipts) {
      const required = Math.max(minCopies, copiesRequired(this.#world.rules.writeCopies, holders));
      if (copies < required)
        this.#violated(
          `copies: ${contextId}@${sequence} was acknowledged with ${copies} of ${required} copies`,
        );
      let found = 0;
      for (const { disk } of this.#world.nodes) {
        const head = await disk.contents.head(contextId);
        if (head === undefined || head.latest < sequence) continue;
        const range = { log: head.log, after: sequence - 1, through: sequence, entriesMax: 1, bytesMax: 1 };
        const [row] = await disk.contents.read(range);
        if (row !== undefined && Buffer.compare(row.contentHash, contentHash) === 0) found += 1;
      }
      // With one copy, another history may stand already when the answer comes.
      const certain = this.#world.rules.writeCopies === "1" ? 0 : required;
      if (found < certain)
        this.#violated(
          `copies: ${contextId}@${sequence} is on ${found} disks when acknowledged, not ${certain}`,
        );
    }
  }

  /** Any node shows what was acknowledged, if it is told that it was. */
  async #readBack(random: SeededRandom): Promise<void> {
    if (this.#world.rules.writeCopies === "1" || this.acks.length === 0) return;
    const { contextId, sequence, hash } = random.pick(this.acks);
    const request = {
      ...{ contextId, key: "", afterSequence: BigInt(sequence - 1), limit: 1, maxBytes: 0 },
      ...{ minSequence: BigInt(sequence), resumeToken: new Uint8Array() },
    };
    try {
      const { entries } = await this.#asked(random, ({ cluster }) => cluster.get(request));
      const [entry] = entries;
      if (entry === undefined || hex(entry.contentHash) !== hash)
        this.#violated(`reader: ${contextId}@${sequence} is not read as it was acknowledged`);
    } catch (error) {
      this.#failed(error);
    }
  }
}

async function append(
  { cluster }: Running,
  contextId: string,
  keys: readonly string[],
  minCopies: number,
): Promise<readonly Receipt[]> {
  const terms = { minCopies, timeoutMs: deadlineMs };
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) return [await cluster.append(contextId, inputOf(only), terms)];
  return await cluster.appendBatch(contextId, keys.map(inputOf), terms);
}

function inputOf(key: string): AppendInput {
  const payload = encodeUtf8(key);
  return { key: "k", metadata: [], receivedLamport: 0n, idempotencyKey: key, payload };
}
