/** What the ledger tells its surroundings about its work; called often, must be cheap and must not throw. */
export interface LedgerObserver {
  /** One commit is on disk. `syncSeconds` is the part that the store spent making it durable. */
  commit(commit: {
    readonly entries: number;
    readonly bytes: number;
    readonly syncSeconds: number;
    readonly totalSeconds: number;
  }): void;
}

/** Something in the storage that is not what it was when it was written. */
export interface DamageReport {
  /** Empty for the log of logs, undefined if it cannot be said which context it is. */
  readonly contextId: string | undefined;
  /** Of the first damaged entry; 0 if it is what stands above the entries. */
  readonly sequence: number;
  /** How many entries were found together; the detail is that of the first. */
  readonly entries: number;
  readonly detail: string;
}

/** Learns of damage; must be cheap and must not throw. */
export interface DamageObserver {
  /** Damage that was not known before was found. */
  found(report: DamageReport): void;
  /** Entries that were damaged are what they were. */
  healed(report: Omit<DamageReport, "detail">): void;
  /** A scrub could not go on where it was, and goes on elsewhere. */
  scrubFailed(error: unknown): void;
}
