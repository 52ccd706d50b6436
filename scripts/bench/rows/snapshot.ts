import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { LedgerService } from "../../../src/gen/converge/ledger/v1/ledger_pb.ts";
import type { Line } from "../line.ts";
import { peakResidentBytes, residentBytes } from "../measure/resident-bytes.ts";
import { median } from "../measure/statistics.ts";
import { startLedger } from "../peers/ledger.ts";
import type { Row } from "../run/bench.ts";

const entries = 100_000;
const contextId = "snapshot";

/** Copies and restores a context with the streaming calls. */
export const snapshot: Row = snapshotRow("snapshot", entries);

/** The same with so many entries that memory must not grow with them; not among the rows that run unasked. */
export const snapshotLarge: Row = { ...snapshotRow("snapshot-10m", 10_000_000), onRequest: true };

function snapshotRow(name: string, count: number): Row {
  return {
    name,
    needs: [],
    run: async (bench): Promise<readonly Line[]> => {
      await using ledger = await startLedger(bench);
      bench.log(`filling a context with ${count} entries`);
      await ledger.fill(contextId, count);
      const baseUrl = `http://127.0.0.1:${ledger.ports.connect}`;
      const client = createClient(LedgerService, createConnectTransport({ baseUrl, httpVersion: "2" }));
      const times = { snapshot: [] as number[], load: [] as number[] };
      const before = await residentBytes(ledger.pid);
      let peak = before;
      const rounds = count > entries ? 1 : bench.rounds + 1;
      for (let round = 0; round < rounds; round++) {
        const chunks: Uint8Array[] = [];
        const took = async (work: () => Promise<void>): Promise<number> => {
          const began = performance.now();
          peak = Math.max(peak, await peakResidentBytes(ledger.pid, work()));
          return performance.now() - began;
        };
        times.snapshot.push(
          await took(async () => {
            for await (const { part } of client.snapshotStream({ contextId }))
              if (part.case === "chunk") chunks.push(part.value);
          }),
        );
        times.load.push(
          await took(async () => {
            await client.loadStream(messages(chunks, `copy ${round}`));
          }),
        );
      }
      const counted = {
        snapshot: times.snapshot.slice(count > entries ? 0 : 1),
        load: times.load.slice(count > entries ? 0 : 1),
      };
      const lines: Line[] = [];
      for (const [what, marks] of Object.entries({
        snapshot: { atLeast: 500, aim: 250 },
        load: { atLeast: 1200, aim: 800 },
      })) {
        const ours = { value: median(counted[what as "snapshot" | "load"]), unit: "ms" } as const;
        const rate = `${Math.round(count / (ours.value / 1000))} entries/s`;
        lines.push({
          what: `${what} of ${count} entries of 256 bytes`,
          ours,
          ...(count > entries ? {} : { bar: { score: ours, better: "less", ...marks } as const }),
          note: rate,
        });
      }
      const grown = { value: (peak - before) / 2 ** 20, unit: "MB" } as const;
      lines.push({ what: `memory that snapshot and load of ${count} entries add at most`, ours: grown });
      return lines;
    },
  };
}

async function* messages(chunks: readonly Uint8Array[], target: string) {
  yield { options: { contextId: target } };
  for (const chunk of chunks) yield { chunk };
}
