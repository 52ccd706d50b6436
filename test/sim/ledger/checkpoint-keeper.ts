import { hex } from "../../../src/core/hex.ts";
import { parseHeadRecord } from "../../../src/core/tlog/head-record.ts";
import type { SimulatedNode } from "./node.ts";
import type { World } from "./world.ts";

/** Has checkpoints signed now and then, and remembers what was signed, as auditors do. */
export class CheckpointKeeper {
  readonly #world: World;
  readonly #contextIds: readonly string[];
  readonly #violated: (text: string) => void;
  /** `<node> <origin> <size>` and the root that was signed for it. */
  readonly #signed = new Map<string, string>();
  #generations = 1;

  constructor(world: World, contextIds: readonly string[], violated: (text: string) => void) {
    this.#world = world;
    this.#contextIds = contextIds;
    this.#violated = violated;
  }

  /** The highest generation of a context that anything was signed of. */
  get generations(): number {
    return this.#generations;
  }

  /** Asks one node after the other for a checkpoint of one context, and to bring its log of logs up to date; does not wait. */
  ask(turn: number): void {
    const { nodes } = this.#world;
    const node = nodes[turn % nodes.length];
    const contextId = this.#contextIds[Math.floor(turn / nodes.length) % this.#contextIds.length];
    if (node === undefined || contextId === undefined) return;
    void this.#ask(node, contextId).catch(() => {
      // It was not signed.
    });
  }

  /** Tells if the logs of logs say two things of anything. */
  async check(): Promise<void> {
    for (const { nodeId, disk } of this.#world.nodes) {
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
  }

  async #ask({ nodeId, ledger }: SimulatedNode, contextId: string): Promise<void> {
    if (ledger === undefined) return;
    const { origin, size, root } = await ledger.integrity.checkpoint({ kind: "context", contextId });
    this.#keep(`${nodeId} ${origin} ${size}`, hex(root));
    await ledger.updateNodeLog();
  }

  #keep(place: string, root: string): void {
    const before = this.#signed.get(place);
    if (before !== undefined && before !== root)
      this.#violated(`checkpoint: two roots were signed for ${place}`);
    this.#signed.set(place, root);
    const [, generation] = /@(\d+) /.exec(place) ?? [];
    this.#generations = Math.max(this.#generations, Number(generation ?? 1));
  }
}
