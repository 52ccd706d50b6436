import { asError } from "../../core/as-error.ts";
import type { LedgerError } from "../../core/errors.ts";
import { readGroupOpen, writeGroupItem } from "../../node/peers/group-news-codec.ts";
import { notExchanged } from "../../node/replication/refusals.ts";
import type { Clock } from "../../ledger/ports.ts";
import type { GroupJoin, Groups, GroupSeat, GroupSink, GroupView } from "../../rpc/groups.ts";
import { throwReason } from "../../rpc/throw-reason.ts";
import { groupHomeless, groupHomeUnreachable, sessionOver } from "../../sync/group-errors.ts";
import { GroupSeats } from "../../sync/group-seats.ts";
import type { GroupMember, GroupMessage } from "../../sync/groups.ts";
import type { AnnounceRequest, PeerCalls } from "../../sync/peer-messages.ts";
import type { Peers } from "../../node/peers/peers.ts";
import type { ClusterView } from "../../sync/view.ts";
import { ContextQueue } from "./context-queue.ts";
import { GroupAnswers } from "./group-answers.ts";
import { GroupHost } from "./group-host.ts";
import { GroupLink } from "./group-link.ts";
import { groupPort } from "./group-port.ts";
import { groupServers, type NodeNames } from "./group-servers.ts";
import { groupTiming, type GroupTiming } from "./group-timing.ts";

/** Who keeps contexts, and thereby their groups. All reject with LedgerError. */
export interface GroupRouting {
  /** Returns who keeps a context, or would if it began now, as far as this node knows. */
  holdersOf(contextId: string): Promise<readonly string[]>;
  /** Likewise, and asks the others about a context that this node has not heard of. */
  locate(contextId: string): Promise<readonly string[]>;
  /** What was said was wrong: asks the others anew. */
  relocate(contextId: string): Promise<void>;
}

export interface ClusterGroupsParts extends NodeNames {
  readonly routing: GroupRouting;
  readonly peers: Peers;
  readonly view: ClusterView;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** How many clients of this node watch a context. */
  readonly watchersOf: (contextId: string) => number;
  readonly timing?: GroupTiming;
}

/** Groups that are looked for at the same time. */
const placedAtOnceMax = 16;
/** As often a home may say that it is none before the others are asked who is: some nodes know sooner than others who is alive. */
const refusalsMax = 2;

/**
 * Groups over all nodes. A group is kept by the first of its context's holders that is alive, whether or not it can write; the
 * nodes that members are connected to announce them there, and anew wherever it is next.
 */
export class ClusterGroups implements Groups {
  readonly #parts: ClusterGroupsParts;
  readonly #timing: GroupTiming;
  readonly #host: GroupHost;
  readonly #seats: GroupSeats;
  readonly #answers: GroupAnswers;
  readonly #links = new Map<string, GroupLink>();
  readonly #places: ContextQueue;
  readonly #ignoreView: () => void;
  #cancelAudit = (): void => {};
  #isStopped = false;

  constructor(parts: ClusterGroupsParts) {
    const { view, clock, random, routing } = parts;
    this.#parts = parts;
    const timing = parts.timing ?? groupTiming;
    this.#timing = timing;
    const homeOf = (contextId: string, asks = false): Promise<string | undefined> =>
      this.#home(contextId, asks);
    this.#host = new GroupHost({ view, homeOf, clock, timing });
    const relocate = (contextId: string): Promise<void> => routing.relocate(contextId);
    this.#answers = new GroupAnswers({ view, homeOf, relocate, clock, random, timing });
    this.#seats = new GroupSeats({
      onWork: (home, contextId) => this.#link(home).work(contextId),
      onFormer: (home, contextId) =>
        void clock.after(timing.settleMsMax, () => {
          if (!this.#isStopped) this.#link(home).work(contextId);
        }),
      onMoved: (contextId, refusals) => this.#seek(contextId, refusals),
    });
    this.#places = new ContextQueue({
      work: (contextId) => this.#place(contextId),
      atOnceMax: placedAtOnceMax,
      clock,
    });
    this.#ignoreView = view.onChange(() => {
      this.#host.viewChanged();
      this.#placeAll();
    });
    this.#audit();
  }

  async join(request: GroupJoin, sink: GroupSink, signal: AbortSignal): Promise<GroupSeat> {
    const { view, clock } = this.#parts;
    const { contextId, ...rest } = request;
    if (this.#isStopped) throw sessionOver("this node stops");
    if (!view.hasExchanged) throw notExchanged();
    const member: GroupMember = { ...rest, nodeId: view.selfId, joinedAtNs: clock.nowNs() };
    const entered = Promise.withResolvers<void>();
    let isIn = false;
    const entering: GroupSink = {
      event(event) {
        isIn = true;
        sink.event(event);
        entered.resolve();
      },
      ended: (error) => (isIn ? sink.ended(error) : entered.reject(error)),
    };
    const seat = this.#seats.add(contextId, member, entering, clock.monotonicMs());
    if (this.#seats.homeOf(contextId) === undefined) this.#places.add(contextId);
    const cancelled = (): void => entered.reject(signal.reason);
    signal.addEventListener("abort", cancelled);
    if (signal.aborted) cancelled();
    const cancelLate = clock.after(this.#timing.joinMs, () => entered.reject(this.#unreached(contextId)));
    try {
      await entered.promise;
    } catch (error) {
      this.#seats.remove(seat);
      throwReason(signal);
      throw error;
    } finally {
      cancelLate();
      signal.removeEventListener("abort", cancelled);
    }
    return { leave: () => this.#seats.remove(seat) };
  }

  async view(contextId: string, signal: AbortSignal): Promise<GroupView> {
    const { peers, view, routing } = this.#parts;
    const { callMs: timeoutMs } = this.#timing;
    const [members, watchers] = await Promise.all([
      this.#answers.ask({
        ...{ contextId, signal, writes: false },
        ask: async (home) => {
          if (home === view.selfId) return await this.#host.members(contextId);
          return (await peers.call(home, "group", { contextId }, { timeoutMs, signal })).members;
        },
      }),
      this.#watchers(contextId, signal),
    ]);
    const holders = await routing.locate(contextId);
    return { members, servers: groupServers(holders, firstAlive(holders, view), this.#parts), watchers };
  }

  async broadcast(contextId: string, message: GroupMessage, signal: AbortSignal): Promise<number> {
    const { peers, view } = this.#parts;
    const { callMs: timeoutMs } = this.#timing;
    return await this.#answers.ask({
      ...{ contextId, signal, writes: true },
      ask: async (home) => {
        if (home === view.selfId) return await this.#host.broadcast(contextId, message, signal);
        return (await peers.call(home, "broadcast", { contextId, message }, { timeoutMs })).members;
      },
    });
  }

  /** Takes what another node says of its members. */
  handleAnnounce(nodeId: string, request: AnnounceRequest): Promise<PeerCalls["announce"]["answer"]> {
    return this.#host.announce(nodeId, request);
  }

  async handleBroadcast(
    { contextId, message }: PeerCalls["broadcast"]["request"],
    signal: AbortSignal,
  ): Promise<{ members: number }> {
    return { members: await this.#host.broadcast(contextId, message, signal) };
  }

  async handleGroup(contextId: string): Promise<PeerCalls["group"]["answer"]> {
    return { members: await this.#host.members(contextId) };
  }

  handleWatchers(contextId: string): { watchers: number } {
    return { watchers: this.#parts.watchersOf(contextId) };
  }

  /** Serves a stream of kind `group` of another node. */
  async *handleOpen(nodeId: string, body: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    for await (const news of this.#host.open(nodeId, readGroupOpen(body), signal)) yield writeGroupItem(news);
  }

  /** Ends all streams of members. */
  stop(error: LedgerError): void {
    this.#isStopped = true;
    this.#ignoreView();
    this.#cancelAudit();
    this.#places.clear();
    this.#seats.endAll(error);
    for (const link of this.#links.values()) link.stop();
    this.#links.clear();
    this.#host.stop();
  }

  async #home(contextId: string, asks: boolean): Promise<string | undefined> {
    const { routing, view } = this.#parts;
    return firstAlive(await (asks ? routing.locate(contextId) : routing.holdersOf(contextId)), view);
  }

  #link(home: string): GroupLink {
    const known = this.#links.get(home);
    if (known !== undefined) return known;
    const { clock, random } = this.#parts;
    const link: GroupLink = new GroupLink({
      ...{ home, clock, random, seats: this.#seats, timing: this.#timing },
      port: groupPort(home, { ...this.#parts, host: this.#host, timeoutMs: this.#timing.callMs }),
      onIdle: () => {
        if (this.#links.get(home) === link) this.#links.delete(home);
      },
    });
    if (this.#isStopped) link.stop();
    else this.#links.set(home, link);
    return link;
  }

  /** Finds out where a group of members here is at home. Never rejects. */
  async #place(contextId: string): Promise<void> {
    try {
      const home = await this.#home(contextId, false);
      if (!this.#isStopped) this.#seats.place(contextId, home, this.#parts.clock.monotonicMs());
    } catch {
      // The next audit tries again.
    }
  }

  #placeAll(): void {
    for (const contextId of this.#seats.contextIds()) this.#places.add(contextId);
  }

  /** A node has said that it is not the home of a group: looks again a little later. */
  #seek(contextId: string, refusals: number): void {
    const { clock, random, routing } = this.#parts;
    const { retryMsMin, retryMsMax } = this.#timing;
    const boundMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(refusals, 16));
    clock.after(boundMs * (0.5 + random() / 2), () => {
      if (this.#isStopped) return;
      const known = refusals > refusalsMax ? routing.relocate(contextId).catch(() => {}) : Promise.resolve();
      void known.then(() => this.#places.add(contextId));
    });
  }

  /** Looks every now and then where groups are, and whether somebody waits for too long. */
  #audit(): void {
    const { clock, random, view } = this.#parts;
    const { auditMs, homelessMs } = this.#timing;
    this.#cancelAudit = clock.after(auditMs * (0.75 + random() / 2), () => {
      this.#host.viewChanged();
      this.#host.check();
      this.#placeAll();
      this.#seats.endWaiting(clock.monotonicMs() - homelessMs, (contextId, home) =>
        home === undefined ? groupHomeless(contextId) : groupHomeUnreachable(contextId, view.nameOf(home)),
      );
      this.#audit();
    });
  }

  #unreached(contextId: string): LedgerError {
    const home = this.#seats.homeOf(contextId);
    if (home === undefined) return groupHomeless(contextId);
    return groupHomeUnreachable(contextId, this.#parts.view.nameOf(home), this.#links.get(home)?.failure);
  }

  /** Asks every node that is alive, at the same time. */
  async #watchers(contextId: string, signal: AbortSignal): Promise<GroupView["watchers"]> {
    const { peers, view, watchersOf } = this.#parts;
    const options = { timeoutMs: this.#timing.watchersMs, signal };
    const nodeIds = view.roster().filter((nodeId) => view.isAlive(nodeId));
    const answers = await Promise.all(
      nodeIds.map(async (nodeId): Promise<GroupView["watchers"][number]> => {
        const node = { nodeId, name: view.nameOf(nodeId), error: undefined };
        try {
          if (nodeId === view.selfId) return { ...node, watchers: watchersOf(contextId) };
          return { ...node, ...(await peers.call(nodeId, "watchers", { contextId }, options)) };
        } catch (error) {
          return { ...node, watchers: 0, error: asError(error).message };
        }
      }),
    );
    return answers.filter(({ watchers, error }) => watchers > 0 || error !== undefined);
  }
}

function firstAlive(holders: readonly string[], view: ClusterView): string | undefined {
  return holders.find((nodeId) => view.isAlive(nodeId));
}
