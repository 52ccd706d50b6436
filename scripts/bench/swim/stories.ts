import { timingProfiles } from "../../../src/swim/timing.ts";
import { Cluster, type ClusterOptions, withoutLifeguard } from "../../../test/sim/harness/cluster.ts";
import { join, leave } from "../../../test/sim/scenarios/join-and-leave.ts";
import { massCrash, massRestart, partition } from "../../../test/sim/scenarios/mass-events.ts";
import { oneCrash } from "../../../test/sim/scenarios/one-crash.ts";
import { alarmsIn, idleLoad } from "../../../test/sim/scenarios/quiet-time.ts";
import { slowNodes } from "../../../test/sim/scenarios/slow-nodes.ts";

/** What a story is told with. */
export interface Cast {
  readonly size: number;
  readonly seed: number;
  /** How long it goes on, for those that have no end of their own. */
  readonly seconds: number;
}

/** What can happen to a simulated cluster whose members know each other, and what is measured of it, in numbers. */
export const stories = {
  crash: (cast: Cast) => oneCrash(converged(cast)),
  join: (cast: Cast) => join(converged(cast)),
  leave: (cast: Cast) => leave(converged(cast)),
  idle: (cast: Cast) => idleLoad(converged(cast), cast.seconds),
  "idle and crash": idleAndCrash,
  "1 % loss": (cast: Cast) => lossy(cast, 0.01),
  "5 % loss": (cast: Cast) => lossy(cast, 0.05),
  "short stalls, Lifeguard": (cast: Cast) => slow(cast, 5000, true),
  "short stalls": (cast: Cast) => slow(cast, 5000, false),
  "long stalls, Lifeguard": (cast: Cast) => slow(cast, 20_000, true),
  "long stalls": (cast: Cast) => slow(cast, 20_000, false),
  "mass crash": (cast: Cast) => ({ agreedMs: massCrash(converged(cast), 0.3) }),
  partition: (cast: Cast) => ({ agreedMs: partition(converged(cast), 60_000) }),
  "mass restart": (cast: Cast) => ({ agreedMs: massRestart(converged(cast), 60_000, 5000) }),
} as const;

export type StoryName = keyof typeof stories;
export type Told<Name extends StoryName> = ReturnType<(typeof stories)[Name]>;

function converged({ size, seed }: Cast, options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({ size, seed, isConverged: true, isTraced: false, ...options });
}

function idleAndCrash(cast: Cast) {
  const cluster = converged(cast);
  return { ...idleLoad(cluster, cast.seconds), ...oneCrash(cluster) };
}

function lossy(cast: Cast, lossRate: number) {
  return alarmsIn(converged(cast, { conditions: { lossRate } }), cast.seconds);
}

/** A tenth of all packets is lost, and a tenth of all nodes stalls, whose timers fire before they read what has come. */
function slow(cast: Cast, stallMsMax: number, hasLifeguard: boolean) {
  const { lan } = timingProfiles;
  const timing = hasLifeguard ? lan : withoutLifeguard(lan);
  const cluster = converged(cast, { conditions: { lossRate: 0.1 }, stallAware: false, timing });
  return slowNodes(cluster, { seed: cast.seed, seconds: cast.seconds, part: 0.1, stallMsMax });
}
