import type { Bench, Row } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { alternate } from "../measure/alternate.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";
import { pipeLoad, unaryLoad } from "../run/load.ts";
import { appendBody, appendStreamMessage, paths } from "../run/requests.ts";

const contextId = "append";
const streamEntries = 16;

/** Appends of two executables, of which the other keeps no trees: what it costs to keep them. */
export const appendWithTrees: Row = {
  name: "append-with-trees",
  needs: ["gcc"],
  run: async (bench): Promise<readonly Line[]> => {
    if (bench.other === undefined) {
      bench.log("append-with-trees: skipped, --other names no executable to compare with");
      return [];
    }
    await using withTrees = await startLedger(bench);
    await using without = await startLedger({ ...bench, server: bench.other });
    const lines: Line[] = [];
    for (const [what, rate] of Object.entries(loads)) {
      const compared = await alternate(
        bench.rounds,
        async () => await rate(bench, withTrees),
        async () => await rate(bench, without),
      );
      lines.push({
        what: `${what}, with trees`,
        ours: { value: compared.ours, unit: "/s" },
        against: { name: "without", value: compared.theirs, unit: "/s" },
        bar: { score: { value: compared.ratio * 100, unit: "%" }, better: "more", atLeast: 85, aim: 95 },
      });
    }
    return lines;
  },
};

const loads = {
  "Append, Connect h2, 8x16 in flight": async (bench: Bench, { ports }: Ledger): Promise<number> => {
    const { done, seconds } = await unaryLoad(bench, {
      protocol: "connect",
      port: ports.connect,
      path: paths.append,
      bodies: [appendBody(contextId)],
      connections: 8,
      streams: 16,
      seconds: bench.seconds,
    });
    return done / seconds;
  },
  "AppendStream, Connect h2, 16 entries a message": async (
    bench: Bench,
    { ports }: Ledger,
  ): Promise<number> => {
    const { done, seconds } = await pipeLoad(bench, {
      protocol: "connect",
      port: ports.connect,
      message: appendStreamMessage(contextId, streamEntries),
      connections: 4,
      streams: 2,
      inFlight: 16,
      seconds: bench.seconds,
    });
    return (done * streamEntries) / seconds;
  },
};
