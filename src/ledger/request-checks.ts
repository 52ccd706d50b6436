import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";

/** Throws FAILED_PRECONDITION for more copies than there can be. */
export function checkCopies(minCopies: number): void {
  if (minCopies <= 1) return;
  throw new LedgerError("FAILED_PRECONDITION", `min_copies is ${minCopies}, and this server keeps 1 copy`, {
    reason: "TOO_FEW_HOLDERS",
    field: "min_copies",
    value: minCopies,
    limit: 1,
    remedy: "set min_copies to 0 or 1",
  });
}

/** Throws INVALID_ARGUMENT unless the interval is none or within its bounds. */
export function checkHeartbeat(heartbeatMs: number): void {
  const { heartbeatMsMin, heartbeatMsMax } = limits;
  if (heartbeatMs === 0 || (heartbeatMs >= heartbeatMsMin && heartbeatMs <= heartbeatMsMax)) return;
  throw new LedgerError(
    "INVALID_ARGUMENT",
    `heartbeat_ms is ${heartbeatMs}, not 0 and not between ${heartbeatMsMin} and ${heartbeatMsMax}`,
    {
      reason: "HEARTBEAT_OUT_OF_RANGE",
      field: "heartbeat_ms",
      value: heartbeatMs,
      limit: heartbeatMs < heartbeatMsMin ? heartbeatMsMin : heartbeatMsMax,
      remedy: "choose a value in that range, or 0 for none",
    },
  );
}

/** Throws INVALID_ARGUMENT if a page of a list is to have more contexts than it may. */
export function checkListLimit(limit: number): void {
  if (limit <= limits.listContextsMax) return;
  throw new LedgerError("INVALID_ARGUMENT", `limit is ${limit}, more than ${limits.listContextsMax}`, {
    reason: "LIMIT_TOO_LARGE",
    field: "limit",
    value: limit,
    limit: limits.listContextsMax,
    remedy: "ask for less and continue with start_after",
  });
}
