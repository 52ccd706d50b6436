import type { SimulatedNode } from "./node.ts";
import type { Weather, World } from "./world.ts";

/** A node may lose its disk, or leave, if so many others stay that nothing acknowledged is lost by that alone. */
export interface FaultOptions {
  /** Machines that are in the cluster in the end, as far as nobody leaves. */
  readonly nodes: number;
  /** False where one lost disk may be all there is of an entry. */
  readonly mayLoseDisks: boolean;
  readonly weather: Weather;
}

/** Lets one thing after the other go wrong, each for a while. */
export class Faults {
  readonly #world: World;
  readonly #options: FaultOptions;
  #joined: number;
  #isOneGone = false;

  constructor(world: World, options: FaultOptions) {
    this.#world = world;
    this.#options = options;
    this.#joined = world.nodes.length;
  }

  /** One operation of the story: something goes wrong, or goes on. */
  async next(): Promise<void> {
    const { random, membership } = this.#world;
    const running = this.#world.running();
    const node = random.pick(this.#world.present());
    const other = random.pick(this.#world.present());
    const draw = random.below(100);
    const isStorm = this.#options.weather === "storm";
    if (draw < 6) this.#crash(node);
    else if (draw < 12) await this.#restartOne();
    else if (draw < 18) this.#world.cut(node, other, this.#lastsMs(3000));
    else if (draw < 21) this.#partition(node);
    else if (draw < 24 && running.includes(node)) node.hold(this.#lastsMs(2000));
    else if (draw < 26) this.#world.fill(node, this.#lastsMs(2000));
    else if (draw < (isStorm ? 34 : 28)) await this.#join();
    else if (draw < (isStorm ? 35 : 29)) await this.#goOne(node);
    else if (draw < (isStorm ? 90 : 55)) membership.disturb();
  }

  #lastsMs(meanMs: number): number {
    return this.#world.random.exponential(this.#options.weather === "storm" ? meanMs / 4 : meanMs);
  }

  /** Everybody who was to join later does now. */
  async finish(): Promise<void> {
    while (this.#joined < this.#options.nodes) await this.#join();
  }

  #crash(node: SimulatedNode): void {
    const { time } = this.#world;
    if (node.running === undefined) return;
    node.crash();
    time.after(this.#lastsMs(4000), () => void this.#restart(node));
  }

  async #restartOne(): Promise<void> {
    const down = this.#world.present().filter(({ running }) => running === undefined);
    if (down.length > 0) await this.#restart(this.#world.random.pick(down));
  }

  async #restart(node: SimulatedNode): Promise<void> {
    if (node.running === undefined && !node.isGone) await node.start();
  }

  #partition(node: SimulatedNode): void {
    const { random } = this.#world;
    const forMs = this.#lastsMs(4000);
    const side = this.#world.present().filter((one) => one === node || random.chance(0.3));
    for (const inside of side)
      for (const outside of this.#world.present())
        if (!side.includes(outside)) {
          this.#world.cut(inside, outside, forMs);
          if (random.chance(0.8)) this.#world.cut(outside, inside, forMs);
        }
  }

  async #join(): Promise<void> {
    if (this.#joined >= this.#options.nodes) return;
    this.#joined += 1;
    await this.#world.add().start();
  }

  /** A disk is lost and replaced, or a node leaves. */
  async #goOne(node: SimulatedNode): Promise<void> {
    if (this.#isOneGone || !this.#options.mayLoseDisks || this.#joined < this.#options.nodes) return;
    const { random, membership, rules, time } = this.#world;
    const isWipe = random.chance(0.5);
    if (!isWipe && (node.running === undefined || this.#world.present().length <= rules.replicas)) return;
    this.#isOneGone = true;
    node.isGone = true;
    if (isWipe) {
      node.crash();
      await this.#world.add().start();
    } else {
      membership.leave(node.machine);
      time.after(1000, () => node.crash());
    }
  }
}
