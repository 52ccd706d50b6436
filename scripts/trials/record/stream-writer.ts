import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Receipt } from "../../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { LedgerService } from "../../../src/gen/converge/ledger/v1/ledger_pb.ts";
import { Draft } from "./draft.ts";
import { type Load, pause, type Target } from "./load.ts";

const entriesOfBatch = 3;
const inFlightMax = 16;
/** A stream that answers nothing for so long while it owes answers is left. */
const silenceMs = 6_000;
/** AppendStream answers errors in the stream: gRPC codes by number. */
const codeNames = ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED"];

/**
 * Pipelines batches of three over one gRPC stream, up to 16 ahead of their answers. Batches without acknowledgement are
 * sent again, in order and with their idempotency keys, over a new stream to another node.
 */
export async function writeStream(load: Load, writer: string, drafts: Draft[]): Promise<void> {
  const waiting: Draft[][] = [];
  let batches = 0;
  const next = (contextId: string): Draft[] => {
    batches += 1;
    const batch = `${writer}-${batches}`;
    const made = Array.from(
      { length: entriesOfBatch },
      (_, i) => new Draft({ writer, contextId, payload: `${batch}.${i}`, batch }),
    );
    drafts.push(...made);
    return made;
  };
  while (!load.over.aborted || (waiting.length > 0 && !load.end.aborted)) {
    await converse(load, load.random.of(load.targets()), waiting, next);
    await pause(load.random.between(50, 250), load.end);
  }
  for (const draft of waiting.flat()) draft.giveUp();
}

/** Sends what waits and then new batches over one stream, until it breaks or a batch is refused. */
async function converse(
  load: Load,
  target: Target,
  waiting: Draft[][],
  next: (contextId: string) => Draft[],
): Promise<void> {
  const broken = new AbortController();
  const owed: Draft[][] = [];
  let wake = (): void => undefined;
  async function* requests() {
    const resend = [...waiting];
    for (;;) {
      const isOver = load.over.aborted && resend.length === 0;
      if (broken.signal.aborted || (isOver && owed.length === 0)) return;
      if (isOver || owed.length >= inFlightMax) {
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), pause(200, broken.signal)]);
        continue;
      }
      let batch = resend.shift();
      if (batch === undefined) {
        batch = next(load.random.of(load.contexts));
        waiting.push(batch);
      }
      owed.push(batch);
      yield {
        contextId: batch[0]?.contextId ?? "",
        entries: batch.map(({ payload, idempotencyKey }) => ({
          key: "trial",
          payload: new TextEncoder().encode(payload),
          idempotencyKey,
        })),
      };
      await pause(load.random.between(0, 2 * load.pauseMs), broken.signal);
    }
  }
  let silent: Timer | undefined;
  const heard = (): void => {
    clearTimeout(silent);
    silent = setTimeout(() => broken.abort(), silenceMs);
  };
  const client = createClient(LedgerService, createGrpcTransport({ baseUrl: target.grpcUrl }));
  heard();
  try {
    for await (const { result } of client.appendStream(requests(), {
      signal: AbortSignal.any([broken.signal, load.end]),
    })) {
      heard();
      const batch = owed.shift() ?? [];
      if (result.case === "appended") {
        waiting.splice(waiting.indexOf(batch), 1);
        const { receipts, durability } = result.value;
        batch.forEach((draft, i) => acknowledge(draft, receipts[i], durability, target.name));
      } else {
        const code = Number(result.value?.code ?? 2);
        for (const draft of batch) draft.failures.push(codeNames[code] ?? `code ${code}`);
        // The order of what follows no longer matters to the server: it goes on; the batch waits for the next stream.
        broken.abort();
      }
      wake();
    }
  } catch (error) {
    for (const draft of owed.flat()) draft.failures.push(firstWord(error));
  } finally {
    clearTimeout(silent);
    broken.abort();
    wake();
  }
}

function acknowledge(
  draft: Draft,
  receipt: Receipt | undefined,
  durability: { readonly copies: number; readonly holders: number } | undefined,
  node: string,
): void {
  if (receipt === undefined) return;
  draft.acknowledged = {
    id: receipt.id,
    sequence: Number(receipt.sequence),
    contentHash: Buffer.from(receipt.contentHash).toString("base64"),
    copies: durability?.copies ?? 0,
    holders: durability?.holders ?? 0,
    duplicate: receipt.duplicate,
    node,
    atMs: performance.now(),
  };
}

/** `ConnectError: [unavailable] ...` becomes `UNAVAILABLE`. */
function firstWord(error: unknown): string {
  return (/\[([a-z_ ]+)\]/.exec(String(error))?.[1] ?? "unknown").toUpperCase();
}
