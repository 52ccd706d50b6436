import type { Log } from "../../core/log.ts";
import type { Notice } from "../../swim/effect.ts";
import { formatEndpoint } from "./endpoint-text.ts";

/** Of one kind of notice, one line in this time; the next says how many were left out. */
const quietMs = 10_000;

/** Writes notices into the log, few of each kind however many there are. */
export class NoticeLog {
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #quiet = new Map<Notice["kind"], { untilMs: number; leftOut: number }>();

  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  write(notice: Notice): void {
    const nowMs = this.#nowMs();
    const quiet = this.#quiet.get(notice.kind);
    if (quiet !== undefined && nowMs < quiet.untilMs) {
      quiet.leftOut++;
      return;
    }
    this.#quiet.set(notice.kind, { untilMs: nowMs + quietMs, leftOut: 0 });
    const [level, message, fields] = lineOf(notice);
    const leftOut = quiet === undefined || quiet.leftOut === 0 ? {} : { leftOut: quiet.leftOut };
    this.#log[level](message, { ...fields, ...leftOut });
  }
}

function lineOf(notice: Notice): [level: "info" | "warn", message: string, fields: Record<string, unknown>] {
  switch (notice.kind) {
    case "name-conflict": {
      const { name, known, other } = notice;
      const fields = { name, known: formatEndpoint(known), other: formatEndpoint(other) };
      return ["warn", "two nodes use one name", fields];
    }
    case "refuted":
      return [
        "warn",
        "contradicted what was said about this node",
        { said: notice.accusation, by: notice.from },
      ];
    case "versions-refused":
      return ["warn", "refused a member because of its versions", { reason: notice.reason }];
    case "member-refused":
      return ["warn", "refused a node as a member", { name: notice.name, reason: notice.reason }];
    case "udp-unanswered":
      return ["warn", "a member answers over TCP but not over UDP: is UDP blocked?", { member: notice.name }];
    case "refused":
      return [
        "warn",
        "refused a gossip packet",
        { from: formatEndpoint(notice.from), refusal: notice.refusal },
      ];
  }
}
