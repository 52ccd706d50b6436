import { LedgerError } from "../../../src/core/errors.ts";
import type { WriteCopies } from "../../../src/core/write-copies.ts";
import { loadHasher } from "../../../src/hash/load-hasher.ts";
import type { Replicas } from "../../../src/ledger/replicas.ts";
import type { ReplicationParts } from "../../../src/node/replication/parts.ts";
import type { PeerCallKind } from "../../../src/sync/peer-messages.ts";
import { Process } from "../../sim/ledger/process.ts";
import { VirtualTime } from "../../sim/ledger/virtual-time.ts";
import { silentLog } from "../../support/silent-log.ts";

const hasher = await loadHasher();

export interface AskedPeer {
  readonly to: string;
  readonly kind: PeerCallKind;
  readonly request: never;
  readonly atMs: number;
}

/** The world of the replication of node `a`, in the hands of a test. */
export class FakeParts {
  readonly time = new VirtualTime();
  readonly asked: AskedPeer[] = [];
  readonly dead = new Set<string>();
  roster: readonly string[] = ["a", "b", "c", "d"];
  /** Answers for a node; one that returns nothing never answers. */
  answer: (asked: AskedPeer) => unknown = () => undefined;
  readonly parts: ReplicationParts;

  constructor(writeCopies: WriteCopies = "majority") {
    this.parts = {
      // Whoever looks at entries here needs a ledger.
      replicas: {} as Replicas,
      peers: {
        call: async (to, kind, request) => {
          const asked = { to, kind, request: request as never, atMs: this.time.nowMs };
          this.asked.push(asked);
          const answer = await this.answer(asked);
          return (answer === undefined ? await new Promise(() => {}) : answer) as never;
        },
        open: () => {
          throw new Error("nobody opens streams");
        },
      },
      view: {
        selfId: "a",
        roster: () => this.roster,
        isAlive: (nodeId) => !this.dead.has(nodeId),
        canWrite: () => true,
        hasExchanged: true,
        nameOf: (nodeId) => nodeId,
        onChange: () => () => {},
      },
      rules: { replicas: 3, writeCopies },
      clock: new Process(this.time).clock(),
      ...{ hasher, log: silentLog, random: () => 0.5 },
    };
  }
}

export function unreachable(): never {
  throw new LedgerError("UNAVAILABLE", "not reached", { reason: "PEER_UNREACHABLE" });
}
