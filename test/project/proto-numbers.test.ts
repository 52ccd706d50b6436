/**
 * The numbers of converge.context.v1, which clients of the first implementation were compiled with.
 *
 * @module
 */

import { type DescField, ScalarType } from "@bufbuild/protobuf";
import { describe, expect, test } from "bun:test";
import {
  ContextService,
  file_converge_context_v1_context,
} from "../../src/gen/converge/context/v1/context_pb.ts";

/** Of the first implementation. */
const fixed = {
  Entry: {
    id: "string 1",
    key: "string 2",
    payload: "bytes 3",
    sequence: "uint64 4",
    appended_at_ns: "uint64 5",
    metadata: "map<string, string> 6",
  },
  AppendRequest: {
    context_id: "string 1",
    key: "string 2",
    payload: "bytes 3",
    metadata: "map<string, string> 4",
  },
  AppendResponse: { entry: "Entry 1" },
  GetRequest: { context_id: "string 1", key: "string 2", after_sequence: "uint64 3", limit: "uint32 4" },
  GetResponse: { entries: "repeated Entry 1", latest_sequence: "uint64 2" },
  SnapshotRequest: { context_id: "string 1" },
  SnapshotResponse: { snapshot: "bytes 1", sequence: "uint64 2", metadata: "SnapshotMetadata 3" },
  SnapshotMetadata: { created_at_ns: "uint64 1", entry_count: "uint64 2", version: "uint32 3" },
  LoadRequest: { context_id: "string 1", snapshot: "bytes 2", fail_if_exists: "bool 3" },
  LoadResponse: { entries_restored: "uint64 1", latest_sequence: "uint64 2" },
  WatchRequest: { context_id: "string 1", key: "string 2", from_sequence: "uint64 3" },
  WatchEvent: { entry: "Entry 1" },
};

/** Added since. */
const added: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Entry: { lamport: "uint64 7", content_hash: "bytes 8" },
  AppendRequest: {
    received_lamport: "uint64 5",
    idempotency_key: "string 6",
    proof: "bool 7",
    min_copies: "uint32 8",
  },
  AppendResponse: { duplicate: "bool 2", durability: "Durability 3", proof: "InclusionProof 4" },
  GetRequest: { max_bytes: "uint32 5", min_sequence: "uint64 6", resume_token: "bytes 7", read: "Read 8" },
  GetResponse: { more: "bool 3", resume_token: "bytes 4" },
  SnapshotMetadata: { root: "bytes 4", seed_root: "bytes 5" },
  LoadRequest: { expected_root: "string 4", allow_unverified: "bool 5" },
  LoadResponse: { entries_added: "uint64 3", unverified: "bool 4", resume_token: "bytes 5" },
  WatchRequest: {
    resume_token: "bytes 4",
    heartbeat_ms: "uint32 5",
    proofs: "bool 6",
    control_events: "bool 7",
  },
  WatchEvent: {
    heartbeat: "Heartbeat 2",
    caught_up: "CaughtUp 3",
    gap: "Gap 4",
    reset: "Reset 5",
    frontier: "Frontier 6",
    skipped: "Skipped 7",
    root: "bytes 8",
  },
};

const messages = new Map(file_converge_context_v1_context.messages.map((message) => [message.name, message]));

describe("converge.context.v1 keeps the fields of", () => {
  test.each(Object.entries(fixed))("%s", (name, fields) => {
    expect(fieldsOf(name)).toMatchObject({ ...fields, ...added[name] });
  });
});

test("converge.context.v1.ContextService keeps its five operations", () => {
  const kinds = ContextService.methods.map(
    ({ name, methodKind, input, output }) => `${name} ${methodKind} ${input.name} ${output.name}`,
  );
  expect(kinds).toEqual([
    "Append unary AppendRequest AppendResponse",
    "Get unary GetRequest GetResponse",
    "Snapshot unary SnapshotRequest SnapshotResponse",
    "Load unary LoadRequest LoadResponse",
    "Watch server_streaming WatchRequest WatchEvent",
  ]);
  expect(ContextService.typeName).toBe("converge.context.v1.ContextService");
});

function fieldsOf(name: string): Record<string, string> {
  const fields = messages.get(name)?.fields ?? [];
  return Object.fromEntries(fields.map((field) => [field.name, `${typeOf(field)} ${field.number}`]));
}

function typeOf(field: DescField): string {
  switch (field.fieldKind) {
    case "scalar":
      return scalarName(field.scalar);
    case "message":
      return field.message.name;
    case "enum":
      return field.enum.name;
    case "map":
      return `map<${scalarName(field.mapKey)}, ${field.mapKind === "scalar" ? scalarName(field.scalar) : field.mapKind}>`;
    case "list":
      return `repeated ${field.listKind === "message" ? field.message.name : field.listKind}`;
  }
}

function scalarName(type: ScalarType): string {
  return ScalarType[type].toLowerCase();
}
