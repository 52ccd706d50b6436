import type { Log } from "../core/log.ts";
import type { DamageObserver } from "../ledger/observer.ts";

/** Returns an observer that tells of damage in the log, loudly; `changed` is called when readiness may have changed. */
export function damageReports(log: Log, changed: () => void): DamageObserver {
  return {
    found(report) {
      log.error("damage in the storage", { ...report });
      changed();
    },
    healed(report) {
      log.warn("what was damaged in the storage is as it was", { ...report });
      changed();
    },
    scrubFailed: (error) => log.warn("the scrub could not go on where it was", { error }),
  };
}
