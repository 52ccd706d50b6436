import type { Client } from "@connectrpc/connect";
import type {
  ClusterService,
  ContextStatus,
  ContextSummary,
  Fork,
} from "../gen/converge/ledger/v1/cluster_pb.ts";
import type { SendCall } from "./integrity-calls.ts";

export interface ClusterCallOptions {
  readonly signal?: AbortSignal;
}

export interface ForkOptions extends ClusterCallOptions {
  /** Only forks of this context; all unless given. */
  readonly contextId?: string;
  /** Ask for the content hashes of the entries that lost their place. */
  readonly hashes?: boolean;
}

/** Where copies are, and how far each is. */
export interface ClusterCalls {
  /** Asks every holder of a context. Throws NOT_FOUND if none has it. */
  status(contextId: string, options?: ClusterCallOptions): Promise<ContextStatus>;
  /** Lists the contexts of the node that answers, in the byte order of their ids, page by page. */
  contexts(options?: ClusterCallOptions & { readonly prefix?: string }): AsyncGenerator<ContextSummary, void>;
  /** Lists the forks that the node knows of, oldest first, page by page. */
  forks(options?: ForkOptions): AsyncGenerator<Fork, void>;
}

/** Returns the calls of ClusterService. */
export function clusterCalls(service: Client<typeof ClusterService>, call: SendCall): ClusterCalls {
  return {
    status: async (contextId, { signal } = {}) => {
      const { status } = await call(signal, (how) => service.getContextStatus({ contextId }, how));
      if (status === undefined) throw new Error("the answer has no status");
      return status;
    },
    async *contexts({ signal, prefix = "" } = {}) {
      let startAfter = "";
      while (true) {
        const page = { prefix, startAfter, limit: 1000 };
        const { contexts, more } = await call(signal, (how) => service.listContextStatus(page, how));
        yield* contexts;
        const last = contexts.at(-1);
        if (!more || last === undefined) return;
        startAfter = last.contextId;
      }
    },
    async *forks({ signal, contextId = "", hashes = false } = {}) {
      let pageToken = "";
      do {
        const page = { contextId, hashes, pageToken };
        const { forks, nextPageToken } = await call(signal, (how) => service.listForks(page, how));
        yield* forks;
        pageToken = nextPageToken;
      } while (pageToken !== "");
    },
  };
}
