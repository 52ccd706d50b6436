import { LedgerError } from "../../src/core/errors.ts";
import { createSystemClock } from "../../src/node/system-clock.ts";
import type { GroupItem } from "../../src/rpc/group-stream.ts";
import { groupStream } from "../../src/rpc/group-stream.ts";
import { ClusterGroups } from "../../src/server/cluster/cluster-groups.ts";
import type { GroupTiming } from "../../src/server/cluster/group-timing.ts";
import type { PeerCallKind } from "../../src/sync/peer-messages.ts";
import type { Peers } from "../../src/node/peers/peers.ts";
import type { ClusterView } from "../../src/sync/view.ts";
import { fakeCluster } from "./fake-cluster.ts";
import { patienceMs, until } from "./until.ts";

export const quickTiming: GroupTiming = {
  ...{ callMs: 300, retryMs: 300, retryMsMin: 2, retryMsMax: 20, joinMs: 400, homelessMs: 800 },
  ...{ settleMs: 40, settleMsMax: 80, auditMs: 30, watchersMs: 50 },
};

export function nodeId(number: number): string {
  return `${number}`.repeat(32);
}

export function failure(reason: string): LedgerError {
  return new LedgerError("UNAVAILABLE", reason, { reason });
}

interface Node {
  readonly id: string;
  groups: ClusterGroups | undefined;
  readonly listeners: Set<() => void>;
  /** Whom it takes for alive. */
  alive: Set<string>;
}

/** Nodes of a cluster whose groups speak to each other over links that tests cut. Each has a view of its own. */
export class GroupWorld {
  readonly nodes: readonly Node[];
  /** `from>to` of links that bring nothing over. */
  readonly cut = new Set<string>();
  /** `from>to` of links that bring calls over, and no answers. */
  readonly lossy = new Set<string>();
  /** `from>to` of links on which nothing comes back, ever. */
  readonly silent = new Set<string>();
  /** `from>to kind` of calls that came over. */
  readonly calls: string[] = [];
  /** Who keeps a context, best first, as a node sees it. */
  holders: (asking: number, contextId: string) => readonly number[];
  readonly watchers = new Map<string, number>();
  readonly #timing: GroupTiming;
  readonly #streams = new Set<{
    readonly from: string;
    readonly to: string;
    readonly abort: AbortController;
  }>();

  constructor(count: number, timing: GroupTiming = quickTiming) {
    this.#timing = timing;
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    this.holders = () => numbers;
    const ids = numbers.map(nodeId);
    this.nodes = ids.map((id) => ({ id, groups: undefined, listeners: new Set(), alive: new Set(ids) }));
    for (const number of numbers) this.start(number);
  }

  [Symbol.dispose](): void {
    for (const { groups } of this.nodes) groups?.stop(failure("TEST_OVER"));
  }

  at(number: number): ClusterGroups {
    const { groups } = this.#node(number);
    if (groups === undefined) throw new Error(`node ${number} does not run`);
    return groups;
  }

  /** Begins a node that knows nothing. */
  start(number: number): void {
    const node = this.#node(number);
    const numbersOf = (contextId: string): readonly number[] => this.holders(number, contextId);
    const holdersOf = async (contextId: string): Promise<readonly string[]> =>
      numbersOf(contextId).map(nodeId);
    node.groups = new ClusterGroups({
      routing: { holdersOf, locate: holdersOf, relocate: async () => {} },
      peers: this.#peersOf(node),
      view: this.#viewOf(node),
      clock: createSystemClock(),
      random: Math.random,
      cluster: fakeCluster({ members: [] }),
      roster: () => [],
      watchersOf: (contextId) => this.watchers.get(`${number} ${contextId}`) ?? 0,
      timing: this.#timing,
    });
  }

  /** Ends a node without a word to anybody; the others find out when they are told to. */
  crash(number: number): void {
    const node = this.#node(number);
    const { groups } = node;
    node.groups = undefined;
    for (const { from, to, abort } of this.#streams) if (from === node.id || to === node.id) abort.abort();
    groups?.stop(failure("CRASHED"));
  }

  /** Tells nodes who is alive, as far as they know. */
  see(seeing: readonly number[], alive: readonly number[]): void {
    for (const number of seeing) {
      const node = this.#node(number);
      node.alive = new Set(alive.map(nodeId));
      for (const listener of [...node.listeners]) listener();
    }
  }

  /** Cuts both ways between two sets of nodes, with what is on its way. */
  part(some: readonly number[], others: readonly number[]): void {
    for (const one of some)
      for (const other of others) {
        this.cut.add(`${one}>${other}`);
        this.cut.add(`${other}>${one}`);
      }
    this.breakStreams((from, to) => this.cut.has(`${from}>${to}`));
  }

  breakStreams(isBroken: (from: string, to: string) => boolean): void {
    for (const { from, to, abort } of this.#streams)
      if (isBroken(from.slice(0, 1), to.slice(0, 1))) abort.abort();
  }

  #node(number: number): Node {
    const node = this.nodes[number - 1];
    if (node === undefined) throw new Error(`there is no node ${number}`);
    return node;
  }

  #viewOf(node: Node): ClusterView {
    const all = this.nodes;
    const { id } = node;
    return {
      selfId: id,
      roster: () => all.map((other) => other.id),
      isAlive: (other) => other === id || node.alive.has(other),
      canWrite: () => false,
      hasExchanged: true,
      nameOf: (other) => `n${other.slice(0, 1)}`,
      onChange: (listener) => {
        node.listeners.add(listener);
        return () => node.listeners.delete(listener);
      },
    };
  }

  #reached(from: string, to: string): ClusterGroups {
    const { groups } = this.#node(Number(to.slice(0, 1)));
    if (groups === undefined || this.cut.has(linkOf(from, to))) throw failure("PEER_UNREACHABLE");
    return groups;
  }

  #peersOf({ id: from }: Node): Peers {
    return {
      call: async (to, kind, request, { timeoutMs }) => {
        const groups = this.#reached(from, to);
        const link = linkOf(from, to);
        this.calls.push(`${link} ${kind}`);
        if (this.silent.has(link)) {
          await Bun.sleep(timeoutMs);
          throw failure("PEER_TIMEOUT");
        }
        const answer = await answerOf(groups, {
          from,
          kind,
          request: request as never,
          signal: AbortSignal.timeout(timeoutMs),
        });
        if (this.lossy.has(link) || this.#node(Number(to.slice(0, 1))).groups !== groups)
          throw failure("PEER_LOST");
        return answer as never;
      },
      open: (to, _kind, body, signal) => this.#open({ from, to, body, signal }),
    };
  }

  async *#open(stream: {
    from: string;
    to: string;
    body: Uint8Array;
    signal: AbortSignal;
  }): AsyncGenerator<Uint8Array> {
    const { from, to, body, signal } = stream;
    const groups = this.#reached(from, to);
    this.calls.push(`${linkOf(from, to)} open`);
    const abort = new AbortController();
    const open = { from, to, abort };
    this.#streams.add(open);
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => {});
    signal.addEventListener("abort", () => abort.abort());
    abort.signal.addEventListener("abort", () => lost.reject(failure("PEER_LOST")));
    if (signal.aborted) abort.abort();
    const items = groups.handleOpen(from, body, abort.signal);
    try {
      for (;;) {
        const next = await Promise.race([items.next(), lost.promise]);
        if (next.done === true) return;
        yield Uint8Array.from(next.value);
      }
    } finally {
      this.#streams.delete(open);
      abort.abort();
      void items.return().catch(() => {});
    }
  }
}

/** A member whose events are collected, as the service would send them, until it leaves. */
export class GroupGuest {
  readonly events: string[] = [];
  /** The reason of the error that ended it. */
  readonly ended: Promise<string | undefined>;
  readonly #abort = new AbortController();

  constructor(groups: ClusterGroups, memberId: string, contextId = "c") {
    const join = { contextId, memberId, name: "", metadata: {} };
    this.ended = this.#read(groupStream(groups, join, 0, this.#abort.signal));
  }

  /** Messages that it has heard. */
  get messages(): readonly string[] {
    return this.events.filter((event) => event.startsWith("message ")).map((event) => event.slice(8));
  }

  /** Resolves when the last of its events is this one. */
  async hears(event: string): Promise<void> {
    try {
      await until(event, () => this.events.at(-1) === event, patienceMs / 3);
    } catch (error) {
      throw new Error(`heard: ${this.events.join("; ")}`, { cause: error });
    }
  }

  async leave(): Promise<void> {
    this.#abort.abort();
    await this.ended;
  }

  async #read(items: AsyncIterable<GroupItem>): Promise<string | undefined> {
    try {
      for await (const item of items) this.events.push(textOf(item));
      return undefined;
    } catch (error) {
      return error instanceof LedgerError ? error.facts.reason : String(error);
    }
  }
}

function textOf(item: GroupItem): string {
  switch (item.kind) {
    case "joined":
      return `group ${item.members.map(({ memberId, nodeId: at }) => `${memberId}@${at.slice(0, 1)}`).join(" ")}`;
    case "message":
      return `message ${Buffer.from(item.message.payload).toString()}`;
    case "change":
      return `${item.change} ${item.member.memberId}`;
    case "heartbeat":
      return "heartbeat";
  }
}

let messages = 0;

/** Sends text to a group. Resolves with how many members there were. */
export async function send(
  groups: ClusterGroups,
  text: string,
  fromMemberId = "",
  contextId = "c",
): Promise<number> {
  messages += 1;
  const id = messages.toString(16).padStart(32, "0");
  const message = { id, fromMemberId, payload: Buffer.from(text), sentAtNs: 1n };
  return await groups.broadcast(contextId, message, new AbortController().signal);
}

function linkOf(from: string, to: string): string {
  return `${from.slice(0, 1)}>${to.slice(0, 1)}`;
}

async function answerOf(
  groups: ClusterGroups,
  asked: { from: string; kind: PeerCallKind; request: never; signal: AbortSignal },
): Promise<unknown> {
  const { from, kind, request, signal } = asked;
  switch (kind) {
    case "announce":
      return await groups.handleAnnounce(from, request);
    case "broadcast":
      return await groups.handleBroadcast(request, signal);
    case "group":
      return await groups.handleGroup((request as { contextId: string }).contextId);
    case "watchers":
      return groups.handleWatchers((request as { contextId: string }).contextId);
    default:
      throw new Error(`nobody calls ${kind}`);
  }
}
