import { toJsonString } from "@bufbuild/protobuf";
import {
  type ContextStatus,
  ContextStatusSchema,
  CopiesAgreement,
  type Holder,
} from "../../gen/converge/ledger/v1/cluster_pb.ts";
import { MemberState } from "../../gen/converge/ledger/v1/membership_pb.ts";
import { Ended } from "../ended.ts";
import { epochText } from "../render/epoch-text.ts";
import { escapeText } from "../render/escape.ts";
import type { Session } from "../session.ts";

/**
 * Prints where a context is kept and how far each copy is, unless it is to be quiet. Ends with 1 if copies differ, and, if it
 * is quiet, also if one is missing or shorter.
 */
export async function showContextStatus(session: Session, contextId: string, quiet: boolean): Promise<void> {
  const { client, io, json, signal } = session;
  const status = await client.cluster.status(contextId, { signal }).catch((error: unknown) => {
    if (quiet) throw new Ended(1);
    throw error;
  });
  const text = json ? `${toJsonString(ContextStatusSchema, status)}\n` : statusLines(status);
  if (!quiet) await io.stdout.write(text);
  const { agreement } = status;
  const isWell = quiet ? agreement === CopiesAgreement.EQUAL : agreement !== CopiesAgreement.DIFFERENT;
  if (!isWell) throw new Ended(1);
}

function statusLines(status: ContextStatus): string {
  const { contextId, agreement, latestSequence, committedSequence, epoch, copiesRequired } = status;
  const summary = [
    escapeText(contextId),
    (CopiesAgreement[agreement] ?? "unknown").toLowerCase(),
    latestSequence,
    committedSequence,
    epochText(epoch),
    copiesRequired,
    status.pendingArchives,
    status.forks,
  ];
  return [...status.holders.map(holderCells), summary].map((cells) => `${cells.join("\t")}\n`).join("");
}

function holderCells({ nodeId, name, state, isHome, outcome }: Holder): (string | bigint)[] {
  const who = [
    "holder",
    nodeId === "" ? "-" : nodeId,
    name === "" ? "-" : escapeText(name),
    state === MemberState.UNSPECIFIED ? "-" : (MemberState[state] ?? "unknown").toLowerCase(),
    isHome ? "home" : "-",
  ];
  if (outcome.case !== "copy") return [...who, "-", "-", "-", escapeText(outcome.value ?? "no answer")];
  const { latestSequence, committedSequence, lag, root } = outcome.value;
  return [
    ...who,
    latestSequence,
    committedSequence,
    lag,
    `${latestSequence}:${Buffer.from(root).toString("hex")}`,
  ];
}
