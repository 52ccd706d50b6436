import { toJsonString } from "@bufbuild/protobuf";
import type { MembershipCalls } from "../../client/membership-calls.ts";
import { LedgerError } from "../../core/errors.ts";
import {
  type GossipKey,
  type GossipKeyFailure,
  type GossipKeyReport,
  GossipKeyReportSchema,
} from "../../gen/converge/ledger/v1/membership_pb.ts";
import { escapeText } from "../render/escape.ts";
import type { Session } from "../session.ts";

/** What to do with the gossip keys of all members. */
export type KeyringChange =
  | { readonly action: "list" }
  | { readonly action: "add"; readonly key: Uint8Array }
  | { readonly action: "use" | "remove"; readonly id: string };

/** Changes the gossip keys, and prints which members have which. Throws if some did not do it. */
export async function changeKeyring(
  { client, io, json, signal }: Session,
  change: KeyringChange,
): Promise<void> {
  const report = await send(client.membership, change, signal);
  const text = json ? `${toJsonString(GossipKeyReportSchema, report)}\n` : report.keys.map(keyLine).join("");
  await io.stdout.write(text);
  if (report.failures.length > 0) throw incomplete(report.failures);
}

function send(calls: MembershipCalls, change: KeyringChange, signal: AbortSignal): Promise<GossipKeyReport> {
  switch (change.action) {
    case "list":
      return calls.listGossipKeys({ signal });
    case "add":
      return calls.addGossipKey(change.key, { signal });
    case "use":
      return calls.useGossipKey(change.id, { signal });
    case "remove":
      return calls.removeGossipKey(change.id, { signal });
  }
}

function keyLine({ id, members, primaryOf }: GossipKey): string {
  return `${[escapeText(id), members.length, primaryOf.length].join("\t")}\n`;
}

/** One line a member, after one that says how many. */
function incomplete(failures: readonly GossipKeyFailure[]): LedgerError {
  const count = `${failures.length} ${failures.length === 1 ? "member" : "members"} did not do it`;
  const named = failures.map(({ member, error }) => `${escapeText(member)} (${escapeText(error)})`);
  return new LedgerError("UNAVAILABLE", `${count}: ${named.join(", ")}`, {
    reason: "KEYRING_INCOMPLETE",
    value: failures.length,
    remedy: "repeat the command when they answer, or remove them from the cluster",
  });
}
