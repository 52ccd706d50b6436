import { quote, LedgerError } from "../../core/errors.ts";
import { checkContextId } from "../../core/validate.ts";
import type { VerifyStep } from "../../ledger/integrity.ts";
import type { SnapshotPart } from "../../ledger/snapshots.ts";
import { decodeSnapshotPart } from "../../rpc/forwarded/snapshot-messages.ts";
import { encodeStreamRequest } from "../../rpc/forwarded/stream-request.ts";
import { decodeVerifyStep } from "../../rpc/forwarded/verify-messages.ts";
import type { ClusterParts } from "./cluster-parts.ts";
import { callFailure, isUnreachable } from "./outcomes.ts";

/** What goes through a whole copy of a context: on this node if it keeps the context, else streamed from one that does. */
export class ClusterCopies {
  readonly #parts: ClusterParts;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
  }

  /** Throws INVALID_ARGUMENT at once. */
  snapshot(contextId: string): AsyncGenerator<SnapshotPart, void> {
    checkContextId(contextId);
    const local = (): AsyncGenerator<SnapshotPart, void> => this.#parts.local.snapshot(contextId);
    return this.#stream(contextId, "snapshot", { local, decode: decodeSnapshotPart }, undefined);
  }

  verify(contextId: string, signal: AbortSignal | undefined): AsyncGenerator<VerifyStep, void> {
    const local = (): AsyncGenerator<VerifyStep, void> =>
      this.#parts.local.integrity.verify({ kind: "context", contextId }, signal);
    return this.#stream(contextId, "verify", { local, decode: decodeVerifyStep }, signal);
  }

  /** Serves another node from this one's copy. */
  serveSnapshot(contextId: string): AsyncGenerator<SnapshotPart, void> {
    return this.#serve(contextId, () => this.#parts.local.snapshot(contextId));
  }

  serveVerify(contextId: string, signal: AbortSignal): AsyncGenerator<VerifyStep, void> {
    return this.#serve(contextId, () =>
      this.#parts.local.integrity.verify({ kind: "context", contextId }, signal),
    );
  }

  async *#serve<Item>(
    contextId: string,
    local: () => AsyncGenerator<Item, void>,
  ): AsyncGenerator<Item, void> {
    checkContextId(contextId);
    const { routing, view } = this.#parts;
    await routing.readable(contextId);
    if (!(await routing.locate(contextId)).includes(view.selfId))
      throw nobodyServes(contextId, [view.nameOf(view.selfId)]);
    yield* local();
  }

  async *#stream<Item>(
    contextId: string,
    method: "snapshot" | "verify",
    source: {
      readonly local: () => AsyncGenerator<Item, void>;
      readonly decode: (bytes: Uint8Array) => Item;
    },
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Item, void> {
    checkContextId(contextId);
    const { routing, view, peers } = this.#parts;
    const route = await routing.route(contextId).catch(() => undefined);
    if (route?.kind === "here") await routing.readable(contextId);
    const holders = await routing.locate(contextId);
    if (route?.kind === "here" || holders.includes(view.selfId)) return yield* source.local();
    const body = encodeStreamRequest({ hops: 1, method, body: new TextEncoder().encode(contextId) });
    let failure: unknown = nobodyServes(
      contextId,
      holders.map((nodeId) => view.nameOf(nodeId)),
    );
    for (const nodeId of nearestFirst(route, holders)) {
      if (nodeId === view.selfId || !view.isAlive(nodeId)) continue;
      const gone = new AbortController();
      const abort = (): void => gone.abort();
      signal?.addEventListener("abort", abort);
      let hasBegun = false;
      try {
        for await (const item of peers.open(nodeId, "snapshot", body, gone.signal)) {
          hasBegun = true;
          yield source.decode(item);
        }
        return;
      } catch (error) {
        if (signal?.aborted === true) return;
        failure = callFailure(error, { node: view.nameOf(nodeId), writes: false });
        if (hasBegun || !isUnreachable(failure)) throw failure;
      } finally {
        signal?.removeEventListener("abort", abort);
        gone.abort();
      }
    }
    throw failure;
  }
}

/** The home has the newest entries. */
function nearestFirst(
  route: { readonly kind: "here" } | { readonly kind: "there"; readonly nodeId: string } | undefined,
  holders: readonly string[],
): readonly string[] {
  return route?.kind === "there" ? [...new Set([route.nodeId, ...holders])] : holders;
}

function nobodyServes(contextId: string, names: readonly string[]): LedgerError {
  const text = `none of the nodes that keep context ${quote(contextId)} is reached: ${names.slice(0, 8).join(", ")}`;
  return new LedgerError("UNAVAILABLE", text, {
    ...{ reason: "HOME_UNREACHABLE", field: "context_id", value: contextId.slice(0, 64) },
    ...{ remedy: "try again", retryAfterMs: 1000 },
  });
}
