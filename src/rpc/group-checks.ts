import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { checkText } from "../core/validate.ts";

/** Throws INVALID_ARGUMENT unless a text can be the id of a member; an empty one stands for none. */
export function checkGroupMemberId(field: "member_id" | "from_member_id", id: string): void {
  checkLabel({ field, text: id, bytesMax: limits.groupMemberIdBytesMax, reason: "GROUP_MEMBER_ID_INVALID" });
}

/** Throws INVALID_ARGUMENT unless a text can be what people call a member. */
export function checkGroupMemberName(name: string): void {
  checkLabel({
    field: "name",
    text: name,
    bytesMax: limits.groupMemberNameBytesMax,
    reason: "GROUP_MEMBER_NAME_INVALID",
  });
}

/** Throws INVALID_ARGUMENT if a member says more about itself than everybody in its group is to be sent. */
export function checkGroupMetadata(metadata: Readonly<Record<string, string>>): void {
  const pairs = Object.entries(metadata);
  const { groupMetadataPairsMax: pairsMax, groupMetadataBytesMax: bytesMax } = limits;
  if (pairs.length > pairsMax) throw tooLong(`metadata has ${pairs.length} pairs`, pairs.length, pairsMax);
  const bytes = pairs.reduce(
    (sum, [name, value]) => sum + checkText("metadata", name) + checkText("metadata", value),
    0,
  );
  if (bytes > bytesMax) throw tooLong(`metadata is ${bytes} bytes`, bytes, bytesMax);
}

/** Throws RESOURCE_EXHAUSTED if a message is too long for a group. */
export function checkGroupPayload(payload: Uint8Array): void {
  const { groupPayloadBytesMax: limit } = limits;
  if (payload.length <= limit) return;
  throw new LedgerError("RESOURCE_EXHAUSTED", `payload is ${payload.length} bytes, more than ${limit}`, {
    reason: "GROUP_PAYLOAD_TOO_LARGE",
    field: "payload",
    value: payload.length,
    limit,
    remedy: "append it to the context, and send its sequence",
  });
}

function checkLabel(given: { field: string; text: string; bytesMax: number; reason: string }): void {
  const { field, text, bytesMax, reason } = given;
  const bytes = checkText(field, text);
  if (bytes <= bytesMax && !/\p{Cc}/u.test(text)) return;
  const said = `${field} is not up to ${bytesMax} bytes without control characters`;
  throw new LedgerError("INVALID_ARGUMENT", said, {
    reason,
    field,
    value: text.slice(0, 64),
    limit: bytesMax,
    remedy: "choose a short text that fits on a line",
  });
}

function tooLong(said: string, value: number, limit: number): LedgerError {
  return new LedgerError("INVALID_ARGUMENT", `${said}, more than ${limit}`, {
    reason: "GROUP_METADATA_TOO_LONG",
    field: "metadata",
    value,
    limit,
    remedy: "say less about the member",
  });
}
