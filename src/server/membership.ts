import { ConfigError, formatHostPort, type HostPort, type ServerConfig } from "../config.ts";
import { asError } from "../core/as-error.ts";
import type { MemberTags } from "../core/member.ts";
import { peerProtocol } from "../core/peer-protocol.ts";
import { KeyHolder } from "../node/gossip/key-holder.ts";
import type { Cluster } from "../rpc/cluster.ts";
import type { RunningChild } from "../supervisor/spec.ts";
import { aloneCluster, type AloneNode } from "./alone-cluster.ts";
import { GossipCluster, type GossipClusterOptions } from "./gossip-cluster.ts";
import type { NodeIdentity } from "./node-signer.ts";

export interface MembershipOptions extends Pick<
  GossipClusterOptions,
  "ledger" | "clock" | "log" | "onChange" | "onMisfit" | "onPeerConnection" | "onKeysChanged"
> {
  readonly config: ServerConfig;
  readonly version: string;
  /** Known once the storage was opened. */
  readonly identity: () => NodeIdentity & { readonly logName: string };
  /** Whether this node can take appends now. */
  readonly canWrite: () => boolean;
  /** Where the listeners are, once they listen. */
  readonly ports: () => { readonly grpc: number; readonly http: number };
}

export interface Membership {
  readonly cluster: Cluster;
  /** What others need to speak with the nodes found; undefined if this node does not gossip. */
  readonly gossip: { readonly cluster: GossipCluster; readonly keys: KeyHolder } | undefined;
  /** Begins to gossip; undefined if this node does not. `isStopping` tells, when it ends, if the whole server does. */
  readonly start: ((isStopping: () => boolean) => Promise<RunningChild>) | undefined;
}

/** Returns this node's part in a cluster. Throws ConfigError if the file of gossip keys cannot be used. */
export function createMembership(options: MembershipOptions): Membership {
  const { config, clock } = options;
  const self = (): { name: string; nodeId: string; tags: (host: string) => MemberTags } => {
    const { nodeName: name, nodeId } = options.identity();
    return { name, nodeId, tags: (host) => tagsOf(options, host) };
  };
  if (config.gossip === undefined) {
    const describe = (): AloneNode => ({ name: self().name, tags: self().tags("") });
    const hasOthers = (): boolean => {
      const { roster } = options.ledger();
      return !roster.isLoaded || roster.members().some(({ nodeId }) => nodeId !== self().nodeId);
    };
    const sinceMs = Number(clock.nowNs() / 1_000_000n);
    const cluster = aloneCluster({ self: describe, sinceMs, hasOthers });
    return { cluster, gossip: undefined, start: undefined };
  }
  const { ledger, log, onChange, onMisfit, onPeerConnection, onKeysChanged } = options;
  const keys = openKeys(config.gossipKeyFile);
  const { replicas, writeCopies } = config;
  const cluster = new GossipCluster({
    gossip: config.gossip,
    advertise: config.gossipAdvertise,
    label: config.gossipLabel,
    profile: config.gossipTiming,
    keys,
    seeds: config.join,
    settings: { replicas, writeCopies },
    ...{ ledger, self, clock, log, onChange, onMisfit, onPeerConnection, onKeysChanged },
  });
  return { cluster, gossip: { cluster, keys }, start: (isStopping) => cluster.start(isStopping) };
}

function tagsOf({ config, version, identity, ports, canWrite }: MembershipOptions, host: string): MemberTags {
  const { nodeId, logName } = identity();
  const { grpc, http } = ports();
  const { replicas, writeCopies } = config;
  return {
    nodeId,
    rpcAddress: reachable({ ...config.grpc, port: grpc }, host),
    httpAddress: reachable({ ...config.http, port: http }, host),
    version,
    logName,
    protocolMin: peerProtocol.min,
    protocolMax: peerProtocol.max,
    ...{ replicas, writeCopies, canWrite: canWrite() },
  };
}

/** A listener on every address is reached where gossip is. */
function reachable({ host, port }: HostPort, gossipHost: string): string {
  const isWildcard = host === "0.0.0.0" || host === "::";
  return formatHostPort({ host: isWildcard && gossipHost !== "" ? gossipHost : host, port });
}

function openKeys(file: string | undefined): KeyHolder {
  try {
    return KeyHolder.open(file);
  } catch (error) {
    const { message } = asError(error);
    const remedy = 'make one with "converge-ledger keygen --gossip -o FILE"';
    const problem = { field: "gossipKeyFile", source: "--gossip-key-file", remedy };
    throw new ConfigError([{ ...problem, value: file ?? "", message: `--gossip-key-file: ${message}` }]);
  }
}
