import type { Log } from "../../core/log.ts";
import type { Member, MemberChange, MemberTags } from "../../core/member.ts";
import { type PeerAddress, requirePeerAddress } from "../../core/peer-address.ts";
import { sameBytes } from "../../core/snapshot/same-bytes.ts";
import type { RosterMember } from "../../ledger/ports.ts";
import type { Counters } from "../../swim/counters.ts";
import type { Effect } from "../../swim/effect.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import type { MemberView } from "../../swim/member-view.ts";
import type { SwimRandom } from "../../swim/random.ts";
import { Swim } from "../../swim/swim.ts";
import { type TimingProfile, timingProfiles } from "../../swim/timing.ts";
import { formatEndpoint } from "./endpoint-text.ts";
import type { GossipCounters } from "./gossip-counters.ts";
import { GossipDriver } from "./gossip-driver.ts";
import { formatIp } from "./ip-address.ts";
import type { JoinOutcome } from "./joiner.ts";
import type { KeyHolder } from "./key-holder.ts";
import { KeyRounds } from "./key-rounds.ts";
import { decodeMemberTags, encodeMemberTags } from "./member-tags.ts";
import { nodeCipher } from "./node-cipher.ts";
import { NoticeLog } from "./notice-log.ts";
import { resolveEndpoints } from "./resolve.ts";
import { SeedLog } from "./seed-log.ts";
import type { OnPeerConnection } from "./tcp-streams.ts";

export interface GossipNodeOptions {
  readonly gossip: PeerAddress;
  readonly advertise: PeerAddress | undefined;
  readonly name: string;
  /** What it says about itself now if others reach it at `host`. */
  readonly tags: (host: string) => MemberTags;
  readonly label: string;
  readonly profile: TimingProfile;
  readonly keys: KeyHolder;
  readonly incarnation: number;
  /** HOST[:PORT] of nodes to join, and to look for as long as they are no members. */
  readonly seeds: readonly string[];
  /** Members of an earlier life. */
  readonly remembered: readonly RosterMember[];
  readonly log: Log;
  readonly onChange: (change: MemberChange) => void;
  /** Takes connections of other nodes to the TCP port of gossip; they end with this life. */
  readonly onPeerConnection?: OnPeerConnection | undefined;
  /** There are other gossip keys, or another one is used. */
  readonly onKeysChanged?: (() => void) | undefined;
  /** Tells by what another node says about itself why it cannot be a member together with this one. */
  readonly refuses: (tags: MemberTags) => string | undefined;
  /** The whole state of another node was merged: `members` knows what it knew. */
  readonly onExchanged: () => void;
  /** Hears of every try to join seeds and remembered members until one succeeds. */
  readonly onSeedsTried: (outcomes: readonly JoinOutcome[]) => void;
  /** This node announces itself under a new incarnation. */
  readonly onIncarnation: (incarnation: number) => void;
}

/** How long a good-bye may take. */
const departMs = 5000;
/**
 * Incarnations are Unix seconds, and one more for each contradiction. Who is said to be so far ahead of the clock is lied
 * about, and would use up in one contradiction what there is for all: then it could never come back.
 */
const incarnationsAhead = 2 ** 30;
/** Clocks that show less were never set. */
const unixSecondsMin = 1_750_000_000;

/** One life of this node in gossip: a {@link Swim} with its driver, keys and log. */
export class GossipNode {
  readonly keys: KeyRounds;
  readonly #options: GossipNodeOptions;
  readonly #swim: Swim;
  readonly #driver: GossipDriver;
  /** Since when members are in their state, in milliseconds of the Unix epoch. */
  readonly #sinceMs: Map<string, number>;
  readonly #startedMs = Date.now();

  /** Binds and joins. Rejects with LedgerError if the address or what this node says about itself cannot be used. */
  static async start(options: GossipNodeOptions): Promise<GossipNode> {
    let swim: Swim | undefined;
    const node: { made?: GossipNode } = {};
    const notices = new NoticeLog(options.log, () => performance.now());
    const seedLog = new SeedLog(options.log, () => performance.now());
    const sinceMs = new Map(options.remembered.map(({ name, lastAliveMs }) => [name, lastAliveMs]));
    const { streamTimeoutMs } = timingProfiles[options.profile];
    const driver = await GossipDriver.start({
      gossip: options.gossip,
      advertise: options.advertise,
      streamTimeoutMs,
      createMachine: (endpoint) => (swim = makeSwim(options, endpoint)),
      onMember: ({ change, member }) => {
        sinceMs.set(member.name, Date.now());
        options.onChange({ kind: change, member: toMember(member, Date.now()) });
        if (change === "forgotten") sinceMs.delete(member.name);
      },
      onNotice: (notice) => {
        notices.write(notice);
        if (notice.kind === "refuted" && swim !== undefined) options.onIncarnation(swim.incarnation);
      },
      onPeerConnection: options.onPeerConnection,
      onUserMessage: (effect) => node.made?.receive(effect),
      onExchanged: options.onExchanged,
      onSeedsTried: (outcomes) => {
        seedLog.write(outcomes);
        options.onSeedsTried(outcomes);
      },
    });
    if (swim === undefined) throw new Error("a driver that has started made its machine");
    node.made = new GossipNode(options, swim, driver, sinceMs);
    await node.made.begin();
    return node.made;
  }

  private constructor(
    options: GossipNodeOptions,
    swim: Swim,
    driver: GossipDriver,
    sinceMs: Map<string, number>,
  ) {
    this.#options = options;
    this.#swim = swim;
    this.#driver = driver;
    this.#sinceMs = sinceMs;
    this.keys = new KeyRounds({
      selfName: options.name,
      holder: options.keys,
      members: () =>
        this.members()
          .filter(({ isSelf, state }) => !isSelf && (state === "alive" || state === "suspect"))
          .map(({ name, tags }) => ({ name, isLedgerNode: tags.nodeId !== undefined })),
      send: (to, bytes) => driver.command({ kind: "send-user", to, bytes }),
      changed: () => {
        options.onKeysChanged?.();
        driver.command({ kind: "keyring", keyring: options.keys.ring });
      },
    });
  }

  /** Resolves if this life has ended by a mistake or a lost socket. */
  get crashed(): Promise<Error> {
    return this.#driver.crashed;
  }

  /** HOST:PORT that others are told. */
  get address(): string {
    return formatEndpoint(this.#driver.endpoint);
  }

  /** Where it listens. */
  get bound(): Endpoint {
    return this.#driver.bound;
  }

  get healthScore(): number {
    return this.#swim.healthScore;
  }

  get counters(): Counters & GossipCounters {
    return { ...this.#swim.counters, ...this.#driver.counters };
  }

  /** This node alone, at no cost. */
  get self(): Member {
    return this.#member(this.#swim.self);
  }

  /** This node first, others by name. */
  members(): Member[] {
    const others = this.#swim.members().filter(({ isSelf }) => !isSelf);
    others.sort((one, other) => (one.name < other.name ? -1 : 1));
    return [this.self, ...others.map((view) => this.#member(view))];
  }

  /** Tells the others what this node says about itself now; returns false, and does nothing, if they know. */
  describe(): boolean {
    const meta = encodeMemberTags(this.#options.tags(formatIp(this.#driver.endpoint.address)));
    if (sameBytes(meta, this.#swim.meta)) return false;
    this.#driver.command({ kind: "meta", meta });
    this.#options.onIncarnation(this.#swim.incarnation);
    return true;
  }

  join(addresses: readonly string[], signal: AbortSignal): Promise<readonly JoinOutcome[]> {
    return this.#driver.join(addresses, signal);
  }

  /** Says good-bye and ends: others see this node left after `leave`, dead after `stop`. Never rejects. */
  async depart(kind: "leave" | "stop"): Promise<void> {
    await this.#driver.depart(kind, departMs);
    await this.#driver.stop();
  }

  /** Ends without a good-bye. Never rejects. */
  stop(): Promise<void> {
    return this.#driver.stop();
  }

  /** Throws LedgerError MEMBER_NOT_FOUND, MEMBER_NOT_DEAD. */
  forget(name: string): void {
    this.#driver.command({ kind: "forget", name });
  }

  receive({ bytes, reliable }: Extract<Effect, { kind: "user-message" }>): void {
    // Keys travel sealed and over streams only.
    if (reliable) this.keys.receive(bytes);
  }

  async begin(): Promise<void> {
    const { seeds, remembered, name } = this.#options;
    const others = remembered.filter((member) => member.name !== name);
    for (const member of others) {
      const endpoint = await endpointOfRoster(member.gossipAddress);
      const { nodeId, rpcAddress } = member;
      const meta = encodeMemberTags({ nodeId, ...(rpcAddress === undefined ? {} : { rpcAddress }) });
      if (endpoint !== undefined)
        this.#driver.command({ kind: "remember", name: member.name, endpoint, meta });
    }
    const all = [...seeds, ...others.map(({ gossipAddress }) => gossipAddress)];
    this.#driver.setSeeds([...new Set(all)]);
  }

  #member(view: MemberView): Member {
    return toMember(view, this.#sinceMs.get(view.name) ?? this.#startedMs);
  }
}

function makeSwim(options: GossipNodeOptions, endpoint: Endpoint): Swim {
  const { name, tags, label, profile, keys, incarnation } = options;
  return new Swim({
    name,
    endpoint,
    meta: encodeMemberTags(tags(formatIp(endpoint.address))),
    incarnation,
    incarnationMax: () => Math.max(unixSecondsMin, Math.floor(Date.now() / 1000)) + incarnationsAhead,
    timing: timingProfiles[profile],
    label,
    keyring: keys.ring,
    cipher: nodeCipher,
    random: systemRandom,
    refuses: (meta) => options.refuses(decodeMemberTags(meta)),
    // Ledger nodes are missed, whoever has seen them last: what they keep is.
    belongsEvenDead: (meta) => decodeMemberTags(meta).nodeId !== undefined,
    isSameNode: (knownMeta, meta) => {
      const { nodeId } = decodeMemberTags(knownMeta);
      return nodeId !== undefined && nodeId === decodeMemberTags(meta).nodeId;
    },
  });
}

const systemRandom: SwimRandom = {
  below: (bound) => Math.floor(Math.random() * bound),
  fill: (target) => void crypto.getRandomValues(target as Uint8Array<ArrayBuffer>),
};

function toMember(view: MemberView, stateSinceMs: number): Member {
  const { name, endpoint, meta, incarnation, state, isSelf } = view;
  const gossipAddress = formatEndpoint(endpoint);
  return { name, gossipAddress, state, incarnation, stateSinceMs, isSelf, tags: decodeMemberTags(meta) };
}

/** The roster has addresses only, so nothing is looked up. */
async function endpointOfRoster(gossipAddress: string): Promise<Endpoint | undefined> {
  try {
    const [endpoint] = await resolveEndpoints(requirePeerAddress(gossipAddress));
    return endpoint;
  } catch {
    return undefined;
  }
}
