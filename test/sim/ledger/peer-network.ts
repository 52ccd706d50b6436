import { LedgerError } from "../../../src/core/errors.ts";
import type { PeerCallKind, PeerCalls } from "../../../src/sync/peer-messages.ts";
import type { CallOptions, Peers } from "../../../src/sync/peers.ts";
import type { SeededRandom } from "../harness/seeded-random.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface PeerConditions {
  /** Of requests, and again of answers. */
  readonly lossRate: number;
  readonly delayMsMin: number;
  readonly delayMsTail: number;
}

/** What a process answers. */
export type PeerServer = <Kind extends PeerCallKind>(
  from: string,
  kind: Kind,
  request: PeerCalls[Kind]["request"],
) => Promise<PeerCalls[Kind]["answer"]>;

/** After so long without a sign of life a connection is taken for broken. */
const silenceMs = 4000;

/** Calls between simulated nodes: each takes its time, and request or answer may be lost. */
export class SimulatedPeers {
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #servers = new Map<string, { readonly server: PeerServer; readonly life: number }>();
  readonly #cuts = new Set<string>();
  conditions: PeerConditions;
  calls = 0;

  constructor(time: VirtualTime, random: SeededRandom, conditions: PeerConditions) {
    this.#time = time;
    this.#random = random;
    this.conditions = conditions;
  }

  serve(nodeId: string, life: number, server: PeerServer): void {
    this.#servers.set(nodeId, { server, life });
  }

  crash(nodeId: string): void {
    this.#servers.delete(nodeId);
  }

  /** Nothing goes from one node to another until the returned function is called. */
  cut(from: string, to: string): () => void {
    const link = `${from} ${to}`;
    this.#cuts.add(link);
    return () => this.#cuts.delete(link);
  }

  healAll(): void {
    this.#cuts.clear();
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from} ${to}`);
  }

  /** The peers of one process. */
  of(from: string, isAlive: () => boolean): Peers {
    return {
      call: (to, kind, request, options) => this.#call(from, isAlive, to, kind, request, options),
      open: () => {
        throw new Error("no streams in this simulation");
      },
    };
  }

  async #call<Kind extends PeerCallKind>(
    from: string,
    isAlive: () => boolean,
    to: string,
    kind: Kind,
    request: PeerCalls[Kind]["request"],
    options: CallOptions,
  ): Promise<PeerCalls[Kind]["answer"]> {
    this.calls += 1;
    return await new Promise((resolve, reject) => {
      let isOver = false;
      const end = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        cancel();
        // Whoever asked is gone: nobody goes on.
        if (isAlive()) settle();
      };
      // A connection on which nothing comes is cut.
      const waitMs = Math.min(options.timeoutMs, silenceMs);
      const cancel = this.#time.after(waitMs, () => end(() => reject(unreachable(to, true))));
      this.#travel(from, to, () => {
        const target = this.#servers.get(to);
        if (target === undefined) {
          this.#travel(to, from, () => end(() => reject(unreachable(to, false))));
          return;
        }
        target.server(from, kind, request).then(
          (answer) => {
            if (this.#servers.get(to)?.life !== target.life) return;
            this.#travel(to, from, () => end(() => resolve(answer)));
          },
          (error: unknown) => this.#travel(to, from, () => end(() => reject(error as Error))),
        );
      });
    });
  }

  #travel(from: string, to: string, arrived: () => void): void {
    const { lossRate, delayMsMin, delayMsTail } = this.conditions;
    if (this.isCut(from, to) || this.#random.chance(lossRate)) return;
    this.#time.after(delayMsMin + this.#random.exponential(delayMsTail), arrived);
  }
}

function unreachable(to: string, isLate: boolean): LedgerError {
  return new LedgerError(isLate ? "DEADLINE_EXCEEDED" : "UNAVAILABLE", `node ${to} did not answer`, {
    reason: isLate ? "PEER_TIMED_OUT" : "PEER_UNREACHABLE",
  });
}
