import { networkInterfaces } from "node:os";
import { asError } from "../../core/as-error.ts";
import { assert } from "../../core/assert.ts";
import { LedgerError } from "../../core/errors.ts";
import type { PeerAddress } from "../../core/peer-address.ts";
import type { Effect } from "../../swim/effect.ts";
import { type Endpoint, sameEndpoint } from "../../swim/endpoint.ts";
import type { Input } from "../../swim/input.ts";
import { advertisedEndpoint, reachesBound } from "./advertise.ts";
import { bindBoth } from "./bind.ts";
import { formatEndpoint } from "./endpoint-text.ts";
import { createGossipCounters } from "./gossip-counters.ts";
import type { GossipCommand, GossipDriverOptions } from "./gossip-driver-options.ts";
import { Joiner, type JoinOutcome } from "./joiner.ts";
import type { Machine } from "./machine.ts";
import { type Lookup, lookupAddresses, resolveEndpoints } from "./resolve.ts";
import { SeedKeeper, seedPace } from "./seed-keeper.ts";
import { StallClock } from "./stall-clock.ts";
import { TcpStreams } from "./tcp-streams.ts";
import { Timers } from "./timers.ts";
import { UdpSocket } from "./udp-socket.ts";

/** Runs a {@link Machine} on this machine's sockets and clock, until it is stopped or breaks. */
export class GossipDriver {
  readonly counters = createGossipCounters();
  /** Resolves if the machine has thrown or a socket is lost; nothing runs any more then. Else never. */
  readonly crashed: Promise<Error>;
  readonly #options: GossipDriverOptions;
  readonly #clock = new StallClock(() => performance.now());
  readonly #timers = new Timers(this.#clock);
  readonly #joiner: Joiner;
  readonly #seeds: SeedKeeper;
  readonly #departed = Promise.withResolvers<boolean>();
  readonly #crash: (error: Error) => void;
  /** Endpoints of the other members that are not gone, by name. */
  readonly #members = new Map<string, string>();
  /** What is still to be done. */
  readonly #effects: Effect[] = [];
  #isPerforming = false;
  #sockets: { readonly udp: UdpSocket; readonly tcp: TcpStreams } | undefined;
  #machine: Machine | undefined;
  #bound: Endpoint | undefined;
  #endpoint: Endpoint | undefined;
  #ended: Promise<void> | undefined;

  /** Binds, and starts the machine. Rejects with LedgerError if the address cannot be used, with nothing left open. */
  static async start(options: GossipDriverOptions): Promise<GossipDriver> {
    const driver = new GossipDriver(options);
    try {
      await driver.#start();
    } catch (error) {
      await driver.stop();
      throw error;
    }
    return driver;
  }

  private constructor(options: GossipDriverOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.crashed = promise;
    this.#crash = (error) => {
      // What is cut short by a stop is no crash.
      if (this.#ended === undefined) resolve(error);
      void this.stop();
    };
    this.#joiner = new Joiner({
      join: (to, request) => this.#command({ kind: "join", to, request }),
      isOwn: (endpoint) =>
        sameEndpoint(endpoint, this.endpoint) ||
        reachesBound(endpoint, { bound: this.bound, interfaces: networkInterfaces() }),
      lookup: options.lookup ?? lookupAddresses,
    });
    this.#seeds = new SeedKeeper({
      joiner: this.#joiner,
      pace: options.seedPace ?? seedPace,
      onSeeds: (seeds) => this.#feed({ kind: "seeds", seeds }),
      onTried: (outcomes) => options.onSeedsTried?.(outcomes),
      members: () => new Set(this.#members.values()),
      onFailed: (error) => this.#crash(asError(error)),
    });
  }

  /** What others are told. */
  get endpoint(): Endpoint {
    assert(this.#endpoint !== undefined, "a driver that was returned has started");
    return this.#endpoint;
  }

  /** Where it listens. */
  get bound(): Endpoint {
    assert(this.#bound !== undefined, "a driver that was returned has started");
    return this.#bound;
  }

  /** Of packets that nobody has read yet, as the system counts. */
  get receiveBufferBytes(): number {
    return this.#sockets?.udp.receiveBufferBytes ?? 0;
  }

  /** Joins the nodes at `addresses`: every address that a name has. Never rejects because one is not reached. */
  join(addresses: readonly string[], signal: AbortSignal): Promise<readonly JoinOutcome[]> {
    return this.#joiner.join(addresses, signal);
  }

  /** Joins one of `addresses` as soon as one answers, and keeps in touch with all. Throws LedgerError JOIN_ADDRESS_INVALID. */
  setSeeds(addresses: readonly string[]): void {
    if (this.#ended === undefined) this.#seeds.set(addresses);
  }

  /** Throws LedgerError if the machine refuses, or does not run any more. */
  command(input: GossipCommand): void {
    this.#command(input);
  }

  /** Says good-bye. Resolves with true once that has gone round, with false if it has not within `timeoutMs`. */
  async depart(kind: "leave" | "stop", timeoutMs: number): Promise<boolean> {
    if (this.#ended !== undefined) return false;
    this.#seeds.stop();
    this.#feed({ kind });
    let cut: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<false>((resolve) => {
      cut = setTimeout(() => resolve(false), timeoutMs);
    });
    const isDeparted = await Promise.race([this.#departed.promise, late]);
    clearTimeout(cut);
    return isDeparted;
  }

  /** Ends everything at once and frees the ports, without a good-bye. Never rejects. */
  stop(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#seeds.stop();
    this.#timers.close();
    this.#effects.length = 0;
    this.#joiner.stop("gossip has stopped");
    this.#departed.resolve(false);
    await Promise.all([this.#sockets?.udp.close(), this.#sockets?.tcp.stop()]);
  }

  async #start(): Promise<void> {
    const { gossip, advertise, lookup, createMachine } = this.#options;
    const local = await firstEndpoint("--gossip", gossip, lookup);
    const given =
      advertise === undefined ? undefined : await firstEndpoint("--gossip-advertise", advertise, lookup);
    this.#sockets = await this.#bind(local);
    this.#bound = { ...local, port: this.#sockets.udp.port };
    const interfaces = networkInterfaces();
    this.#endpoint = advertisedEndpoint({ given, bound: this.#bound, interfaces });
    this.#machine = createMachine(this.#endpoint);
    this.#handle({ kind: "start" });
    this.#perform();
  }

  async #bind(local: Endpoint): Promise<{ udp: UdpSocket; tcp: TcpStreams }> {
    const { counters } = this;
    const { streamTimeoutMs, onPeerConnection } = this.#options;
    return await bindBoth({
      local,
      openUdp: (at) =>
        UdpSocket.open({
          local: at,
          counters,
          onPacket: (from, bytes) => this.#feed({ kind: "packet", from, bytes }),
          onDied: this.#crash,
        }),
      openTcp: (at) =>
        TcpStreams.open({
          local: at,
          timeoutMs: streamTimeoutMs,
          after: (afterMs, ring) => this.#timers.after(afterMs, ring),
          counters,
          events: {
            onOpened: (stream, from) => this.#feed({ kind: "stream-opened", stream, from }),
            onData: (stream, bytes) => this.#feed({ kind: "stream-data", stream, bytes }),
            onEnded: (stream, error) => this.#feed({ kind: "stream-ended", stream, error }),
          },
          onPeerConnection,
          onDied: this.#crash,
        }),
      closeTcp: (tcp) => tcp.stop(),
    });
  }

  /** Takes what the world does. */
  #feed(input: Input): void {
    if (this.#ended !== undefined || this.#machine === undefined) return;
    try {
      this.#handle(input);
    } catch (error) {
      this.#crash(asError(error));
    }
    this.#perform();
  }

  /** Takes what the node itself wants, and may be told that it cannot be. */
  #command(input: Input): void {
    if (this.#ended !== undefined) throw stopped();
    try {
      this.#handle(input);
    } catch (error) {
      if (!(error instanceof LedgerError)) this.#crash(asError(error));
      throw error;
    } finally {
      this.#perform();
    }
  }

  #handle(input: Input): void {
    assert(this.#machine !== undefined, "inputs follow the start");
    const nowMs = this.#clock.nowMs();
    const forMs = this.#clock.takeStalledMs();
    if (forMs > 0) {
      this.counters.stalls += 1;
      this.#effects.push(...this.#machine.handle({ kind: "stalled", forMs }, nowMs));
    }
    for (const effect of this.#machine.handle(input, nowMs)) this.#effects.push(effect);
  }

  /** Does what is to be done. What that leads to at once, such as a command of a callback, is done after it. */
  #perform(): void {
    if (this.#isPerforming) return;
    this.#isPerforming = true;
    try {
      for (let next = 0; next < this.#effects.length; next += 1) {
        const effect = this.#effects[next];
        if (effect !== undefined) this.#do(effect);
      }
    } catch (error) {
      this.#crash(asError(error));
    } finally {
      this.#effects.length = 0;
      this.#isPerforming = false;
    }
  }

  #do(effect: Effect): void {
    assert(this.#sockets !== undefined, "effects follow the start");
    const { udp, tcp } = this.#sockets;
    switch (effect.kind) {
      case "send":
        return udp.send(effect.to, effect.bytes);
      case "open-stream":
        return tcp.connect(effect.stream, effect.to, effect.bytes, effect.timeoutMs);
      case "write-stream":
        return tcp.write(effect.stream, effect.bytes);
      case "close-stream":
        return tcp.close(effect.stream);
      case "set-timer":
        this.#timers.after(effect.afterMs, () => this.#feed({ kind: "timer", timer: effect.timer }));
        return;
      case "member":
        this.#note(effect);
        return this.#options.onMember(effect);
      case "notice":
        return this.#options.onNotice(effect.notice);
      case "join-ended":
        return this.#joiner.ended(effect);
      case "exchanged":
        return this.#options.onExchanged?.();
      case "user-message":
        return this.#options.onUserMessage(effect);
      case "departed":
        return this.#departed.resolve(true);
    }
  }

  #note({ member }: Extract<Effect, { kind: "member" }>): void {
    const isHere = !member.isSelf && (member.state === "alive" || member.state === "suspect");
    if (isHere) this.#members.set(member.name, formatEndpoint(member.endpoint));
    else this.#members.delete(member.name);
  }
}

/** IPv4 first: it is what most of a cluster can reach. */
async function firstEndpoint(
  flag: string,
  address: PeerAddress,
  lookup: Lookup | undefined,
): Promise<Endpoint> {
  const found = await resolveEndpoints(address, lookup, ` of ${flag}`);
  const endpoint = found.find(({ address: bytes }) => bytes.length === 4) ?? found[0];
  assert(endpoint !== undefined, "a host that is found has an address");
  return endpoint;
}

function stopped(): LedgerError {
  return new LedgerError("UNAVAILABLE", "gossip does not run", {
    reason: "GOSSIP_STOPPED",
    remedy: "try again when it is back",
  });
}
