import type { Bench, Row } from "../run/bench.ts";
import type { Line } from "../line.ts";
import { alternate } from "../measure/alternate.ts";
import { type Etcd, etcdPut, putBody, startEtcd } from "../peers/etcd.ts";
import { type Ledger, startLedger } from "../peers/ledger.ts";
import { h2load } from "../run/h2load.ts";
import { contentHeaders, envelope, type Protocol } from "../run/protocol.ts";
import { appendBody, paths } from "../run/requests.ts";

const load = { connections: 8, streams: 16 };
const contextId = "append";

/** Durable unary Append over Connect against etcd's Put, one context against one key. */
export const appendConnect = appendRow({
  name: "append-connect",
  protocol: "connect",
  what: "durable unary Append, Connect h2, 8x16 in flight",
  bar: { atLeast: 1.3, aim: 2 },
});

export const appendGrpc = appendRow({
  name: "append-grpc",
  protocol: "grpc",
  what: "durable unary Append, gRPC, 8x16 in flight",
  bar: { atLeast: 0.9, aim: 1.4 },
});

interface AppendRow {
  readonly name: string;
  readonly protocol: Protocol;
  readonly what: string;
  readonly bar: { readonly atLeast: number; readonly aim: number };
}

function appendRow({ name, protocol, what, bar }: AppendRow): Row {
  return {
    name,
    needs: ["h2load", "etcd"],
    run: async (bench): Promise<readonly Line[]> => {
      await using ledger = await startLedger(bench);
      await using etcd = await startEtcd(bench);
      const compared = await alternate(
        bench.rounds,
        async () => await appendRate(bench, ledger, protocol),
        async () => await putRate(bench, etcd),
      );
      return [
        {
          what,
          ours: { value: compared.ours, unit: "/s" },
          against: { name: "etcd Put", value: compared.theirs, unit: "/s" },
          bar: { score: { value: compared.ratio, unit: "x" }, better: "more", ...bar },
        },
      ];
    },
  };
}

/** gRPC answers 200 whatever happened, so the entries are counted, too. */
async function appendRate(bench: Bench, ledger: Ledger, protocol: Protocol): Promise<number> {
  const body = appendBody(contextId);
  const before = await ledger.latestSequence(contextId);
  const { perSecond, succeeded } = await h2load(bench, {
    ...load,
    url: `http://127.0.0.1:${ledger.ports[protocol]}${paths.append}`,
    headers: Object.fromEntries(contentHeaders(protocol, "unary")),
    body: protocol === "grpc" ? envelope(body) : body,
    seconds: bench.seconds,
  });
  const added = (await ledger.latestSequence(contextId)) - before;
  if (added < succeeded) throw new Error(`${succeeded} appends were answered, ${added} entries were added`);
  return perSecond;
}

async function putRate(bench: Bench, etcd: Etcd): Promise<number> {
  const before = await etcd.revision();
  const { perSecond, succeeded } = await h2load(bench, {
    ...load,
    url: `http://127.0.0.1:${etcd.port}${etcdPut}`,
    headers: Object.fromEntries(contentHeaders("grpc", "unary")),
    body: putBody(),
    seconds: bench.seconds,
  });
  const added = (await etcd.revision()) - before;
  if (added < succeeded) throw new Error(`${succeeded} puts were answered, ${added} revisions were added`);
  return perSecond;
}
