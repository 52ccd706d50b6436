import { LedgerError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Member, MemberChange, MemberTags } from "../core/member.ts";
import type { Roster, RosterUpdate } from "../ledger/roster.ts";
import type { GossipIncarnation } from "../ledger/gossip-incarnation.ts";
import type { Clock } from "../ledger/ports.ts";
import { GossipNode, type GossipNodeOptions } from "../node/gossip/gossip-node.ts";
import type { KeyRequest } from "../node/gossip/key-messages.ts";
import type { KeyRound } from "../node/gossip/key-rounds.ts";
import type { Cluster, GossipCounts, GossipStatus, JoinOutcome, KeyReport } from "../rpc/cluster.ts";
import type { RunningChild } from "../supervisor/spec.ts";
import { addCounts, noCounts } from "./gossip-counts.ts";

export interface GossipClusterOptions extends Pick<
  GossipNodeOptions,
  "gossip" | "advertise" | "label" | "profile" | "keys" | "seeds" | "onPeerConnection" | "onKeysChanged"
> {
  /** Asked when gossip starts: it begins before the ledger is made, and ends after. */
  readonly ledger: () => { readonly roster: Roster; readonly incarnation: GossipIncarnation };
  /** What this node is called and says about itself; asked at each start, when the listeners have their ports. */
  readonly self: () => LocalMember;
  readonly clock: Clock;
  readonly log: Log;
  /** A member has changed. */
  readonly onChange: () => void;
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

/** This node as a member of a cluster, through any number of lives: gossip that crashes comes back at the same address. */
export class GossipCluster implements Cluster {
  readonly #options: GossipClusterOptions;
  readonly #listeners = new Set<(change: MemberChange) => void>();
  #life: GossipNode | undefined;
  #port: number;
  /** As they were when the last life ended. */
  #lastMembers: readonly Member[] = [];
  #counts: GossipCounts = noCounts;
  #hasLeft = false;
  #rosterTrouble: string | undefined;
  #crashed = Promise.withResolvers<Error>();

  constructor(options: GossipClusterOptions) {
    this.#options = options;
    this.#port = options.gossip.port;
  }

  /** Begins a life. `isStopping` tells, when it ends, if the whole server does. Rejects with LedgerError. */
  async start(isStopping: () => boolean): Promise<RunningChild> {
    this.#crashed = Promise.withResolvers<Error>();
    if (!this.#hasLeft) await this.#begin(this.#options.seeds);
    const { clock } = this.#options;
    let cancel = (): void => {};
    const refresh = (): void => {
      void this.#updateRoster({ members: this.members() });
      cancel = clock.after(rosterIntervalMs, refresh);
    };
    refresh();
    return {
      crashed: this.#crashed.promise,
      stop: async () => {
        cancel();
        // A server that stops says so; one that only lost this part is back in a moment.
        await this.#end(isStopping() ? "stop" : undefined);
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

  onChange(listener: (change: MemberChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async join(addresses: readonly string[], signal: AbortSignal): Promise<readonly JoinOutcome[]> {
    if (this.#hasLeft) {
      this.#hasLeft = false;
      await this.#begin([]);
    }
    return await this.#running.join(addresses, signal);
  }

  async leave(): Promise<void> {
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

  async #begin(seeds: readonly string[]): Promise<void> {
    const { ledger, self, log, gossip, advertise, label, profile, keys } = this.#options;
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
      onChange: (change) => this.#changed(change),
      onIncarnation: (next) => void incarnation.announced(next),
    });
    this.#life = life;
    this.#port = life.bound.port;
    void life.crashed.then((error) => this.#crashed.resolve(error));
    log.info("gossip has started", { address: life.address, encrypted: !keys.isEmpty });
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
      void this.#updateRoster({ members: [...this.members().slice(0, 1), news] });
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

function reportOf({ states, failures }: KeyRound): KeyReport {
  const keys = new Map<string, { id: string; members: string[]; primaryOf: string[] }>();
  for (const [name, { ids, primary }] of states) {
    for (const id of ids) {
      const key = keys.get(id) ?? { id, members: [], primaryOf: [] };
      keys.set(id, key);
      key.members.push(name);
      if (id === primary) key.primaryOf.push(name);
    }
  }
  return {
    keys: [...keys.values()],
    failures: [...failures].map(([member, error]) => ({ member, error })),
  };
}

function isUnknown(error: unknown): boolean {
  return error instanceof LedgerError && error.facts.reason === "MEMBER_NOT_FOUND";
}

function notEverywhere(id: string, without: readonly string[]): LedgerError {
  const text = `gossip key ${id} is not known to ${without.join(", ")}`;
  return new LedgerError("FAILED_PRECONDITION", text, {
    reason: "GOSSIP_KEY_NOT_EVERYWHERE",
    field: "id",
    value: id,
    remedy: "add it first",
  });
}

function inUse(id: string, users: readonly string[]): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", `${users.join(", ")} write with gossip key ${id}`, {
    reason: "GOSSIP_KEY_PRIMARY",
    field: "id",
    value: id,
    remedy: "use another key first",
  });
}

function hasLeft(): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", "this node has left its cluster", {
    reason: "GOSSIP_LEFT",
    remedy: "join again",
  });
}

function restarting(): LedgerError {
  return new LedgerError("UNAVAILABLE", "gossip restarts", {
    reason: "GOSSIP_STOPPED",
    remedy: "try again when it is back",
    retryAfterMs: 1000,
  });
}
