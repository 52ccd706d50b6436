import type { CopyRules } from "../../../src/sync/view.ts";
import { checkAcks } from "./check-acks.ts";
import { checkCopies } from "./check-copies.ts";
import { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { Clients } from "./clients.ts";
import { Faults } from "./faults.ts";
import { checkForkRecords } from "./fork-check.ts";
import { snapshotEntries, theSnapshot } from "./prepared-snapshot.ts";
import { Readers } from "./readers.ts";
import { Watchers } from "./watchers.ts";
import { type MembershipKind, type Weather, World } from "./world.ts";

export interface StoryOptions {
  readonly seed: number;
  /** Machines; some of them join in the middle. */
  readonly nodes: number;
  /** Times at which something may go wrong. */
  readonly operations: number;
  readonly rules: CopyRules;
  readonly contexts: number;
  /** By the real protocol unless it says otherwise. */
  readonly membership?: MembershipKind;
  readonly weather?: Weather;
}

export interface StoryResult {
  /** Each begins with its kind and a colon. */
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly unknown: number;
  readonly calls: number;
  /** Two runs of one seed have the same. */
  readonly trace: string;
  /** How often watchers were told to go back. */
  readonly resets: number;
  /** The highest generation of a context that anything was signed of. */
  readonly generations: number;
}

const writers: Readonly<Record<Weather, number>> = { usual: 3, storm: 9 };
const stepMs: Readonly<Record<MembershipKind, number>> = { swim: 150, flapping: 60 };
/** How long nodes that are started at once take to know each other, at most. */
const settleMs = 5000;
/** How long what was begun may take to end. */
const drainMs = 12_000;
/** The bound for everything that is to come right by itself: long enough for every pair of nodes to be compared a few times. */
const restMs = 120_000;

/** Lets clients write to a cluster in which everything fails, heals it, and tells what is wrong with what is left. */
export async function story(options: StoryOptions): Promise<StoryResult> {
  const { seed, rules, nodes, operations, membership = "swim", weather = "usual" } = options;
  const violations: string[] = [];
  // What is made once in a process must not make its first story another one.
  await theSnapshot();
  const violated = (text: string): void => void violations.push(text);
  const world = new World({ seed, rules, membership, weather });
  const { random, time } = world;
  const fewest = Math.min(nodes, rules.replicas);
  const founders = fewest + random.below(nodes - fewest + 1);
  for (let node = 0; node < founders; node++) await world.add().start();
  // Contexts that a node makes while it is alone have one copy: what follows from that is no matter of luck.
  await time.run(settleMs);
  const contexts = Array.from({ length: options.contexts }, (_, context) => `c${context}`);
  const readers = new Readers(world, violated);
  const watchers = new Watchers(world, contexts, violated);
  const auditor = new CheckpointKeeper(world, contexts, violated);
  const thinkMs = weather === "storm" ? 10 : stepMs[membership];
  const clients = new Clients(
    world,
    { contexts: options.contexts, writers: writers[weather], thinkMs },
    violated,
  );
  const faults = new Faults(world, { nodes, mayLoseDisks: rules.writeCopies !== "1", weather });
  for (let operation = 0; operation < operations; operation++) {
    await time.run(random.exponential(stepMs[membership]));
    await faults.next();
    watchers.follow();
    auditor.ask(operation);
    if (operation % 4 === 0) await readers.look(contexts);
  }

  await faults.finish();
  await world.heal();
  clients.stop();
  await time.run(drainMs);
  // Nobody writes any more: what differs must be found and mended all the same.
  await time.run(restMs);
  await readers.look(contexts);
  for (const contextId of contexts) {
    const history = await checkCopies(world, contextId, violated);
    const acks = clients.acks.filter((ack) => ack.contextId === contextId);
    const batches = clients.batches.filter((batch) => batch.contextId === contextId);
    checkAcks(world, { contextId, history, acks, batches }, violated);
    await watchers.check(
      contextId,
      history.map(({ hash }) => hash),
    );
    await checkForkRecords(world, contextId, violated);
    world.trace.note(contextId, ...history.map(({ hash }) => hash));
  }
  for (const contextId of clients.loaded) {
    const { length } = await checkCopies(world, contextId, violated);
    if (length !== snapshotEntries) violated(`load: ${contextId} has ${length} entries`);
  }
  if (rules.writeCopies !== "1") await checkForks();
  await auditor.check();
  watchers.stop();
  for (const node of world.running()) node.crash();
  const { acks, unknown } = clients;
  const trace = world.trace.digest();
  const { calls } = world.network;
  const { resets } = watchers;
  const { generations } = auditor;
  return { violations, acknowledged: acks.length, unknown, calls, trace, resets, generations };

  async function checkForks(): Promise<void> {
    for (const { disk, machine } of world.nodes)
      for (const { contextId, after } of await disk.contents.forks(undefined, 10))
        violated(`fork: machine ${machine} has one of ${contextId} after ${after}`);
  }
}
