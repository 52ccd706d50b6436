import type { Socket } from "node:net";
import { LedgerError } from "../../core/errors.ts";
import type { Hasher } from "../../core/hasher.ts";
import type { Log } from "../../core/log.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Clock } from "../../ledger/ports.ts";
import type { KeyHolder } from "../../node/gossip/key-holder.ts";
import { peerAddressOf } from "../../node/peers/peer-address-of.ts";
import { PeerNetwork } from "../../node/peers/peer-network.ts";
import { Replication } from "../../node/replication/replication.ts";
import type { ReplicationReading } from "../../rpc/replication-reading.ts";
import type { RunningChild } from "../../supervisor/spec.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import type { PeerCallKind, PeerCalls } from "../../sync/peer-messages.ts";
import type { PeerHandlers, Peers } from "../../node/peers/peers.ts";
import type { ClusterView, CopyRules } from "../../sync/view.ts";
import { ClusterLedger } from "../cluster-ledger.ts";
import type { Groups } from "../../rpc/groups.ts";
import type { GossipCluster } from "../gossip-cluster.ts";
import { ClusterGroups } from "./cluster-groups.ts";
import type { ContextRouting } from "./context-routing.ts";
import { GossipView } from "./gossip-view.ts";

export interface ClusterNodeParts {
  readonly ledger: Ledger;
  readonly cluster: GossipCluster;
  readonly rules: CopyRules;
  readonly gossipLabel: string;
  readonly keys: KeyHolder;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly log: Log;
  /** The random id of this node's data directory; known once the storage was opened. */
  readonly nodeId: () => string;
  /** Whether this node can take appends now. */
  readonly canWrite: () => boolean;
}

/** What runs while the part does. */
export interface Running {
  readonly view: GossipView;
  readonly network: PeerNetwork;
  readonly replication: Replication;
  readonly groups: ClusterGroups;
}

/**
 * This node as one of a cluster that keeps copies: it calls others, answers them, and answers clients with their help. It can
 * be stopped and started again at any time; in between whatever needs others is UNAVAILABLE.
 */
export class ClusterNode {
  /** What clients are answered by. */
  readonly ledger: ClusterLedger;
  readonly groups: Groups = {
    join: async (request, sink, signal) => await this.#current.groups.join(request, sink, signal),
    view: async (contextId, signal) => await this.#current.groups.view(contextId, signal),
    broadcast: async (contextId, message, signal) =>
      await this.#current.groups.broadcast(contextId, message, signal),
  };
  readonly #parts: ClusterNodeParts;
  #running: Running | undefined;

  constructor(parts: ClusterNodeParts) {
    this.#parts = parts;
    this.ledger = new ClusterLedger({
      ...{ local: parts.ledger, clock: parts.clock, hasher: parts.hasher, random: Math.random },
      routing: this.#routing(),
      peers: this.#peers(),
      view: this.#view(),
    });
    parts.cluster.onChange(({ member }) => {
      this.#running?.view.changed();
      const { nodeId } = member.tags;
      if (nodeId !== undefined && member.state === "alive") this.#running?.network.peerChanged(nodeId);
    });
    parts.cluster.onExchanged(() => this.#running?.view.changed());
  }

  /** What runs now. Throws UNAVAILABLE while nothing does. */
  get running(): Running & { readonly rules: CopyRules } {
    return { ...this.#current, rules: this.#parts.rules };
  }

  /** What keeping copies is about; undefined while nothing runs. */
  get reading(): ReplicationReading | undefined {
    if (this.#running === undefined) return undefined;
    const { network, replication } = this.#running;
    return { ...replication.reading, peers: { ...network.counters, connections: network.connections } };
  }

  async start(): Promise<RunningChild> {
    const { ledger, cluster, rules, keys, clock, hasher, log, gossipLabel } = this.#parts;
    const nodeId = this.#parts.nodeId();
    const view = new GossipView({
      selfId: nodeId,
      members: () => cluster.members(),
      roster: () => ledger.roster.members(),
      hasExchanged: () => cluster.hasExchanged(),
      canWrite: this.#parts.canWrite,
    });
    await ledger.roster.load();
    const network = new PeerNetwork({
      ...{ nodeId, gossipLabel, log },
      ring: () => keys.ring,
      addressOf: (other) => peerAddressOf(other, cluster.members()) ?? this.#rosterAddress(other),
      local: () => cluster.bound,
    });
    const replication = new Replication({
      ...{ replicas: ledger.replicas, peers: network, view, rules, clock, hasher, log },
      random: Math.random,
      appendMoved: (contextId, lost) => ledger.appendMoved(contextId, lost),
    });
    const groups = new ClusterGroups({
      ...{ view, clock, cluster, routing: replication, peers: network, random: Math.random },
      roster: () => ledger.roster.members(),
      watchersOf: (contextId) => ledger.watchersOf(contextId) + this.ledger.watchersElsewhere(contextId),
    });
    this.#running = { view, network, replication, groups };
    network.setHandlers(this.#handlers(replication, groups));
    return {
      crashed: new Promise<Error>(() => {}),
      stop: async () => {
        this.#running = undefined;
        network.setHandlers(undefined);
        groups.stop(restarting());
        replication.stop();
        network.stop();
        this.ledger.endWatches(restarting());
      },
    };
  }

  /** Takes a connection of another node. */
  accept(socket: Socket, first: Uint8Array, from: Endpoint): void {
    if (this.#running === undefined) socket.destroy();
    else this.#running.network.accept(socket, first, from);
  }

  /** There are other gossip keys, or another one is used. */
  keysChanged(): void {
    this.#running?.network.keysChanged();
  }

  get #current(): Running {
    if (this.#running === undefined) throw restarting();
    return this.#running;
  }

  #rosterAddress(nodeId: string): string | undefined {
    return this.#parts.ledger.roster.members().find((member) => member.nodeId === nodeId)?.gossipAddress;
  }

  #handlers(replication: Replication, groups: ClusterGroups): PeerHandlers {
    const answer = (from: string, kind: PeerCallKind, request: never, signal: AbortSignal): unknown => {
      switch (kind) {
        case "replicate":
          return replication.replicate(request);
        case "prepare":
          return replication.prepare(request);
        case "adopt":
          return replication.adopt(from, request);
        case "nodes":
          return replication.nodes(request);
        case "rows":
          return replication.rows(request);
        case "holding":
          return replication.holding((request as PeerCalls["holding"]["request"]).contextId);
        case "digest":
          return replication.digest(from, request);
        case "bucket":
          return replication.bucket(from, request);
        case "offer":
          return replication.offer(request);
        case "forks":
          return replication.forks(from, request);
        case "holders":
          return replication.holders(request);
        case "nudge":
          return replication
            .nudge(from, (request as PeerCalls["nudge"]["request"]).contextId)
            .then(() => ({}));
        case "forward":
          return this.ledger.handleForward(from, request, signal);
        case "announce":
          return groups.handleAnnounce(from, request);
        case "broadcast":
          return groups.handleBroadcast(request, signal);
        case "group":
          return groups.handleGroup((request as PeerCalls["group"]["request"]).contextId);
        case "watchers":
          return groups.handleWatchers((request as PeerCalls["watchers"]["request"]).contextId);
      }
    };
    return {
      call: async (from, kind, request, signal) =>
        (await answer(from, kind, request as never, signal)) as never,
      open: (from, kind, body, signal) =>
        kind === "group" ? groups.handleOpen(from, body, signal) : this.ledger.handleOpen(from, body, signal),
    };
  }

  #routing(): ContextRouting {
    const replication = (): Replication => this.#current.replication;
    return {
      isWritable: (contextId) => this.#running?.replication.isWritable(contextId) === true,
      isCurrent: (contextId) => this.#running?.replication.isCurrent(contextId) === true,
      route: async (contextId) => await replication().route(contextId),
      locate: async (contextId) => await replication().locate(contextId),
      relocate: async (contextId) => await replication().relocate(contextId),
      lead: async (contextId) => await replication().lead(contextId),
      readable: async (contextId) => await replication().readable(contextId),
      copiesOf: (contextId, sequence) => replication().copiesOf(contextId, sequence),
      copied: async (contextId, sequence, minCopies, waitMs) =>
        await replication().copied(contextId, sequence, minCopies, waitMs),
    };
  }

  #peers(): Peers {
    const network = (): PeerNetwork => this.#current.network;
    return {
      call: async (nodeId, kind, request, options) => await network().call(nodeId, kind, request, options),
      open: (nodeId, kind, body, signal) => network().open(nodeId, kind, body, signal),
    };
  }

  #view(): ClusterView {
    const view = (): GossipView => this.#current.view;
    return {
      get selfId() {
        return view().selfId;
      },
      get hasExchanged() {
        return view().hasExchanged;
      },
      roster: () => view().roster(),
      isAlive: (nodeId) => view().isAlive(nodeId),
      canWrite: (nodeId) => view().canWrite(nodeId),
      nameOf: (nodeId) => this.#running?.view.nameOf(nodeId) ?? nodeId,
      onChange: (listener) => view().onChange(listener),
    };
  }
}

function restarting(): LedgerError {
  return new LedgerError("UNAVAILABLE", "this node's part in the cluster restarts", {
    ...{ reason: "REPLICATION_RESTARTING", remedy: "try again", retryAfterMs: 200 },
  });
}
