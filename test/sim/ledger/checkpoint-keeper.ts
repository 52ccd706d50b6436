import { hex } from "../../../src/core/hex.ts";
import { parseHeadRecord } from "../../../src/core/tlog/head-record.ts";
import type { SimulatedNode } from "./node.ts";

/** Has checkpoints signed now and then, and remembers what was signed, as auditors do. */
export class CheckpointKeeper {
  readonly #nodes: readonly SimulatedNode[];
  readonly #contexts: number;
  readonly #found: string[] = [];
  /** `<node> <origin> <size>` and the root that was signed for it. */
  readonly #signed = new Map<string, string>();
  #generations = 1;

  constructor(nodes: readonly SimulatedNode[], contexts: number) {
    this.#nodes = nodes;
    this.#contexts = contexts;
  }

  /** How many signatures there are, and the highest generation of a context that has any. */
  get counts(): { readonly signed: number; readonly generations: number } {
    return { signed: this.#signed.size, generations: this.#generations };
  }

  get violations(): readonly string[] {
    return this.#found;
  }

  /** Asks one node for a checkpoint of one context, and to bring its log of logs up to date; does not wait. */
  ask(node: SimulatedNode, context: number): void {
    void this.#ask(node, `c${context % this.#contexts}`).catch(() => {
      // It was not signed.
    });
  }

  /** Looks if the logs of logs say one thing only; if nothing `isFinal` was ever taken back, there is one generation. */
  async check({ isFinal }: { readonly isFinal: boolean }): Promise<void> {
    for (const { nodeId, disk } of this.#nodes) {
      const head = await disk.contents.head("");
      if (head === undefined) continue;
      const all = { entriesMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };
      const rows = await disk.contents.read({ log: head.log, after: 0, through: head.latest, ...all });
      for (const { wire } of rows) {
        const { contextId, generation, size, root } = parseHeadRecord(wire);
        const origin = generation === 1 ? contextId : `${contextId}@${generation}`;
        this.#keep(`${nodeId} test.local/n1/${origin} ${size}`, hex(root));
      }
    }
    if (isFinal && this.#generations > 1) this.#found.push(`there are ${this.#generations} generations`);
  }

  async #ask({ nodeId, ledger }: SimulatedNode, contextId: string): Promise<void> {
    if (ledger === undefined) return;
    const { origin, size, root } = await ledger.integrity.checkpoint({ kind: "context", contextId });
    this.#keep(`${nodeId} ${origin} ${size}`, hex(root));
    await ledger.updateNodeLog();
  }

  #keep(place: string, root: string): void {
    const before = this.#signed.get(place);
    if (before !== undefined && before !== root) this.#found.push(`two roots were signed for ${place}`);
    this.#signed.set(place, root);
    const [, generation] = /@(\d+) /.exec(place) ?? [];
    this.#generations = Math.max(this.#generations, Number(generation ?? 1));
  }
}
