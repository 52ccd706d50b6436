import { LedgerError } from "../../../src/core/errors.ts";
import type { PeerCallKind, PeerCalls } from "../../../src/sync/peer-messages.ts";
import type { CallOptions, Peers } from "../../../src/node/peers/peers.ts";
import type { SeededRandom } from "../harness/seeded-random.ts";
import type { Process } from "./process.ts";
import type { StoryTrace } from "./story-trace.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How calls travel. Rates are of 1, of requests and again of answers. */
export interface PeerConditions {
  readonly lossRate: number;
  readonly delayMsMin: number;
  readonly delayMsTail: number;
  /** What takes up to `lateMs` longer than others. */
  readonly lateRate: number;
  readonly lateMs: number;
  /** Requests that come twice, the second time as late. */
  readonly duplicateRate: number;
}

/** A network inside one building on a good day. */
export const goodPeerConditions: PeerConditions = {
  lossRate: 0,
  delayMsMin: 0.2,
  delayMsTail: 1,
  lateRate: 0,
  lateMs: 0,
  duplicateRate: 0,
};

/** What a process answers. */
export type PeerServer = <Kind extends PeerCallKind>(
  from: string,
  kind: Kind,
  request: PeerCalls[Kind]["request"],
) => Promise<PeerCalls[Kind]["answer"]>;

interface Serving {
  readonly server: PeerServer;
  readonly process: Process;
}

/** After so long without a sign of life a connection is taken for broken. */
const silenceMs = 4000;

/** Calls between simulated nodes: each takes its time; requests and answers may be lost, late, and the former come twice. */
export class SimulatedPeers {
  conditions: PeerConditions;
  calls = 0;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #trace: StoryTrace;
  readonly #servers = new Map<string, Serving>();
  readonly #cuts = new Map<string, number>();

  constructor(parts: {
    time: VirtualTime;
    random: SeededRandom;
    trace: StoryTrace;
    conditions: PeerConditions;
  }) {
    this.#time = parts.time;
    this.#random = parts.random;
    this.#trace = parts.trace;
    this.conditions = parts.conditions;
  }

  serve(nodeId: string, process: Process, server: PeerServer): void {
    this.#servers.set(nodeId, { server, process });
  }

  crash(nodeId: string): void {
    this.#servers.delete(nodeId);
  }

  /** Nothing goes from one node to another until the returned function is called. */
  cut(from: string, to: string): () => void {
    const link = `${from} ${to}`;
    let isCut = true;
    this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + 1);
    return () => {
      if (isCut) this.#cuts.set(link, (this.#cuts.get(link) ?? 1) - 1);
      isCut = false;
    };
  }

  isCut(from: string, to: string): boolean {
    return (this.#cuts.get(`${from} ${to}`) ?? 0) > 0;
  }

  /** The peers of one process. */
  of(from: string, process: Process): Peers {
    return {
      call: (to, kind, request, options) => this.#call({ from, process, to, kind, request }, options),
      open: () => {
        throw new Error("no streams in this simulation");
      },
    };
  }

  async #call<Kind extends PeerCallKind>(
    call: {
      readonly from: string;
      readonly process: Process;
      readonly to: string;
      readonly kind: Kind;
      readonly request: PeerCalls[Kind]["request"];
    },
    options: CallOptions,
  ): Promise<PeerCalls[Kind]["answer"]> {
    const { from, process, to, kind, request } = call;
    this.calls += 1;
    return await new Promise((resolve, reject) => {
      let isOver = false;
      const end = (what: string, settle: () => void): void =>
        process.deliver(() => {
          if (isOver) return;
          isOver = true;
          cancel();
          this.#trace.note(this.#time.nowMs, from, to, kind, what);
          settle();
        });
      // A connection on which nothing comes is cut.
      const waitMs = Math.min(options.timeoutMs, silenceMs);
      const cancel = this.#time.after(waitMs, () => end("late", () => reject(timedOut(to))));
      const arrive = (): void => {
        const target = this.#servers.get(to);
        if (target === undefined) {
          this.#travel(to, from, () => end("down", () => reject(unreachable(to))));
          return;
        }
        target.process.deliver(() => {
          target.server(from, kind, request).then(
            (answer) => this.#travel(to, from, () => end("answer", () => resolve(answer))),
            (error: unknown) => this.#travel(to, from, () => end("error", () => reject(error))),
          );
        });
      };
      this.#travel(from, to, arrive);
      // A connection brings nothing twice; what nodes tell each other may come twice all the same, and does no harm.
      const { duplicateRate } = this.conditions;
      if (kind !== "forward" && this.#random.chance(duplicateRate)) this.#travel(from, to, arrive, true);
    });
  }

  #travel(from: string, to: string, arrived: () => void, isLate = false): void {
    const { lossRate, delayMsMin, delayMsTail, lateRate, lateMs } = this.conditions;
    if (this.isCut(from, to) || this.#random.chance(lossRate)) return;
    const late = isLate || this.#random.chance(lateRate) ? this.#random.between(0, lateMs) : 0;
    this.#time.after(delayMsMin + this.#random.exponential(delayMsTail) + late, arrived);
  }
}

function unreachable(to: string): LedgerError {
  return new LedgerError("UNAVAILABLE", `node ${to} is not reached`, { reason: "PEER_UNREACHABLE" });
}

function timedOut(to: string): LedgerError {
  return new LedgerError("DEADLINE_EXCEEDED", `node ${to} did not answer`, { reason: "PEER_TIMEOUT" });
}
