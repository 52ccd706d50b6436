import type { LedgerError } from "../core/errors.ts";
import type { ClusterReading } from "../rpc/membership-metrics.ts";
import { membershipChecks, membershipReport } from "../rpc/membership-reading.ts";
import { type ReplicationReading, replicationTrouble } from "../rpc/replication-reading.ts";
import type { Check, Readiness } from "../rpc/readiness.ts";
import type { ChildState } from "../supervisor/spec.ts";

/** Readiness as the supervision tree shows it: every part that does work must run. */
export class TreeReadiness implements Readiness {
  readonly #state: () => ChildState;
  readonly #appendTrouble: () => LedgerError | undefined;
  readonly #damaged: () => number;
  readonly #cluster: ClusterReading;
  readonly #replication: () => ReplicationReading | undefined;
  readonly #listeners = new Set<() => void>();
  #draining = false;

  /** `damaged` tells how much of what is stored is known to be damaged. */
  constructor(
    state: () => ChildState,
    appendTrouble: () => LedgerError | undefined,
    damaged: () => number,
    cluster: ClusterReading,
    replication: () => ReplicationReading | undefined,
  ) {
    this.#state = state;
    this.#appendTrouble = appendTrouble;
    this.#damaged = damaged;
    this.#cluster = cluster;
    this.#replication = replication;
  }

  checks(): readonly Check[] {
    const trouble = this.#appendTrouble();
    const detail = this.#draining ? "shutting down" : trouble?.facts.reason;
    return [
      ...leaves(this.#state()).map((check) => (check.name === "replication" ? this.#copies(check) : check)),
      detail === undefined ? { name: "appends", ok: true } : { name: "appends", ok: false, detail },
      integrity(this.#damaged()),
      ...membershipChecks(this.#cluster),
    ];
  }

  /** Adds to a part that works what somebody should look after. */
  #copies(check: Check): Check {
    const reading = this.#replication();
    return check.ok && reading !== undefined ? { ...check, ...replicationTrouble(reading) } : check;
  }

  verbose(): unknown {
    const checks = this.checks();
    return {
      ready: checks.every(({ ok }) => ok),
      degraded: checks.some(({ degraded }) => degraded),
      checks,
      membership: membershipReport(this.#cluster),
      tree: this.#state(),
    };
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Something may have changed. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** From now on the server is not ready, so that load balancers stop sending to it. */
  drain(): void {
    this.#draining = true;
    this.changed();
  }
}

/** Damage of some entries is no reason to stop serving the others. */
function integrity(damaged: number): Check {
  if (damaged === 0) return { name: "integrity", ok: true };
  const detail = `${damaged} ${damaged === 1 ? "place" : "places"} in the storage damaged, see the log`;
  return { name: "integrity", ok: true, degraded: true, detail };
}

function leaves({ name, status, lastError, children }: ChildState): Check[] {
  if (children.length > 0) return children.flatMap(leaves);
  if (status === "running") return [{ name, ok: true }];
  return [{ name, ok: false, detail: lastError === undefined ? status : `${status}: ${lastError}` }];
}
