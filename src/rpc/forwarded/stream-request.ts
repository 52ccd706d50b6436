import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { StreamRequestSchema } from "../../gen/converge/peer/v1/forward_pb.ts";

/** What opens a stream of another node. */
export interface StreamRequest {
  /** Nodes it has passed. */
  readonly hops: number;
  readonly method: string;
  /** As the method defines. */
  readonly body: Uint8Array;
}

export function encodeStreamRequest({ hops, method, body }: StreamRequest): Uint8Array {
  return toBinary(StreamRequestSchema, create(StreamRequestSchema, { hops, method, body }));
}

/** Throws if it is no message. */
export function decodeStreamRequest(bytes: Uint8Array): StreamRequest {
  return fromBinary(StreamRequestSchema, bytes);
}
