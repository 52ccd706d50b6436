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
