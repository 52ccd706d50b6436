import type { ServiceImpl } from "@connectrpc/connect";
import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { checkContextId, checkText } from "../core/validate.ts";
import type { ClusterService } from "../gen/converge/ledger/v1/cluster_pb.ts";
import { checkListLimit } from "../ledger/request-checks.ts";
import { contextStatusMessage, contextSummaryMessage, forkMessage } from "./context-status-message.ts";
import type { ReplicationView } from "./replication-view.ts";

/** converge.ledger.v1.ClusterService over a view of the copies; errors are LedgerErrors. */
export function createClusterService(view: ReplicationView): ServiceImpl<typeof ClusterService> {
  return {
    async getContextStatus({ contextId }, { signal }) {
      checkContextId(contextId);
      return { status: contextStatusMessage(await view.contextStatus(contextId, signal)) };
    },

    async listContextStatus({ prefix, startAfter, limit: asked }) {
      checkText("prefix", prefix);
      checkText("start_after", startAfter);
      checkListLimit(asked);
      const limit = asked === 0 ? limits.listContextsDefault : asked;
      const { contexts, more } = await view.list({ prefix, startAfter, limit });
      return { contexts: contexts.map(contextSummaryMessage), more };
    },

    async listForks({ contextId, limit: asked, pageToken, hashes }) {
      if (contextId !== "") checkContextId(contextId);
      checkForksLimit(asked);
      const from = offsetOf(pageToken);
      const limit = asked === 0 ? limits.listForksDefault : asked;
      // New forks are always last, so that a place in the list stays what it is.
      const known = await view.forks(contextId === "" ? undefined : contextId, from + limit + 1);
      const forks = [];
      let bytes = 0;
      for (const fork of known.slice(from, from + limit)) {
        const message = forkMessage(fork, hashes);
        bytes += message.contentHashes?.length ?? 0;
        if (forks.length > 0 && bytes > limits.forkPageBytesMax) break;
        forks.push(message);
      }
      const next = from + forks.length;
      return { forks, nextPageToken: next < known.length ? String(next) : "" };
    },
  };
}

function checkForksLimit(limit: number): void {
  if (limit <= limits.listForksMax) return;
  throw new LedgerError("INVALID_ARGUMENT", `limit is ${limit}, more than ${limits.listForksMax}`, {
    reason: "LIMIT_TOO_LARGE",
    field: "limit",
    value: limit,
    limit: limits.listForksMax,
    remedy: "ask for less and continue with next_page_token",
  });
}

function offsetOf(pageToken: string): number {
  if (pageToken === "") return 0;
  const offset = /^[1-9]\d{0,6}$/.test(pageToken) ? Number(pageToken) : limits.forksListedMax + 1;
  if (offset <= limits.forksListedMax) return offset;
  throw new LedgerError("INVALID_ARGUMENT", "page_token is not one that was given", {
    reason: "PAGE_TOKEN_INVALID",
    field: "page_token",
    value: pageToken.slice(0, 64),
    remedy: "send next_page_token of the page before, or none for the first page",
  });
}
