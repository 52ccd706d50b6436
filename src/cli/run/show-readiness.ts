import { WriteCopies, MemberState } from "../../gen/converge/ledger/v1/membership_pb.ts";
import type { CliIo } from "../cli-io.ts";
import type { StatusOptions } from "../commands/status.ts";
import { Ended } from "../ended.ts";
import { escapeText } from "../render/escape.ts";
import { withSession } from "../session.ts";
import { loadSettings } from "../settings.ts";
import { UnreachableError } from "../unreachable-error.ts";

/** Prints whether a server is ready, and a line about its cluster, unless it is to be quiet; ends with 1 if it is not. */
export async function showReadiness(io: CliIo, options: StatusOptions): Promise<void> {
  const { url, timeoutMs } = (await loadSettings(io, "client", options)).config;
  const answer = await askReady(url, timeoutMs).catch((error: unknown) => {
    if (options.quiet) throw new Ended(1);
    throw error;
  });
  if (!options.quiet) {
    const cluster = await askCluster(io, options);
    await io.stdout.write(options.json ? answerJson(url, answer, cluster) : answerText(answer, cluster));
  }
  if (!answer.ready) throw new Ended(1);
}

interface ReadyAnswer {
  readonly ready: boolean;
  /** One line for each check, such as "[+]store ok". */
  readonly lines: readonly string[];
}

/** The cluster in a few words; what is not known is left out. */
interface ClusterSummary {
  readonly gossip: boolean;
  /** How many are in which state. */
  readonly members: Readonly<Record<string, number>>;
  readonly replicas?: number;
  readonly writeCopies?: string;
}

async function askReady(url: string, timeoutMs: number): Promise<ReadyAnswer> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(timeoutMs) });
    const lines = (await response.text()).split("\n").filter((line) => line !== "");
    return { ready: response.status === 200, lines };
  } catch (error) {
    throw new UnreachableError(url, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Returns undefined if the server cannot say: readiness is known all the same. */
async function askCluster(io: CliIo, options: StatusOptions): Promise<ClusterSummary | undefined> {
  let summary: ClusterSummary | undefined;
  try {
    await withSession(io, options, async ({ client, signal }) => {
      const { gossip, members } = await client.membership.members({ signal });
      const counts: Record<string, number> = {};
      for (const { state } of members) {
        const name = (MemberState[state] ?? "unknown").toLowerCase();
        counts[name] = (counts[name] ?? 0) + 1;
      }
      const self = members.find(({ isSelf }) => isSelf);
      const { replicas = 0, writeCopies = WriteCopies.UNSPECIFIED } = self ?? {};
      summary = {
        gossip: gossip?.on === true,
        members: counts,
        ...(replicas === 0 ? {} : { replicas, writeCopies: writeCopiesText(writeCopies) }),
      };
    });
  } catch (error) {
    if (error instanceof Ended) throw error;
  }
  return summary;
}

function writeCopiesText(writeCopies: WriteCopies): string {
  return writeCopies === WriteCopies.ONE ? "1" : (WriteCopies[writeCopies] ?? "unknown").toLowerCase();
}

function answerText({ lines }: ReadyAnswer, cluster: ClusterSummary | undefined): string {
  const all = cluster === undefined ? lines : [...lines, clusterLine(cluster)];
  return all.map((line) => `${escapeText(line)}\n`).join("");
}

function clusterLine({ gossip, members, replicas, writeCopies }: ClusterSummary): string {
  if (!gossip) return "cluster none: this node does not gossip";
  const counts = Object.entries(members).map(([state, count]) => `${count} ${state}`);
  const settings = replicas === undefined ? [] : [`replicas ${replicas}`, `write copies ${writeCopies}`];
  return `cluster ${[...counts, ...settings].join(", ")}`;
}

function answerJson(url: string, { ready, lines }: ReadyAnswer, cluster: ClusterSummary | undefined): string {
  const checks = lines.flatMap((line) => {
    const [, sign, name, detail] = /^\[([+!-])\](\S+) ?(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, ok: sign !== "-", degraded: sign === "!", detail }];
  });
  return `${JSON.stringify({ url, ready, checks, ...(cluster === undefined ? {} : { cluster }) })}\n`;
}
