import { type ClusterSettings, settingsConflict } from "../core/cluster-settings.ts";
import { LedgerError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Member, MemberChange, MemberTags } from "../core/member.ts";
import type { Roster, RosterUpdate } from "../ledger/roster.ts";
import type { GossipIncarnation } from "../ledger/gossip-incarnation.ts";
import type { Clock } from "../ledger/ports.ts";
import { GossipNode, type GossipNodeOptions } from "../node/gossip/gossip-node.ts";
import type { KeyRequest } from "../node/gossip/key-messages.ts";
import { isOwnPlace } from "../node/gossip/joiner.ts";
import type { Cluster, GossipCounts, GossipStatus, JoinOutcome, KeyReport } from "../rpc/cluster.ts";
import type { RunningChild } from "../supervisor/spec.ts";
import { FirstExchange } from "./first-exchange.ts";
import { addCounts, noCounts } from "./gossip-counts.ts";
import { hasLeft, inUse, notEverywhere, restarting } from "./gossip-refusals.ts";
import { reportOf } from "./key-report.ts";

export interface GossipClusterOptions extends Pick<
  GossipNodeOptions,
  "gossip" | "advertise" | "label" | "profile" | "keys" | "seeds" | "onPeerConnection" | "onKeysChanged"
> {
  /** Asked when gossip starts: it begins before the ledger is made, and ends after. */
  readonly ledger: () => { readonly roster: Roster; readonly incarnation: GossipIncarnation };
  /** What this node is called and says about itself; asked when the listeners have their ports. */
  readonly self: () => LocalMember;
  /** Of the cluster; nodes with others are no members of it. */
  readonly settings: ClusterSettings;
  readonly clock: Clock;
  readonly log: Log;
  /** A member has changed. */
  readonly onChange: () => void;
  /** The cluster that this node was to join, or was in, has other settings. Not called once it has heard from one that has its own. */
  readonly onMisfit: (outcome: JoinOutcome) => void;
}

/** This node as it describes itself. */
export interface LocalMember {
  readonly name: string;
  /** The random id of its data directory, in hex. */
  readonly nodeId: string;
  /** What it says about itself if others reach it at `host`. */
  readonly tags: (host: string) => MemberTags;
}

/** How often the roster hears who is alive. */
const rosterIntervalMs = 60_000;
/** How often this node looks whether it has something else to say about itself. */
const describeIntervalMs = 500;

/** This node as a member of a cluster, through any number of lives: gossip that crashes comes back at the same address. */
export class GossipCluster implements Cluster {
  readonly #options: GossipClusterOptions;
  readonly #listeners = new Set<(change: MemberChange) => void>();
  readonly #first: FirstExchange;
  #life: GossipNode | undefined;
  #port: number;
  /** As they were when the last life ended. */
  #lastMembers: readonly Member[] = [];
  #counts: GossipCounts = noCounts;
  #hasLeft = false;
  #rosterTrouble: string | undefined;
  #crashed = Promise.withResolvers<Error>();
  /** Whether the part that gossips runs, be it that this node has left. */
  #isOn = false;
  /** The last of what begins and ends lives, one after the other: two at a time would want the same port. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: GossipClusterOptions) {
    this.#options = options;
    this.#port = options.gossip.port;
    this.#first = new FirstExchange(() => this.#isAwaitingOthers());
  }

  /** Begins a life. `isStopping` tells, when it ends, if the whole server does. Rejects with LedgerError. */
  async start(isStopping: () => boolean): Promise<RunningChild> {
    this.#crashed = Promise.withResolvers<Error>();
    await this.#inTurn(async () => {
      if (!this.#hasLeft) await this.#begin(this.#options.seeds);
      this.#isOn = true;
    });
    const { clock } = this.#options;
    const ends = [
      repeatedly(clock, rosterIntervalMs, () => void this.#updateRoster({ members: this.members() })),
      repeatedly(clock, describeIntervalMs, () => this.#describe()),
    ];
    return {
      crashed: this.#crashed.promise,
      stop: async () => {
        for (const end of ends) end();
        await this.#inTurn(async () => {
          this.#isOn = false;
          // A server that stops says so; one that only lost this part is back in a moment.
          await this.#end(isStopping() ? "stop" : undefined);
        });
      },
    };
  }

  status(): GossipStatus | undefined {
    const { profile, keys, label } = this.#options;
    if (this.#life === undefined) return undefined;
    const { address, healthScore } = this.#life;
    return { address, profile, isEncrypted: !keys.isEmpty, label, healthScore };
  }

  counts(): GossipCounts {
    return this.#life === undefined ? this.#counts : addCounts(this.#counts, this.#life.counters);
  }

  members(): readonly Member[] {
    return this.#life?.members() ?? this.#lastMembers;
  }

  /** Where gossip listens; undefined while it does not. */
  get bound(): GossipNode["bound"] | undefined {
    return this.#life?.bound;
  }

  hasExchanged(): boolean {
    return this.#first.isOver;
  }

  onExchanged(listener: () => void): () => void {
    return this.#first.onOver(listener);
  }

  onChange(listener: (change: MemberChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async join(addresses: readonly string[], signal: AbortSignal): Promise<readonly JoinOutcome[]> {
    await this.#inTurn(async () => {
      if (!this.#hasLeft) return;
      if (!this.#isOn) throw restarting();
      await this.#begin([]);
      this.#hasLeft = false;
    });
    return await this.#running.join(addresses, signal);
  }

  async leave(): Promise<void> {
    await this.#inTurn(() => this.#leave());
  }

  async #leave(): Promise<void> {
    if (this.#hasLeft) return;
    void this.#running;
    this.#hasLeft = true;
    await this.#end("leave");
    this.#lastMembers = this.#lastMembers
      .filter(({ isSelf }) => isSelf)
      .map((self) => ({ ...self, state: "left" as const, stateSinceMs: this.#nowMs() }));
    await this.#updateRoster({ members: this.#lastMembers });
    for (const member of this.#lastMembers) this.#tell({ kind: "left", member });
  }

  async forget(name: string): Promise<void> {
    const { roster } = this.#options.ledger();
    const kept = roster.members().find((member) => member.name === name);
    try {
      this.#running.forget(name);
    } catch (error) {
      // One whose address was never heard again is known to the roster alone.
      if (kept === undefined || !isUnknown(error)) throw error;
    }
    if (kept === undefined) return;
    const error = await roster.update({ forgotten: [kept.nodeId] });
    if (error !== undefined) throw error;
    this.#first.recheck();
    this.#options.onChange();
  }

  listKeys(signal: AbortSignal): Promise<KeyReport> {
    return this.#ask({ operation: "list" }, signal);
  }

  addKey(key: Uint8Array, signal: AbortSignal): Promise<KeyReport> {
    return this.#ask({ operation: "add", key }, signal);
  }

  async useKey(id: string, signal: AbortSignal): Promise<KeyReport> {
    const { states } = await this.#running.keys.ask({ operation: "list" }, signal);
    const without = [...states].filter(([, { ids }]) => !ids.includes(id)).map(([name]) => name);
    if (without.length > 0 && without.length < states.size) throw notEverywhere(id, without);
    return await this.#ask({ operation: "use", id }, signal);
  }

  async removeKey(id: string, signal: AbortSignal): Promise<KeyReport> {
    const { states } = await this.#running.keys.ask({ operation: "list" }, signal);
    const users = [...states].filter(([, { primary }]) => primary === id).map(([name]) => name);
    if (users.length > 0) throw inUse(id, users);
    return await this.#ask({ operation: "remove", id }, signal);
  }

  get #running(): GossipNode {
    if (this.#life !== undefined) return this.#life;
    throw this.#hasLeft ? hasLeft() : restarting();
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    await done;
  }

  async #begin(seeds: readonly string[]): Promise<void> {
    const { ledger, self, log, gossip, advertise, label, profile, keys, settings } = this.#options;
    const { onPeerConnection, onKeysChanged } = this.#options;
    const { roster, incarnation } = ledger();
    await roster.load();
    const first = await incarnation.begin();
    const { name, nodeId, tags } = self();
    const remembered = roster.members().filter((member) => member.nodeId !== nodeId);
    const life = await GossipNode.start({
      gossip: { ...gossip, port: this.#port },
      ...{
        advertise,
        name,
        tags,
        label,
        profile,
        keys,
        seeds,
        remembered,
        log,
        onPeerConnection,
        onKeysChanged,
      },
      incarnation: first,
      refuses: (theirs) => settingsConflict(settings, theirs),
      onExchanged: () => this.#exchanged(),
      onSeedsTried: (outcomes) => this.#seedsTried(outcomes),
      onChange: (change) => this.#changed(change),
      onIncarnation: (next) => void incarnation.announced(next),
    });
    this.#life = life;
    // Others may have asked before.
    this.#exchanged();
    this.#port = life.bound.port;
    void life.crashed.then((error) => this.#crashed.resolve(error));
    log.info("gossip has started", { address: life.address, encrypted: !keys.isEmpty });
  }

  /** Undefined before the roster is read. */
  #isAwaitingOthers(): boolean | undefined {
    const { ledger, seeds, self } = this.#options;
    if (seeds.length > 0) return true;
    const { roster } = ledger();
    return roster.isLoaded ? roster.members().some(({ nodeId }) => nodeId !== self().nodeId) : undefined;
  }

  /** A whole state was merged: that of a ledger node, or of somebody who knows one. */
  #exchanged(): void {
    const isLedgerNode = ({ isSelf, state, tags }: Member): boolean =>
      !isSelf && tags.nodeId !== undefined && (state === "alive" || state === "suspect");
    if (this.#first.isOver || !this.members().some(isLedgerNode)) return;
    this.#first.over();
    this.#options.onChange();
  }

  #seedsTried(outcomes: readonly JoinOutcome[]): void {
    if (this.#first.isOver || outcomes.some(({ error }) => error === undefined)) return;
    const misfit = outcomes.find(({ isRefused }) => isRefused === true);
    if (misfit !== undefined) return this.#options.onMisfit(misfit);
    // A list that names this node alone names nobody to wait for.
    if (!outcomes.every(isOwnPlace)) return;
    this.#first.over();
    this.#options.onChange();
  }

  #describe(): void {
    if (this.#life?.describe() !== true) return;
    const [member] = this.members();
    if (member !== undefined) this.#tell({ kind: "updated", member });
  }

  async #end(goodBye: "leave" | "stop" | undefined): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    if (goodBye !== undefined) await life.depart(goodBye);
    this.#lastMembers = life.members();
    this.#counts = addCounts(this.#counts, life.counters);
    this.#life = undefined;
    await life.stop();
  }

  #changed(change: MemberChange): void {
    const { kind, member } = change;
    const { log } = this.#options;
    const { name, gossipAddress, incarnation, tags } = member;
    log[kind === "died" ? "warn" : "info"](`a member has ${words[kind]}`, {
      name,
      gossipAddress,
      incarnation,
    });
    // The roster does without members that are no ledger nodes.
    if (tags.nodeId !== undefined) {
      const isGone = kind === "left" || kind === "forgotten";
      const news = isGone ? { ...member, state: "left" as const } : member;
      // Many change at once: what is done for each must not grow with how many there are.
      const self = this.#life?.self ?? this.#lastMembers[0];
      void this.#updateRoster({ members: self === undefined ? [news] : [self, news] });
    }
    this.#tell(change);
  }

  #tell(change: MemberChange): void {
    for (const listener of this.#listeners) listener(change);
    this.#options.onChange();
  }

  /** Says once why the roster cannot be kept, and once that it can again. */
  async #updateRoster(update: RosterUpdate): Promise<void> {
    const { log, ledger } = this.#options;
    const error = await ledger().roster.update(update);
    if (error?.facts.reason === this.#rosterTrouble) return;
    // An update that brings nothing new can say that all is written, and nothing about who was refused before.
    if (error === undefined && this.#rosterTrouble === "ROSTER_FULL") return;
    this.#rosterTrouble = error?.facts.reason;
    if (error === undefined) log.info("the roster is on disk again");
    else log.warn("the roster cannot be kept", { error });
  }

  async #ask(request: KeyRequest, signal: AbortSignal): Promise<KeyReport> {
    return reportOf(await this.#running.keys.ask(request, signal));
  }

  #nowMs(): number {
    return Number(this.#options.clock.nowNs() / 1_000_000n);
  }
}

const words: Readonly<Record<MemberChange["kind"], string>> = {
  joined: "joined",
  updated: "changed",
  suspected: "not answered",
  recovered: "answered again",
  died: "died",
  left: "left",
  forgotten: "been forgotten",
};

/** Calls `run` now and again and again, until the returned function is called. */
function repeatedly(clock: Clock, everyMs: number, run: () => void): () => void {
  let cancel = (): void => {};
  const next = (): void => {
    run();
    cancel = clock.after(everyMs, next);
  };
  next();
  return () => cancel();
}

function isUnknown(error: unknown): boolean {
  return error instanceof LedgerError && error.facts.reason === "MEMBER_NOT_FOUND";
}
