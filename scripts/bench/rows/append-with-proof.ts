import type { Bench, Row } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { alternate } from "../measure/alternate.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";
import { pipeLoad, unaryLoad } from "../run/load.ts";
import type { Protocol } from "../run/protocol.ts";
import { appendBody, appendStreamMessage, paths } from "../run/requests.ts";

/** So many entries that a proof has some fifteen hashes. */
const entriesBefore = 40_000;
const streamEntries = 16;

type Rate = (bench: Bench, ledger: Ledger, proof: boolean) => Promise<number>;

/** Appends that ask for inclusion proofs against appends that do not. */
export const appendWithProof: Row = {
  name: "append-with-proof",
  needs: ["gcc"],
  run: async (bench): Promise<readonly Line[]> => {
    await using ledger = await startLedger(bench);
    await ledger.fill("true", entriesBefore);
    await ledger.fill("false", entriesBefore);
    const loads: readonly (readonly [string, Rate])[] = [
      ["Append, Connect h2, 8x16 in flight", unaryRate("connect")],
      ["Append, gRPC, 8x16 in flight", unaryRate("grpc")],
      ["AppendStream, Connect h2, 16 entries a message", streamRate],
    ];
    const lines: Line[] = [];
    for (const [what, rate] of loads) {
      const compared = await alternate(
        bench.rounds,
        async () => await rate(bench, ledger, true),
        async () => await rate(bench, ledger, false),
      );
      lines.push({
        what: `${what}, asking for proofs`,
        ours: { value: compared.ours, unit: "/s" },
        against: { name: "not asking", value: compared.theirs, unit: "/s" },
        bar: { score: { value: compared.ratio * 100, unit: "%" }, better: "more", atLeast: 70, aim: 90 },
      });
    }
    return lines;
  },
};

/** Each in a context of its own: one that was asked about keeps its tree in memory. */
function unaryRate(protocol: Protocol): Rate {
  return async (bench, { ports }, proof) => {
    const { done, seconds } = await unaryLoad(bench, {
      protocol,
      port: ports[protocol],
      path: paths.append,
      bodies: [appendBody(String(proof), { proof })],
      connections: 8,
      streams: 16,
      seconds: bench.seconds,
    });
    return done / seconds;
  };
}

async function streamRate(bench: Bench, { ports }: Ledger, proof: boolean): Promise<number> {
  const { done, seconds } = await pipeLoad(bench, {
    protocol: "connect",
    port: ports.connect,
    message: appendStreamMessage(String(proof), streamEntries, { proof }),
    connections: 4,
    streams: 2,
    inFlight: 16,
    seconds: bench.seconds,
  });
  return (done * streamEntries) / seconds;
}
