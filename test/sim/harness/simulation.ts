import { assert } from "../../../src/core/assert.ts";
import type { Effect } from "../../../src/swim/effect.ts";
import type { Endpoint } from "../../../src/swim/endpoint.ts";
import type { Input, Timer } from "../../../src/swim/input.ts";
import { endpointOf, machineAt } from "./addresses.ts";
import { EventQueue } from "./event-queue.ts";
import { keepPacket, type Machine, newMachine, type PendingTimer, type Protocol } from "./machine.ts";
import { type Conditions, goodConditions, Network } from "./network.ts";
import { SeededRandom } from "./seeded-random.ts";
import { Streams } from "./streams.ts";
import { TraceHash } from "./trace-hash.ts";
import { Traffic } from "./traffic.ts";

/** One life of a process: what it is told when it starts. */
export interface Life {
  readonly machine: number;
  /** The first is 1. */
  readonly number: number;
  readonly endpoint: Endpoint;
  /** By the wall clock of its machine. */
  readonly unixSeconds: number;
  readonly random: SeededRandom;
}

export interface SimulationOptions<Node extends Protocol> {
  /** The same seed gives the same run, to the last bit. */
  readonly seed: number;
  readonly start: (life: Life) => Node;
  readonly conditions?: Partial<Conditions>;
  /**
   * True for drivers that notice stalls of their event loop: their clock stands still, and they read what has come
   * before they look at timers. False for those whose timers fire first, by a clock that went on.
   */
  readonly stallAware?: boolean;
  /** Machines with an IPv6 address. */
  readonly isIpv6?: (machine: number) => boolean;
  readonly socketBufferBytes?: number;
  readonly streamChunkBytesMax?: number;
  readonly acceptTimeoutMs?: number;
  /** Timers fire up to so much too late. */
  readonly timerLateMs?: number;
  /** False to save the time that hashing takes. */
  readonly isTraced?: boolean;
}

type Event =
  | { readonly kind: "packet"; readonly machine: number; readonly input: Input & { kind: "packet" } }
  | { readonly kind: "timer"; readonly machine: number; readonly pending: PendingTimer }
  | { readonly kind: "action"; readonly action: () => void };

/** Called after each step of a node. */
export type Observer = (machine: number, effect: Effect, nowMs: number) => void;

/** Unix time at the beginning of every simulation. */
export const beginUnixMs = 1_750_000_000_000;

/** Many machines, the network between them, and one clock, in which everything that happens follows from a seed. */
export class Simulation<Node extends Protocol> {
  readonly network: Network;
  readonly traffic = new Traffic();
  /** For the choices of whoever writes the story. */
  readonly random: SeededRandom;
  readonly #options: Required<SimulationOptions<Node>>;
  readonly #events = new EventQueue<Event>();
  readonly #machines: Machine<Node>[] = [];
  readonly #endpoints: Endpoint[] = [];
  readonly #streams: Streams;
  readonly #timerRandom: SeededRandom;
  readonly #trace = new TraceHash();
  readonly #observers = new Set<Observer>();
  #nowMs = 0;
  #steps = 0;

  constructor(options: SimulationOptions<Node>) {
    this.#options = {
      ...{ conditions: {}, stallAware: true, isIpv6: () => false, socketBufferBytes: 4 * 2 ** 20 },
      ...{ streamChunkBytesMax: 65_536, acceptTimeoutMs: 10_000, timerLateMs: 1, isTraced: true },
      ...options,
    };
    const { seed, conditions, streamChunkBytesMax, acceptTimeoutMs } = this.#options;
    this.random = new SeededRandom(seed, -1);
    this.#timerRandom = new SeededRandom(seed, -4);
    this.network = new Network(new SeededRandom(seed, -2), { ...goodConditions, ...conditions });
    this.#streams = new Streams({
      ...{ network: this.network, random: new SeededRandom(seed, -3) },
      ...{ chunkBytesMax: streamChunkBytesMax, acceptTimeoutMs, machineAt },
      nowMs: () => this.#nowMs,
      at: (atMs, action) => this.#events.push(atMs, { kind: "action", action }),
      endpointOf: (machine) => this.endpoint(machine),
      lifeOf: (machine) => this.#lifeOf(machine),
      isHostUp: (machine) => this.#machines[machine]?.isHostUp === true,
      deliver: (machine, life, input) => this.#deliver(machine, life, input),
    });
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next event is; infinity if there is none. */
  get nextMs(): number {
    return this.#events.nextMs;
  }

  /** How many inputs were handled. */
  get steps(): number {
    return this.#steps;
  }

  get size(): number {
    return this.#machines.length;
  }

  /** Of everything that nodes were given and did until now. */
  get traceHash(): string {
    return this.#trace.digest;
  }

  endpoint(machine: number): Endpoint {
    const endpoint = this.#endpoints[machine];
    assert(endpoint !== undefined, "there is such a machine");
    return endpoint;
  }

  /** The node of a machine, stalled or not; undefined if no process runs. */
  node(machine: number): Node | undefined {
    return this.#machines[machine]?.node;
  }

  isStalled(machine: number): boolean {
    return this.#machine(machine).stalledSinceMs !== undefined;
  }

  /** The machines whose process runs, stalled ones among them. */
  live(): number[] {
    return this.#machines.filter(({ node }) => node !== undefined).map(({ index }) => index);
  }

  observe(observer: Observer): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** Adds a machine on which nothing runs, and returns its index. */
  add(): number {
    const index = this.#machines.length;
    this.#machines.push(newMachine(index));
    this.#endpoints.push(endpointOf(index, this.#options.isIpv6(index)));
    return index;
  }

  /** Starts the process of a machine, the first time or again; its endpoint stays, its memory is gone. */
  boot(index: number): Node {
    const machine = this.#machine(index);
    assert(machine.node === undefined, "no process runs there");
    machine.life++;
    machine.isHostUp = true;
    machine.clockOffsetMs = 0;
    const node = this.#options.start({
      ...{ machine: index, number: machine.life, endpoint: this.endpoint(index) },
      unixSeconds: Math.floor((beginUnixMs + this.#nowMs + machine.wallOffsetMs) / 1000),
      random: new SeededRandom(this.#options.seed, index * 4096 + machine.life),
    });
    machine.node = node;
    this.#step(machine, { kind: "start" });
    return node;
  }

  /** Ends the process of a machine without a word. The machine stays, and refuses connections, unless `host` goes too. */
  crash(index: number, { host = false } = {}): void {
    const machine = this.#machine(index);
    machine.node = undefined;
    machine.isHostUp = !host;
    machine.stalledSinceMs = undefined;
    machine.inbox.length = 0;
    machine.inboxBytes = 0;
    machine.overdue.length = 0;
    this.#streams.crashed(index);
  }

  /** Gives an input to the node of a machine now; a stalled one gets it afterwards. */
  input(index: number, input: Input): void {
    this.#deliver(index, this.#lifeOf(index), input);
  }

  /** Sends a packet to a machine from anywhere. */
  inject(to: number, from: Endpoint, bytes: Uint8Array): void {
    this.input(to, { kind: "packet", from, bytes });
  }

  /** Holds the process of a machine for `forMs`; the network goes on. One that is stalled stays so as long as it was to. */
  stall(index: number, forMs: number): void {
    const machine = this.#machine(index);
    if (machine.node === undefined || machine.stalledSinceMs !== undefined) return;
    machine.stalledSinceMs = this.#nowMs;
    const { life } = machine;
    this.at(this.#nowMs + forMs, () => {
      if (machine.life === life && machine.node !== undefined) this.#resume(machine);
    });
  }

  /** Moves the clocks of a machine: that by which its process lives forwards, its wall clock in any direction. */
  jumpClock(index: number, { processMs = 0, wallMs = 0 }): void {
    assert(processMs >= 0, "the clock of a process never goes back");
    const machine = this.#machine(index);
    machine.clockOffsetMs += processMs;
    machine.wallOffsetMs += wallMs;
  }

  /** Calls `action` at a time; at once if it has passed. */
  at(atMs: number, action: () => void): void {
    this.#events.push(Math.max(atMs, this.#nowMs), { kind: "action", action });
  }

  /** Lets time go on for `forMs`. */
  run(forMs: number): void {
    const untilMs = this.#nowMs + forMs;
    while (this.#events.nextMs <= untilMs) this.#next();
    this.#nowMs = untilMs;
  }

  /** Lets time go on until `isDone`, asked every `stepMs`, and returns how long it took; undefined if not within `limitMs`. */
  runUntil(isDone: () => boolean, limitMs: number, stepMs = 100): number | undefined {
    const beganMs = this.#nowMs;
    while (!isDone()) {
      if (this.#nowMs - beganMs >= limitMs) return undefined;
      this.run(stepMs);
    }
    return this.#nowMs - beganMs;
  }

  #next(): void {
    this.#nowMs = this.#events.nextMs;
    const event = this.#events.pop();
    if (event?.kind === "action") event.action();
    else if (event?.kind === "packet") this.#receive(event.machine, event.input);
    else if (event?.kind === "timer") this.#expire(event.machine, event.pending);
  }

  #receive(index: number, input: Input & { kind: "packet" }): void {
    const machine = this.#machine(index);
    if (machine.node === undefined) return;
    if (machine.stalledSinceMs === undefined) this.#step(machine, input);
    else keepPacket(machine, input, input.bytes.length, this.#options.socketBufferBytes);
  }

  #expire(index: number, pending: PendingTimer): void {
    const machine = this.#machine(index);
    if (machine.node === undefined || machine.life !== pending.life) return;
    if (machine.stalledSinceMs !== undefined) machine.overdue.push(pending);
    // The clock stood still in the meantime: it is not yet time.
    else if (this.#clockOf(machine) + 1e-6 < pending.dueMs) this.#schedule(machine, pending);
    else this.#step(machine, { kind: "timer", timer: pending.timer });
  }

  #deliver(index: number, life: number, input: Input): void {
    const machine = this.#machine(index);
    if (machine.node === undefined || machine.life !== life) return;
    if (machine.stalledSinceMs === undefined) this.#step(machine, input);
    else machine.inbox.push(input);
  }

  #resume(machine: Machine<Node>): void {
    const forMs = this.#nowMs - (machine.stalledSinceMs ?? this.#nowMs);
    machine.stalledSinceMs = undefined;
    machine.inboxBytes = 0;
    const inbox = machine.inbox.splice(0);
    const overdue = machine.overdue.splice(0);
    if (this.#options.stallAware) {
      machine.clockOffsetMs -= forMs;
      this.#step(machine, { kind: "stalled", forMs });
      for (const input of inbox) this.#step(machine, input);
      for (const pending of overdue) this.#schedule(machine, pending);
    } else {
      for (const { timer } of overdue) this.#step(machine, { kind: "timer", timer });
      for (const input of inbox) this.#step(machine, input);
    }
  }

  #step(machine: Machine<Node>, input: Input): void {
    if (machine.node === undefined) return;
    const effects = machine.node.handle(input, this.#clockOf(machine));
    this.#steps++;
    if (this.#options.isTraced) this.#trace.step(machine.index, this.#nowMs, input, effects);
    for (const effect of effects) this.#perform(machine, effect);
  }

  #perform(machine: Machine<Node>, effect: Effect): void {
    switch (effect.kind) {
      case "send":
        this.#send(machine, effect.to, effect.bytes);
        break;
      case "set-timer":
        this.#setTimer(machine, effect.timer, effect.afterMs);
        break;
      case "open-stream":
        this.traffic.streams++;
        this.traffic.streamBytes += effect.bytes.length;
        this.#streams.open(machine.index, effect);
        break;
      case "write-stream":
        this.traffic.streamBytes += effect.bytes.length;
        this.#streams.write(machine.index, effect.stream, effect.bytes);
        break;
      case "close-stream":
        this.#streams.close(machine.index, effect.stream);
        break;
      default:
        for (const observer of this.#observers) observer(machine.index, effect, this.#nowMs);
    }
  }

  #send(machine: Machine<Node>, to: Endpoint, bytes: Uint8Array): void {
    this.traffic.packet(bytes);
    const target = machineAt(to);
    if (target < 0 || target >= this.#machines.length) return;
    let copies = 0;
    this.network.packet(machine.index, target, (delayMs) => {
      // Bytes belong to whoever they are delivered to, so each delivery has its own.
      const own = copies++ === 0 ? bytes : bytes.slice();
      const input = { kind: "packet", from: this.endpoint(machine.index), bytes: own } as const;
      this.#events.push(this.#nowMs + delayMs, { kind: "packet", machine: target, input });
    });
  }

  #setTimer(machine: Machine<Node>, timer: Timer, afterMs: number): void {
    const late = this.#timerRandom.between(0, this.#options.timerLateMs);
    const dueMs = this.#clockOf(machine) + Math.max(0, afterMs) + late;
    this.#schedule(machine, { timer, dueMs, life: machine.life });
  }

  #schedule(machine: Machine<Node>, pending: PendingTimer): void {
    const inMs = Math.max(0, pending.dueMs - this.#clockOf(machine));
    this.#events.push(this.#nowMs + inMs, { kind: "timer", machine: machine.index, pending });
  }

  #clockOf(machine: Machine<Node>): number {
    return this.#nowMs + machine.clockOffsetMs;
  }

  #lifeOf(index: number): number {
    const machine = this.#machines[index];
    return machine?.node === undefined ? 0 : machine.life;
  }

  #machine(index: number): Machine<Node> {
    const machine = this.#machines[index];
    assert(machine !== undefined, "there is such a machine");
    return machine;
  }
}
