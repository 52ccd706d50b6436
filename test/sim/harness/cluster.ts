import { assert } from "../../../src/core/assert.ts";
import type { MemberState } from "../../../src/core/member.ts";
import type { Cipher } from "../../../src/swim/cipher.ts";
import { stateCodes } from "../../../src/swim/member-table.ts";
import { NameTable } from "../../../src/swim/name-table.ts";
import { Swim } from "../../../src/swim/swim.ts";
import { type Timing, timingProfiles } from "../../../src/swim/timing.ts";
import { defaultDelegate, ownVersions } from "../../../src/swim/versions.ts";
import { emptyKeyring } from "../../../src/swim/wire/keyring.ts";
import type { Alive } from "../../../src/swim/wire/messages.ts";
import { endpointOf } from "./addresses.ts";
import { beginUnixMs, type Life, Simulation, type SimulationOptions } from "./simulation.ts";

export interface ClusterOptions extends Omit<SimulationOptions<Swim>, "start"> {
  /** Machines at the beginning. */
  readonly size: number;
  readonly timing?: Timing;
  /** True if all run and know each other from the beginning; else none runs. */
  readonly isConverged?: boolean;
  /** What each node says about itself is so long. */
  readonly metaBytes?: number;
}

/** What has become of a member, in truth. */
export type Fate = "absent" | "alive" | "dead" | "left";

/** Of plain clusters. */
const noCipher: Cipher = {
  seal: () => {
    throw new Error("a plain cluster seals nothing");
  },
  open: () => {
    throw new Error("a plain cluster opens nothing");
  },
};

const stateNames: readonly (MemberState | undefined)[] = [undefined, "alive", "suspect", "dead", "left"];
assert(
  stateCodes.left === 4 && stateCodes.alive === 1,
  "the names of states are in the order of their codes",
);

const seedsPerNode = 3;
/** A node that said good-bye ends so soon after that it answers nothing more. */
const lastWordMs = 1;

/** A simulated cluster of the real protocol, which knows what is true. */
export class Cluster {
  readonly simulation: Simulation<Swim>;
  readonly timing: Timing;
  readonly #options: ClusterOptions;
  readonly #names = new NameTable();
  readonly #fates: Fate[] = [];
  /** What everybody says about itself at the beginning. */
  readonly #founders: Alive[] = [];
  #requests = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.timing = options.timing ?? timingProfiles.lan;
    this.simulation = new Simulation<Swim>({
      acceptTimeoutMs: this.timing.streamTimeoutMs,
      ...options,
      start: (life) => this.#start(life),
    });
    for (let machine = 0; machine < options.size; machine++) this.add();
    this.simulation.observe((machine, effect) => {
      if (effect.kind === "departed")
        this.simulation.at(this.simulation.nowMs + lastWordMs, () => this.#departed(machine));
    });
    if (options.isConverged !== true) return;
    for (let machine = 0; machine < options.size; machine++) this.#founders.push(this.#founder(machine));
    for (let machine = 0; machine < options.size; machine++) this.boot(machine);
    this.#founders.length = 0;
  }

  get size(): number {
    return this.#fates.length;
  }

  fate(machine: number): Fate {
    return this.#fates[machine] ?? "absent";
  }

  /** The machines that are members in truth. */
  alive(): number[] {
    return this.#fates.flatMap((fate, machine) => (fate === "alive" ? [machine] : []));
  }

  node(machine: number): Swim {
    const node = this.simulation.node(machine);
    assert(node !== undefined, "a process runs there");
    return node;
  }

  /** Adds a machine, on which nothing runs. */
  add(): number {
    const machine = this.simulation.add();
    this.#fates.push("absent");
    // Held for ever, so that its slot stays its index.
    assert(this.#names.hold(nameOf(machine)) === machine, "slots are given in order");
    return machine;
  }

  /** Starts a process, the first time or again, which joins through some of the machines given. */
  join(machine: number, through: readonly number[]): void {
    this.boot(machine);
    this.seek(machine, through);
  }

  /** Starts a process, which joins nobody. */
  boot(machine: number): void {
    this.#fates[machine] = "alive";
    this.simulation.boot(machine);
  }

  /** Lets a process that runs join through some of the machines given. */
  seek(machine: number, through: readonly number[]): void {
    const { random } = this.simulation;
    const others = through.filter((other) => other !== machine);
    const chosen = random
      .distinct(Math.min(seedsPerNode, others.length), others.length)
      .map((index) => others[index] ?? 0);
    const seeds = chosen.map((seed) => this.simulation.endpoint(seed));
    this.simulation.input(machine, { kind: "seeds", seeds });
    for (const to of seeds) this.simulation.input(machine, { kind: "join", to, request: ++this.#requests });
  }

  /** Ends a process without a word. */
  crash(machine: number, options: { host?: boolean } = {}): void {
    this.#end(machine, "dead", options);
  }

  /** Lets a node say good-bye; its process ends when it has. */
  leave(machine: number): void {
    this.#fates[machine] = "left";
    this.simulation.input(machine, { kind: "leave" });
  }

  /** Lets a node say that it stops; its process ends when it has. */
  stop(machine: number): void {
    this.#fates[machine] = "dead";
    this.simulation.input(machine, { kind: "stop" });
  }

  /** How one node sees another: undefined if it does not know it. Fast. */
  view(observer: number, subject: number): MemberState | undefined {
    return stateNames[this.node(observer).stateCodeOf(subject)];
  }

  #start(life: Life): Swim {
    const node = new Swim({
      name: nameOf(life.machine),
      endpoint: life.endpoint,
      meta: metaOf(life.machine, this.#options.metaBytes ?? 0),
      incarnation: life.unixSeconds,
      ...{ timing: this.timing, label: "", keyring: emptyKeyring, cipher: noCipher },
      ...{ random: life.random, names: this.#names, belongsEvenDead: () => true },
    });
    if (this.#founders.length > 0) node.preload(this.#founders);
    return node;
  }

  #founder(machine: number): Alive {
    return {
      ...{ kind: "alive", node: nameOf(machine), incarnation: beginUnixMs / 1000 },
      ...endpointOf(machine, this.#options.isIpv6?.(machine)),
      meta: metaOf(machine, this.#options.metaBytes ?? 0),
      versions: ownVersions(defaultDelegate),
    };
  }

  #departed(machine: number): void {
    if (this.simulation.node(machine) !== undefined && this.#fates[machine] !== "alive")
      this.#end(machine, this.fate(machine), {});
  }

  #end(machine: number, fate: Fate, options: { host?: boolean }): void {
    this.#fates[machine] = fate;
    this.simulation.crash(machine, options);
  }
}

/** The name of the node on a machine, in all its lives. */
export function nameOf(machine: number): string {
  return `node-${machine}`;
}

/** Returns the machine of a node; NaN for other names. */
export function machineOf(name: string): number {
  return name.startsWith("node-") ? Number(name.slice("node-".length)) : Number.NaN;
}

function metaOf(machine: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (machine * 31 + index) & 0xff);
}

/** The same patience for everybody and everything, as in SWIM before Lifeguard. */
export function withoutLifeguard(timing: Timing): Timing {
  return { ...timing, awarenessMax: 1, suspicionMaxTimeoutMult: 1 };
}
