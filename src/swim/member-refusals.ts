import { LedgerError, quote } from "../core/errors.ts";

/** Nobody of that name is known. */
export function notFound(name: string): LedgerError {
  return new LedgerError("NOT_FOUND", `there is no member ${quote(name)}`, {
    reason: "MEMBER_NOT_FOUND",
    field: "name",
    value: name.slice(0, 64),
    remedy: "list the members",
  });
}

/** Only who is dead can be forgotten. */
export function notDead(name: string): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", `member ${quote(name)} is not dead`, {
    reason: "MEMBER_NOT_DEAD",
    field: "name",
    value: name.slice(0, 64),
    remedy: "stop it first, or make it leave",
  });
}
