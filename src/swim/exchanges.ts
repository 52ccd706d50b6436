import { type Endpoint, sameEndpoint } from "./endpoint.ts";
import type { Gossiper } from "./gossiper.ts";
import { stateCodes } from "./member-table.ts";
import type { NodeContext } from "./node-context.ts";
import type { Rumours } from "./rumours.ts";
import { pushPullInterval } from "./scaling.ts";
import type { StreamId } from "./input.ts";
import type { StreamOutcome, Streams } from "./streams.ts";
import type { VersionAgreement } from "./version-agreement.ts";
import { isFlexible, narrow, ownVersions, type VersionRange, delegateWithin } from "./versions.ts";
import { encodePushPull, nodeStatePrefix } from "./wire/encode-message.ts";
import { type Alive, nodeStates, type NodeState, type PushPull } from "./wire/messages.ts";

const nothing = new Uint8Array();
/** Members that left are remembered so long, so that old packets do not bring them back. */
const leftRememberedMs = 24 * 3_600_000;

/** Why an exchange brought nothing. */
interface Failure {
  readonly reason: string;
  /** True if it is because a node cannot be a member together with this one. */
  readonly isRefusal?: boolean;
}

interface WireState {
  readonly prefix: Uint8Array;
  readonly incarnation: number;
  readonly state: number;
}

/** Exchanges of whole states: to join, at intervals with somebody at random, and to find lost members again. */
export class Exchanges {
  readonly #node: NodeContext;
  readonly #gossiper: Gossiper;
  readonly #rumours: Rumours;
  readonly #versions: VersionAgreement;
  readonly #streams: Streams;
  #seeds: readonly Endpoint[] = [];

  constructor(
    node: NodeContext,
    parts: { gossiper: Gossiper; rumours: Rumours; versions: VersionAgreement; streams: Streams },
  ) {
    this.#node = node;
    this.#gossiper = parts.gossiper;
    this.#rumours = parts.rumours;
    this.#versions = parts.versions;
    this.#streams = parts.streams;
  }

  start(): void {
    const { options, outbox, clusterSize } = this.#node;
    const { pushPullIntervalMs, reconnectIntervalMs } = options.timing;
    outbox.timer("push-pull", options.random.below(pushPullInterval(pushPullIntervalMs, clusterSize)));
    outbox.timer("reconnect", options.random.below(reconnectIntervalMs));
  }

  setSeeds(seeds: readonly Endpoint[]): void {
    this.#seeds = seeds;
  }

  /** Exchanges states with the node at `to`; a `join-ended` effect says how it went. */
  join(to: Endpoint, request: number): void {
    this.#exchange(to, true, (failure, members) =>
      this.#node.outbox.push({
        ...{ kind: "join-ended", request, error: failure?.reason, members },
        ...(failure?.isRefusal === true ? { isRefused: true } : {}),
      }),
    );
  }

  /** Exchanges states with a member at random. */
  pushPull(): void {
    const { table, options, outbox, clusterSize } = this.#node;
    outbox.timer("push-pull", pushPullInterval(options.timing.pushPullIntervalMs, clusterSize));
    const [slot] = table.pick(1, (other) => table.stateOf(other) === stateCodes.alive);
    if (slot !== undefined) this.#exchange(table.profileOf(slot).endpoint, false);
    this.#forgetLeft();
  }

  /** Exchanges states with a seed that is no member, or a dead member. */
  reconnect(): void {
    const { table, options, outbox, self } = this.#node;
    const { reconnectIntervalMs } = options.timing;
    // A spread of a fifth keeps nodes that lost each other together from trying at the same moment.
    outbox.timer("reconnect", reconnectIntervalMs * 0.9 + options.random.below(reconnectIntervalMs / 5));
    if (self.standing !== "member") return;
    const lost: Endpoint[] = [];
    const present: Endpoint[] = [self.endpoint];
    for (const slot of table.slots()) {
      const { endpoint } = table.profileOf(slot);
      if (table.isActive(slot)) present.push(endpoint);
      else if (table.stateOf(slot) === stateCodes.dead) lost.push(endpoint);
    }
    const away = this.#seeds.filter((seed) => !present.some((endpoint) => sameEndpoint(seed, endpoint)));
    const places = [...away, ...lost];
    const place = places[options.random.below(Math.max(1, places.length))];
    if (place !== undefined) this.#exchange(place, true);
  }

  /** Merges the state of a node that asked for an exchange, and answers with what is known then. */
  answer(stream: StreamId, asked: PushPull): void {
    const { outbox } = this.#node;
    const range = this.#rangeWith(asked.states);
    const refusal = this.#merge(asked.states);
    if (refusal !== undefined) outbox.notice({ kind: "versions-refused", reason: refusal });
    else if (this.#firstRefused(asked.states) === undefined) outbox.push({ kind: "exchanged" });
    this.#streams.reply(stream, this.#encode(false, range));
  }

  #exchange(
    to: Endpoint,
    join: boolean,
    ended?: (failure: Failure | undefined, members: number) => void,
  ): void {
    const { streamTimeoutMs } = this.#node.options.timing;
    this.#streams.open(to, this.#encode(join, this.#versions.range()), streamTimeoutMs, (outcome) => {
      const refused = join ? this.#firstRefused(statesOf(outcome)) : undefined;
      if (refused !== undefined) this.#node.outbox.notice({ kind: "member-refused", ...refused });
      const failure =
        refused === undefined ? this.#mergeAnswer(to, outcome) : { ...refused, isRefusal: true };
      ended?.(failure, failure === undefined ? statesOf(outcome).length : 0);
    });
  }

  /** Returns what went wrong, undefined if all is merged. */
  #mergeAnswer(from: Endpoint, outcome: StreamOutcome): Failure | undefined {
    if (outcome.kind === "ended")
      return {
        reason: outcome.error ?? "the other node closed without an answer: are key and label the same?",
      };
    if (outcome.kind === "refused") return { reason: `the answer was refused: ${outcome.refusal}` };
    const { message } = outcome;
    if (message.kind === "error") return { reason: `the other node says: ${message.error}` };
    if (message.kind !== "push-pull") return { reason: `the answer is no state but ${message.kind}` };
    const { self, table, outbox } = this.#node;
    const before = self.incarnation;
    const refusal = this.#merge(message.states);
    if (refusal !== undefined) {
      outbox.notice({ kind: "versions-refused", reason: refusal });
      return { reason: refusal };
    }
    if (this.#firstRefused(message.states) === undefined) outbox.push({ kind: "exchanged" });
    // It holds something untrue about this node, and might otherwise hear of it last.
    if (self.incarnation !== before) {
      const [slot = -1] = table.pick(1, (other) => sameEndpoint(table.profileOf(other).endpoint, from));
      this.#gossiper.send(slot, from, self.alive());
    }
    return undefined;
  }

  /** Returns the first node that cannot be a member together with this one, and why. */
  #firstRefused(states: readonly NodeState[]): { name: string; reason: string } | undefined {
    const { options, self } = this.#node;
    if (options.refuses === undefined) return undefined;
    for (const { state, name, meta } of states) {
      if (state !== nodeStates.alive || name === self.name) continue;
      const reason = options.refuses(meta);
      if (reason !== undefined) return { name, reason };
    }
    return undefined;
  }

  /** Takes over states, all or, if the versions of some do not fit, none; returns why. */
  #merge(states: readonly NodeState[]): string | undefined {
    const { counters, self } = this.#node;
    const alive = states.filter(({ state, name }) => state === nodeStates.alive && name !== self.name);
    const refusal = this.#versions.refusal(alive.map(({ versions }) => versions));
    if (refusal !== undefined) {
      counters.versionsRefused++;
      return refusal;
    }
    for (const state of states) this.#apply(state);
    return undefined;
  }

  #apply({ name: node, state, ...said }: NodeState): void {
    const { incarnation } = said;
    const { self, table } = this.#node;
    const asAlive: Alive = { kind: "alive", node, ...said };
    if (state === nodeStates.alive) this.#rumours.alive(asAlive);
    else if (node !== self.name && table.find(node) === -1)
      this.#rumours.gone(asAlive, state === nodeStates.left);
    else if (state === nodeStates.left) this.#rumours.dead({ kind: "dead", node, incarnation, from: node });
    // Dead only as far as the other knows: it gets the time of a suspect to contradict.
    else this.#rumours.suspect({ kind: "suspect", node, incarnation, from: self.name });
  }

  /** Returns what all versions must lie within for members and newcomers. */
  #rangeWith(states: readonly NodeState[]): VersionRange {
    const strangers = states.filter(
      ({ state, versions }) => state === nodeStates.alive && !isFlexible(versions),
    );
    return strangers.map(({ versions }) => versions).reduce(narrow, this.#versions.range());
  }

  /** Members that move to the versions of `range` once they hear of them, dead ones too, are shown as if they had. */
  #encode(join: boolean, range: VersionRange): Uint8Array {
    const { self, table } = this.#node;
    const { prefix, incarnation } = self;
    const states: WireState[] = [{ prefix, incarnation, state: nodeStates.alive }];
    if (self.standing === "leaving") states[0] = { prefix, incarnation, state: nodeStates.left };
    if (self.standing === "stopping") states[0] = { prefix, incarnation, state: nodeStates.dead };
    for (const slot of table.slots()) {
      if (this.#rumours.isHearsay(slot)) continue;
      states.push({
        prefix: this.#prefixOf(slot, range),
        incarnation: table.incarnationOf(slot),
        state: table.stateOf(slot) - stateCodes.alive,
      });
    }
    return encodePushPull({ join, userState: nothing }, states, states.length);
  }

  #prefixOf(slot: number, range: VersionRange): Uint8Array {
    const { prefix, name, endpoint, meta, versions } = this.#node.table.profileOf(slot);
    if (!isFlexible(versions)) return prefix;
    const wanted = delegateWithin(range, versions[5] ?? 0);
    if (wanted === versions[5]) return prefix;
    return nodeStatePrefix({ name, ...endpoint, meta, versions: ownVersions(wanted) });
  }

  #forgetLeft(): void {
    const { table, nowMs } = this.#node;
    for (const slot of [...table.retired()]) {
      const isOld = nowMs - (table.since(slot) ?? nowMs) > leftRememberedMs;
      if (table.stateOf(slot) !== stateCodes.left || !isOld) continue;
      table.remove(slot);
      this.#rumours.removed(slot);
    }
  }
}

function statesOf(outcome: StreamOutcome): readonly NodeState[] {
  return outcome.kind === "message" && outcome.message.kind === "push-pull" ? outcome.message.states : [];
}
