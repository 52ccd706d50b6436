import type { Recorder } from "../record/recorder.ts";
import type { Random } from "../record/random.ts";
import type { Cluster, WriteCopies } from "../world/cluster.ts";
import type { Links } from "../world/network.ts";

/** One story of faults. */
export interface Scenario {
  readonly name: string;
  /** What happens, in words. */
  readonly what: string;
  readonly needs?: Need;
  readonly nodes?: number;
  /** What the story is about; else whatever the command says. */
  readonly writeCopies?: WriteCopies;
  /** Resets that each watcher may be sent under 1; 1 unless given. */
  readonly resetsMax?: number;
  /** Further flags of every node. */
  readonly flags?: readonly string[];
  /** Mean pause of each writer between entries. */
  readonly pauseMs?: number;
  /** Brings the cluster up; all nodes one after the other unless given. */
  readonly start?: (cluster: Cluster) => Promise<void>;
  /** Lets the faults happen while the load goes on. Healing is done afterwards in any case. Returns what it found wrong itself. */
  readonly run: (trial: Trial) => Promise<readonly string[]>;
}

/** What a machine must have for a scenario. */
export type Need = "links" | "slow links" | "small disk";

/** The first node is the home of the first context. */
export interface Trial {
  readonly cluster: Cluster;
  readonly recorder: Recorder;
  readonly contexts: readonly string[];
  readonly random: Random;
  readonly writeCopies: WriteCopies;
  /** Lets the load go on for a while: so many times the pace that the command says. */
  readonly load: (paces?: number) => Promise<void>;
  readonly say: (text: string) => void;
  /** The small disk of the first node. */
  readonly disk: SmallDisk | undefined;
}

export interface SmallDisk {
  fill(): Promise<void>;
  empty(): Promise<void>;
}

export function linksOf({ cluster }: Trial): Links {
  const { links } = cluster.network;
  if (links === undefined) throw new Error("This scenario needs links that can be cut");
  return links;
}
