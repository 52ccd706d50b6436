import type { Bench, Row } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { alternate } from "../measure/alternate.ts";
import { startLedger } from "../peers/ledger.ts";
import { h2load } from "../run/h2load.ts";
import { contentHeaders } from "../run/protocol.ts";
import { getBody, paths } from "../run/requests.ts";

const large = 1_000_000;
const small = 10_000;
const last = 100;

/** Reading the newest 100 entries must not depend on how many there are. */
export const getTail: Row = {
  name: "get-tail",
  needs: ["h2load"],
  run: async (bench): Promise<readonly Line[]> => {
    await using ledger = await startLedger(bench);
    await ledger.fill("large", large);
    await ledger.fill("small", small);
    const port = ledger.ports.connect;
    const compared = await alternate(
      bench.rounds,
      async () => await getRate(bench, port, "large", large),
      async () => await getRate(bench, port, "small", small),
    );
    const ours = { value: compared.ours, unit: "/s" } as const;
    return [
      {
        what: "Get last 100 of a context with 1M entries",
        ours,
        against: { name: "with 10k entries", value: compared.theirs, unit: "/s" },
        bar: { score: { value: 1 / compared.ratio, unit: "x" }, better: "less", atLeast: 1.3 },
      },
      {
        what: "Get last 100 of a context with 1M entries, 8x4 in flight",
        ours,
        bar: { score: ours, better: "more", atLeast: 3000, aim: 6000 },
      },
    ];
  },
};

async function getRate(bench: Bench, port: number, contextId: string, head: number): Promise<number> {
  const { perSecond } = await h2load(bench, {
    url: `http://127.0.0.1:${port}${paths.get}`,
    headers: Object.fromEntries(contentHeaders("connect", "unary")),
    body: getBody(contextId, head - last, last),
    connections: 8,
    streams: 4,
    seconds: bench.seconds,
  });
  return perSecond;
}
