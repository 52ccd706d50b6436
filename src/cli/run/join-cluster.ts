import { toJsonString } from "@bufbuild/protobuf";
import { LedgerError } from "../../core/errors.ts";
import { type JoinOutcome, JoinResponseSchema } from "../../gen/converge/ledger/v1/membership_pb.ts";
import { escapeText } from "../render/escape.ts";
import type { Session } from "../session.ts";

/** Lets the server join others, and prints how each answered. Throws if none was reached. */
export async function joinCluster(
  { client, io, json, signal }: Session,
  addresses: readonly string[],
): Promise<void> {
  const answer = await client.membership.join(addresses, { signal });
  const text = json
    ? `${toJsonString(JoinResponseSchema, answer)}\n`
    : answer.outcomes.map(outcomeLine).join("");
  await io.stdout.write(text);
  if (answer.outcomes.some(({ error }) => error === "")) return;
  const count = answer.outcomes.length;
  if (answer.outcomes.every(({ reason }) => reason === "SETTINGS_DIFFER")) throw settingsDiffer();
  throw new LedgerError(
    "UNAVAILABLE",
    `none of ${count} ${count === 1 ? "address" : "addresses"} was reached`,
    {
      reason: "NONE_JOINED",
      remedy:
        "check that the nodes there run with --gossip, with the same label and keys, and that UDP and TCP reach them",
    },
  );
}

function settingsDiffer(): LedgerError {
  return new LedgerError("FAILED_PRECONDITION", "the cluster there has other settings than the server", {
    reason: "SETTINGS_DIFFER",
    remedy: "start the server with the settings of that cluster, which the outcome names",
  });
}

function outcomeLine({ address, members, error }: JoinOutcome): string {
  const how = error === "" ? ["joined", members] : ["failed", escapeText(error)];
  return `${[escapeText(address), ...how].join("\t")}\n`;
}
