import type { Header } from "./hpack.ts";

/** One of the ways to call our server over HTTP/2. */
export type Protocol = "connect" | "grpc";
export type CallKind = "unary" | "stream";

/** The headers of a call; those of connect are as its streams need them if `kind` is stream. */
export function callHeaders(
  protocol: Protocol,
  kind: CallKind,
  port: number,
  path: string,
): readonly Header[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", `127.0.0.1:${port}`],
    ...contentHeaders(protocol, kind),
  ];
}

/** The part of the headers that is not about where the request goes. */
export function contentHeaders(protocol: Protocol, kind: CallKind): readonly Header[] {
  if (protocol === "grpc") {
    return [
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    ];
  }
  const type = kind === "unary" ? "application/proto" : "application/connect+proto";
  return [
    ["content-type", type],
    ["connect-protocol-version", "1"],
  ];
}

/** Puts the five-byte prefix of a gRPC or Connect stream message before it: not compressed, length. */
export function envelope(message: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}
