import { hex } from "../../../src/core/hex.ts";
import type { Ledger } from "../../../src/ledger/ledger.ts";
import type { LedgerApi } from "../../../src/ledger/ledger-api.ts";
import type { Replication } from "../../../src/node/replication/replication.ts";

/** Remembers under which epoch entries were acknowledged. */
export class EpochBook {
  readonly #epochs = new Map<string, string>();

  /** Returns a ledger whose acknowledgements are remembered. */
  watching(ledger: Ledger, replication: Replication): LedgerApi {
    const epochOf = async (contextId: string): Promise<string | undefined> => {
      const { lead } = await replication.open(contextId);
      return lead && `${lead.epoch.counter} ${lead.epoch.nodeId}`;
    };
    const noting = async <Answer extends { readonly contentHash: Uint8Array }>(
      contextId: string,
      append: () => Promise<readonly Answer[]>,
    ): Promise<readonly Answer[]> => {
      const before = await epochOf(contextId);
      const answers = await append();
      const after = await epochOf(contextId);
      if (before !== undefined && before === after)
        for (const { contentHash } of answers) this.#epochs.set(hex(contentHash), after);
      return answers;
    };
    return new Proxy<LedgerApi>(ledger, {
      get: (target, name) => {
        const own: Partial<LedgerApi> = {
          append: async (contextId, input, terms) => {
            const [only] = await noting(contextId, async () => [
              await target.append(contextId, input, terms),
            ]);
            if (only === undefined) throw new Error("an append has one answer");
            return only;
          },
          appendBatch: (contextId, inputs, terms) =>
            noting(contextId, () => target.appendBatch(contextId, inputs, terms)),
        };
        if (name === "append" || name === "appendBatch") return own[name];
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  /** Returns the epoch under which an entry with this hash was acknowledged, if it was one all the time. */
  of(hash: string): string | undefined {
    return this.#epochs.get(hash);
  }
}
