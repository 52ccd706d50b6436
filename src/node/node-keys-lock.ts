import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { LedgerError } from "../core/errors.ts";
import type { Clock } from "../ledger/ports.ts";

/** A change takes milliseconds, so the holder of a lock that stays this long was killed. */
const staleMs = 5000;
const waitMsMax = 30_000;
const pollMs = 20;

/**
 * Runs `change` while no other process does the same with the lock file `path`, and returns its result. `change` gets a
 * function that tells whether the lock still is its own: another process takes it from one that stands still for 5 s.
 * Throws LedgerError if it cannot be had within 30 s.
 */
export async function withLockFile<T>(
  path: string,
  clock: Pick<Clock, "monotonicMs" | "after">,
  change: (isHeld: () => boolean) => T,
): Promise<T> {
  const own = randomBytes(16).toString("hex");
  await acquire(path, own, clock);
  const isHeld = (): boolean => holderOf(path) === own;
  try {
    return change(isHeld);
  } finally {
    if (isHeld()) rmSync(path, { force: true });
  }
}

async function acquire(
  path: string,
  own: string,
  clock: Pick<Clock, "monotonicMs" | "after">,
): Promise<void> {
  const startedMs = clock.monotonicMs();
  let seen: string | undefined;
  let seenMs = startedMs;
  while (!create(path, own)) {
    const nowMs = clock.monotonicMs();
    const holder = holderOf(path);
    if (holder !== seen) {
      seen = holder;
      seenMs = nowMs;
    } else if (holder !== undefined && nowMs - seenMs >= staleMs) {
      breakLock(path, own);
      continue;
    }
    if (nowMs - startedMs >= waitMsMax) throw busy(path);
    await new Promise<void>((resolve) => clock.after(pollMs, resolve));
  }
}

function create(path: string, own: string): boolean {
  try {
    writeFileSync(path, own, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Returns what its holder wrote into the lock, undefined if there is none. */
function holderOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Removes a lock. Of two that try, one gets the file; a holder it takes it from finds out before it changes anything. */
function breakLock(path: string, own: string): void {
  const aside = `${path}.${own}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  rmSync(aside, { force: true });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function busy(path: string): LedgerError {
  return new LedgerError("UNAVAILABLE", `${path} is held by other processes that change the node's keys`, {
    reason: "NODE_KEY_BUSY",
    retryAfterMs: waitMsMax,
    remedy: "wait for them to end and try again",
  });
}
