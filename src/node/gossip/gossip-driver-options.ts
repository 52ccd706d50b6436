import type { PeerAddress } from "../../core/peer-address.ts";
import type { Effect, Notice } from "../../swim/effect.ts";
import type { Endpoint } from "../../swim/endpoint.ts";
import type { Input } from "../../swim/input.ts";
import type { JoinOutcome } from "./joiner.ts";
import type { Machine } from "./machine.ts";
import type { Lookup } from "./resolve.ts";
import type { SeedPace } from "./seed-keeper.ts";
import type { OnPeerConnection } from "./tcp-streams.ts";

/** The callbacks must not throw: that ends the driver as a mistake of the machine does. */
export interface GossipDriverOptions {
  /** Where to listen; port 0 stands for any. */
  readonly gossip: PeerAddress;
  /** What others are told, if that is another place. */
  readonly advertise: PeerAddress | undefined;
  /** Of an exchange that another node begins. */
  readonly streamTimeoutMs: number;
  /** Called once, with what others are told. */
  readonly createMachine: (endpoint: Endpoint) => Machine;
  readonly onMember: (effect: Extract<Effect, { kind: "member" }>) => void;
  readonly onNotice: (notice: Notice) => void;
  readonly onUserMessage: (effect: Extract<Effect, { kind: "user-message" }>) => void;
  /** The whole state of another node was merged. */
  readonly onExchanged?: () => void;
  /** Hears of every try to join seeds until one succeeds. */
  readonly onSeedsTried?: (outcomes: readonly JoinOutcome[]) => void;
  /** Takes connections of nodes to the TCP port; without it there are none. */
  readonly onPeerConnection?: OnPeerConnection | undefined;
  readonly lookup?: Lookup;
  readonly seedPace?: SeedPace;
}

/** What the rest of the node may ask of the machine. */
export type GossipCommand = Exclude<
  Input,
  {
    kind: "start" | "packet" | "timer" | "stalled" | `stream-${string}` | "join" | "seeds" | "leave" | "stop";
  }
>;
