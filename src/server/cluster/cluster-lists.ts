import { checkText } from "../../core/validate.ts";
import type { ContextPage } from "../../ledger/ledger-api.ts";
import type { ListRange } from "../../ledger/ports.ts";
import { checkListLimit } from "../../ledger/request-checks.ts";
import { forwardedList } from "../../rpc/forwarded/read-calls.ts";
import { type ClusterParts, clusterTiming, type ClusterTiming } from "./cluster-parts.ts";
import { mergedList } from "./merged-list.ts";

/** Lists the contexts of all nodes. */
export class ClusterLists {
  readonly #parts: ClusterParts;
  readonly #timing: ClusterTiming;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.#timing = parts.timing ?? clusterTiming;
  }

  /** Asks every node of the roster, and says which were not heard. */
  async list(range: ListRange): Promise<ContextPage> {
    checkText("prefix", range.prefix);
    checkText("start_after", range.startAfter);
    checkListLimit(range.limit);
    const { local, view } = this.#parts;
    const others = view.roster().filter((nodeId) => nodeId !== view.selfId);
    const unanswered: string[] = [];
    const [own, ...pages] = await Promise.all([
      local.list(range),
      ...others.map(async (nodeId): Promise<ContextPage> => {
        try {
          if (view.isAlive(nodeId)) return await this.#ask(nodeId, range);
        } catch {
          // Said below, whatever it was.
        }
        unanswered.push(view.nameOf(nodeId));
        return { contexts: [], more: false };
      }),
    ]);
    return { ...mergedList([own, ...pages], range), unanswered: unanswered.sort() };
  }

  async #ask(nodeId: string, range: ListRange): Promise<ContextPage> {
    const { method } = forwardedList;
    const request = { hops: 1, method, body: forwardedList.encode(range) };
    const options = { timeoutMs: this.#timing.listMs };
    const { body } = await this.#parts.peers.call(nodeId, "forward", request, options);
    return forwardedList.decodeAnswer(body);
  }
}
