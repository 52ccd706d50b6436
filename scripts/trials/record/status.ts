import type { Status } from "../check/history.ts";
import { call } from "../world/call.ts";
import type { Target } from "./load.ts";

const method = "converge.ledger.v1.ClusterService/GetContextStatus";

interface StatusJson {
  readonly agreement?: string;
  readonly forks?: number;
  readonly pendingArchives?: number;
  readonly holders?: readonly {
    readonly name?: string;
    readonly error?: string;
    readonly copy?: {
      readonly latestSequence?: string;
      readonly committedSequence?: string;
      readonly root?: string;
    };
  }[];
}

/** Asks a node where the copies of a context are, and whether they are equal; undefined if it cannot tell. */
export async function statusOf({ name, url }: Target, contextId: string): Promise<Status | undefined> {
  const outcome = await call({ url, method, request: { contextId } });
  if (!outcome.ok) return undefined;
  const {
    agreement = "",
    forks = 0,
    pendingArchives = 0,
    holders = [],
  } = (outcome.answer["status"] ?? {}) as StatusJson;
  return {
    ...{ node: name, contextId, forks, pendingArchives },
    isEqual: agreement === "COPIES_AGREEMENT_EQUAL",
    holders: holders.map((holder) => ({
      name: holder.name ?? "",
      error: holder.error,
      latestSequence: Number(holder.copy?.latestSequence ?? 0),
      committedSequence: Number(holder.copy?.committedSequence ?? 0),
      root: holder.copy?.root,
    })),
  };
}
