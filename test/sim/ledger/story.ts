import { hex } from "../../../src/core/hex.ts";
import type { CopyRules } from "../../../src/sync/view.ts";
import { decodeEntry } from "../../../src/core/entry-wire.ts";
import { SeededRandom } from "../harness/seeded-random.ts";
import { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { forkViolations } from "./fork-check.ts";
import { SimulatedNode } from "./node.ts";
import { SimulatedPeers } from "./peer-network.ts";
import { Watchers } from "./watchers.ts";
import { VirtualTime } from "./virtual-time.ts";

export interface StoryOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly operations: number;
  readonly rules: CopyRules;
  readonly contexts: number;
}

/** An acknowledgement, as its client remembers it. */
interface Ack {
  readonly contextId: string;
  readonly key: string;
  readonly writer: number;
  readonly count: number;
  readonly sequence: number;
  readonly id: string;
  readonly hash: string;
}

export interface StoryResult {
  readonly violations: string[];
  readonly acknowledged: number;
  readonly unknown: number;
  readonly calls: number;
  /** How often watchers were told to go back. */
  readonly resets: number;
  /** Checkpoints that were signed, and the highest generation of any. */
  readonly checkpoints: { readonly signed: number; readonly generations: number };
}

const writers = 3;
/** Long enough for every pair of nodes to be compared a few times. */
const restMs = 400_000;

/** Lets writers write to a cluster in which everything fails, heals it, and tells what is wrong with what is left. */
export async function story(options: StoryOptions): Promise<StoryResult> {
  const { seed } = options;
  const random = new SeededRandom(seed, 1);
  const time = new VirtualTime();
  const network = new SimulatedPeers(time, new SeededRandom(seed, 2), {
    ...{ lossRate: 0.05, delayMsMin: 0.2, delayMsTail: 2 },
  });
  const ids = Array.from({ length: options.nodes }, () => {
    const bytes = new Uint8Array(16);
    random.fill(bytes);
    return hex(bytes);
  });
  const nodes = ids.map(
    (nodeId) => new SimulatedNode({ nodeId, seed, time, network, rules: options.rules, roster: ids }),
  );
  for (const node of nodes) await node.start();
  const isFinal = options.rules.writeCopies !== "1";
  const watchers = new Watchers({ nodes, contexts: options.contexts, time, isFinal });
  const checkpoints = new CheckpointKeeper(nodes, options.contexts);
  const acks: Ack[] = [];
  let unknown = 0;
  const violations: string[] = [];
  const seen = new Map<string, string>();

  const look = async (): Promise<void> => {
    if (options.rules.writeCopies === "1") return;
    for (const node of nodes)
      for (let context = 0; context < options.contexts; context++) {
        const ledger = node.ledger;
        if (ledger === undefined) continue;
        const contextId = `c${context}`;
        const result = await ledger.get({
          ...{ contextId, key: "", afterSequence: 0n, limit: 0, maxBytes: 0 },
          ...{ minSequence: 0n, resumeToken: new Uint8Array() },
        });
        for (const { sequence, contentHash } of result.entries) {
          const place = `${contextId}@${sequence}`;
          const hash = hex(contentHash);
          const before = seen.get(place);
          if (before === undefined) seen.set(place, hash);
          else if (before !== hash) violations.push(`a reader saw ${place} change`);
        }
      }
  };

  let isWriting = true;
  const write = async (writer: number): Promise<void> => {
    const own = new SeededRandom(seed, 100 + writer);
    const counts = new Map<string, number>();
    while (isWriting) {
      const contextId = `c${own.below(options.contexts)}`;
      const count = counts.get(contextId) ?? 0;
      const key = `w${writer}-${count}`;
      for (;;) {
        const node = nodes[own.below(nodes.length)];
        try {
          if (node === undefined || !node.isUp) throw new Error("down");
          const work = node.append({
            contextId,
            idempotencyKey: key,
            payload: new TextEncoder().encode(key),
          });
          const appended = await Promise.race([
            work,
            time.sleep(10_000).then(() => {
              throw new Error("late");
            }),
          ]);
          const { sequence, id, contentHash } = appended;
          acks.push({ contextId, key, writer, count, sequence, id, hash: hex(contentHash) });
          counts.set(contextId, count + 1);
          break;
        } catch {
          unknown += 1;
        }
        await time.sleep(own.between(1, 200));
        if (!isWriting) return;
      }
      await time.sleep(own.exponential(20));
    }
  };
  const writing = Array.from({ length: writers }, (_, writer) => write(writer));

  for (let operation = 0; operation < options.operations; operation++) {
    await time.run(random.exponential(60));
    const node = random.pick(nodes);
    const other = random.pick(nodes);
    const draw = random.below(100);
    if (draw < 8) {
      if (node.isUp) node.crash();
      else await node.start();
    } else if (draw < 20) {
      if (!node.isUp) await node.start();
    } else if (draw < 30) network.cut(node.nodeId, other.nodeId);
    else if (draw < 34) for (const one of nodes) if (one !== node) network.cut(node.nodeId, one.nodeId);
    if (draw >= 34 && draw < 44) network.healAll();
    if (draw >= 44 && draw < 70)
      node.see(
        ids.filter(
          (id, index) =>
            id === node.nodeId || (nodes[index]?.isUp === true && !network.isCut(node.nodeId, id)),
        ),
      );
    if (draw >= 70 && draw < 75) node.see(ids.filter(() => random.chance(0.6)));
    if (draw >= 75) await look();
    checkpoints.ask(other, operation);
  }

  // Everything heals.
  network.healAll();
  network.conditions = { lossRate: 0, delayMsMin: 0.2, delayMsTail: 1 };
  for (const node of nodes) if (!node.isUp) await node.start();
  for (const node of nodes) node.see(ids);
  isWriting = false;
  await time.run(12_000);
  await Promise.all(writing.map((done) => Promise.race([done, time.sleep(1)])));
  // Nobody writes any more: what differs must be found and mended all the same.
  await time.run(restMs);
  await look();
  const histories = await check(options, nodes, acks, violations);
  violations.push(...(await watchers.violations(histories)));
  await checkpoints.check({ isFinal });
  violations.push(...checkpoints.violations);
  watchers.stop();
  for (const node of nodes) node.crash();
  const { resets } = watchers;
  return {
    violations,
    acknowledged: acks.length,
    unknown,
    calls: network.calls,
    resets,
    checkpoints: checkpoints.counts,
  };
}

async function check(
  { contexts, rules }: StoryOptions,
  nodes: readonly SimulatedNode[],
  acks: readonly Ack[],
  violations: string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const stands = new Map<string, readonly string[]>();
  for (let context = 0; context < contexts; context++) {
    const contextId = `c${context}`;
    const holding = await Promise.all(nodes.map(async (node) => await node.replication?.holding(contextId)));
    const holders = new Set(holding.flatMap((one) => one?.holding?.holders ?? []));
    const copies = nodes.filter(({ nodeId }) => holders.has(nodeId));
    violations.push(...(await forkViolations(contextId, copies, { isFinal: rules.writeCopies !== "1" })));
    const histories: string[][] = [];
    for (const node of copies) {
      const head = await node.disk.contents.head(contextId);
      const rows =
        head === undefined
          ? []
          : await node.disk.contents.read({
              ...{ log: head.log, after: 0, through: head.latest },
              ...{ entriesMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER },
            });
      histories.push(rows.map(({ contentHash, wire }) => `${decodeEntry(wire).id} ${hex(contentHash)}`));
    }
    const [first = []] = histories;
    stands.set(
      contextId,
      first.map((entry) => entry.split(" ")[1] ?? ""),
    );
    for (const [index, history] of histories.entries())
      if (history.length !== first.length || history.some((entry, at) => entry !== first[at]))
        violations.push(
          `${contextId}: holders differ after healing: ${histories.map(({ length }) => length)} (${index})`,
        );
    const places = new Map<string, number[]>();
    for (const [at, entry] of first.entries()) {
      const [id = ""] = entry.split(" ");
      places.set(id, [...(places.get(id) ?? []), at + 1]);
    }
    const mine = acks.filter((ack) => ack.contextId === contextId);
    for (const ack of mine) {
      const at = places.get(ack.id) ?? [];
      if (at.length === 0)
        violations.push(`${contextId}: acknowledged ${ack.key} at ${ack.sequence} is lost`);
      if (at.length > 1) violations.push(`${contextId}: ${ack.key} is there ${at.length} times`);
      if (rules.writeCopies === "1") continue;
      if (at.length > 0 && !at.includes(ack.sequence))
        violations.push(`${contextId}: ${ack.key} was acknowledged at ${ack.sequence}, is at ${at}`);
      if (first[ack.sequence - 1] !== `${ack.id} ${ack.hash}`)
        violations.push(`${contextId}: ${ack.key} at ${ack.sequence} has another hash`);
    }
    if (rules.writeCopies === "1") continue;
    for (let writer = 0; writer < writers; writer++) {
      const own = mine.filter((ack) => ack.writer === writer).sort((a, b) => a.count - b.count);
      for (const [index, ack] of own.entries()) {
        const before = own[index - 1];
        if (before !== undefined && before.sequence >= ack.sequence)
          violations.push(`${contextId}: order of writer ${writer} broken at ${ack.key}`);
      }
    }
  }
  return stands;
}
