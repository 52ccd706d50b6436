import { contextNames } from "../../../trials/world/context-names.ts";
import type { Line } from "../../line.ts";
import { alternate } from "../../measure/alternate.ts";
import { residentBytes, settledResidentBytes } from "../../measure/resident-bytes.ts";
import { startLedger } from "../../peers/ledger.ts";
import type { Bench } from "../../run/bench.ts";
import { unaryLoad } from "../../run/load.ts";
import { appendBody, paths } from "../../run/requests.ts";
import { openCluster } from "./open-cluster.ts";

const load = { connections: 8, streams: 16 };
const mb = 2 ** 20;

/** Appends with three copies against the same executable alone, and what memory the cluster costs each node. */
export async function appendLines(bench: Bench): Promise<readonly Line[]> {
  await using opened = await openCluster(bench, { nodes: 3 });
  await using single = await startLedger(bench);
  const { cluster } = opened;
  await cluster.start();
  const [contextId = ""] = await contextNames(cluster, 1, 0);
  const rate = async (port: number): Promise<number> => {
    const request = { protocol: "grpc", path: paths.append, bodies: [appendBody(contextId)] } as const;
    const { done, seconds } = await unaryLoad(bench, { ...request, ...load, port, seconds: bench.seconds });
    return done / seconds;
  };
  const compared = await alternate(
    bench.rounds,
    async () => await rate(cluster.node(0).settings.place.grpcPort),
    async () => await rate(single.ports.grpc),
  );
  const alone = await settledResidentBytes(single.pid);
  const each = await Promise.all(cluster.running.map(async ({ pid = 0 }) => await residentBytes(pid)));
  const beyond = { value: (Math.max(...each) - alone) / mb, unit: "MB" } as const;
  return [
    {
      what: "durable Append, gRPC, 8x16 in flight, three copies on one machine, majority",
      ours: { value: compared.ours, unit: "/s" },
      against: { name: "the same node alone", value: compared.theirs, unit: "/s" },
      bar: { score: { value: compared.ratio, unit: "x" }, better: "more", atLeast: 0.35 },
    },
    {
      what: "memory of a node of three beyond one alone, after the same load",
      ours: beyond,
      against: { name: "alone", value: alone / mb, unit: "MB" },
      bar: { score: beyond, better: "less", atLeast: 40 },
    },
  ];
}
