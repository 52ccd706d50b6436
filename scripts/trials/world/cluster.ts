import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { abilitiesOf } from "./abilities.ts";
import { command } from "./command.ts";
import { aliveMembersOf } from "./members.ts";
import type { Network } from "./network.ts";
import { TrialNode } from "./node.ts";
import { until } from "./until.ts";

export type WriteCopies = "1" | "majority" | "all";

export interface ClusterOptions {
  readonly executable: string;
  readonly network: Network;
  /** Data and logs are put here; the caller removes it. */
  readonly scratch: string;
  readonly nodes: number;
  readonly replicas?: number;
  readonly writeCopies?: WriteCopies;
  readonly timing?: "local" | "lan";
  /** Data directories that are not below `scratch`, by index. */
  readonly dataOf?: ReadonlyMap<number, string>;
  readonly flags?: readonly string[];
}

const formMsMax = 60_000;
/** Well below the silence after which a watcher connects again. */
const heartbeatMs = "2000";
const names = "abcdefghi";

/** Nodes of one cluster, none of them started yet. */
export class Cluster implements AsyncDisposable {
  readonly nodes: readonly TrialNode[];
  readonly network: Network;
  readonly options: ClusterOptions;

  private constructor(options: ClusterOptions, nodes: readonly TrialNode[]) {
    this.options = options;
    this.network = options.network;
    this.nodes = nodes;
  }

  /** Makes the settings, the key and the directories of all nodes. */
  static async prepare(options: ClusterOptions): Promise<Cluster> {
    const {
      executable,
      network,
      scratch,
      replicas = 3,
      writeCopies = "majority",
      timing = "local",
    } = options;
    const { replicates } = await abilitiesOf(executable);
    const copies = replicates ? ["--replicas", String(replicas), "--write-copies", writeCopies] : [];
    const key = join(scratch, "gossip.key");
    if (network.isPrivate) await command(executable, "keygen", "--gossip", "-o", key);
    const nodes: TrialNode[] = [];
    for (let index = 0; index < options.nodes; index += 1) {
      const name = names.charAt(index);
      const data = options.dataOf?.get(index) ?? join(scratch, name);
      await mkdir(data, { recursive: true });
      const own = join(scratch, `${name}.key`);
      // A node writes its key file itself when keys change, so each has its own.
      if (network.isPrivate) await copyFile(key, own);
      const secret = network.isPrivate ? ["--gossip-key-file", own, "--insecure"] : [];
      nodes.push(
        new TrialNode({
          ...{ executable, name, index, data, place: network.place(index) },
          logFile: join(scratch, `${name}.log`),
          flags: [
            "--gossip-timing",
            timing,
            "--watch-heartbeat-ms",
            heartbeatMs,
            ...copies,
            ...secret,
            ...(options.flags ?? []),
          ],
        }),
      );
    }
    return new Cluster(options, nodes);
  }

  node(index: number): TrialNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`There is no node ${index}`);
    return node;
  }

  get running(): readonly TrialNode[] {
    return this.nodes.filter(({ isRunning }) => isRunning);
  }

  /** Starts the first node alone and lets the others join it; resolves when all see all. */
  async start(indices: readonly number[] = this.nodes.map(({ index }) => index)): Promise<void> {
    const [first = 0, ...rest] = indices;
    await this.node(first).start();
    for (const index of rest) await this.join(index, first);
    await this.formed();
  }

  /** Starts a node that joins by another one. */
  async join(index: number, by: number): Promise<void> {
    await this.node(index).start(["--join", this.node(by).gossip]);
  }

  /** Starts all nodes at one moment, each told to join all others. */
  async startAtOnce(): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node) => {
        const others = this.nodes.filter((other) => other !== node);
        await node.start(others.flatMap(({ gossip }) => ["--join", gossip]));
      }),
    );
    await this.formed();
  }

  /** Waits until every running node sees every other one alive. */
  async formed(): Promise<void> {
    const expected = this.running.map(({ name }) => name).sort();
    for (const node of this.running)
      await until(`${node.name} sees ${expected.join(", ")} alive`, formMsMax, async () =>
        Bun.deepEquals((await aliveMembersOf(node.url)).map(({ name }) => name).sort(), expected),
      );
  }

  /** Ends every fault: links are mended, processes go on or are started again. */
  async heal(): Promise<void> {
    await this.network.links?.heal();
    for (const node of this.nodes) if (node.isStopped) node.resume();
    await Promise.all(
      this.nodes.filter(({ isRunning }) => !isRunning).map(async (node) => await node.start()),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}
