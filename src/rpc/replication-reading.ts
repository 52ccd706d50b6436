import type { CallCode } from "../core/metrics.ts";
import type { Check } from "./readiness.ts";

/** How calls ended, by code. */
type Outcomes = Readonly<Partial<Record<CallCode, number>>>;

/** What the connections of this node with others have done; counts are since the part was started. */
export interface PeerReading {
  readonly connections: { readonly in: number; readonly out: number };
  readonly dialled: number;
  readonly accepted: number;
  readonly dialFailures: number;
  /** Handshakes that came to nothing, by reason. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Connections that were cut because the other side was silent, or did what it may not. */
  readonly silences: number;
  readonly violations: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Calls and streams by kind: asked of others, and answered to others. */
  readonly asked: Readonly<Partial<Record<string, Outcomes>>>;
  readonly answered: Readonly<Partial<Record<string, Outcomes>>>;
}

/** The contexts whose home this node is, as far as they are in its memory. */
export interface LedReading {
  readonly contexts: number;
  /** Of which a holder is not known to have everything. */
  readonly behind: number;
  /** Of which fewer holders are alive than an entry needs. */
  readonly short: number;
  /** Entries that are stored here and not yet on enough others. */
  readonly entriesWaiting: number;
}

/** What keeping copies is about on this node; counts are since the part was started. */
export interface ReplicationReading {
  readonly peers: PeerReading;
  readonly led: LedReading;
  /** Comparisons with another node that ended well, and contexts that differed in them. */
  readonly comparisons: { readonly rounds: number; readonly differing: number };
  readonly takeovers: number;
  readonly repairs: { readonly entries: number; readonly nodes: number; readonly failures: number };
  /** Histories with acknowledged entries that lost their place here. */
  readonly forks: number;
  /** Archives of which not everything is known to be in the history again. */
  readonly archivesPending: number;
  readonly holderChanges: { readonly added: number; readonly removed: number; readonly dropped: number };
}

/** Returns what somebody should look after of the copies that this node keeps; the node is no less ready for it. */
export function replicationTrouble({
  led,
  archivesPending,
}: ReplicationReading): Pick<Check, "degraded" | "detail"> {
  const found: string[] = [];
  if (led.short > 0)
    found.push(`${counted(led.short, "context")} with fewer holders alive than an entry needs`);
  if (archivesPending > 0)
    found.push(`${counted(archivesPending, "archive")} of a fork not yet in the history again`);
  return found.length === 0 ? {} : { degraded: true, detail: found.join("; ") };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
