import {
  createAsyncIterable,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { LedgerError } from "../core/errors.ts";
import { toConnectError } from "./connect-error.ts";

/**
 * Answers a GET whose query is not percent-encoded UTF-8, and leaves every other request alone. URL would replace
 * what it cannot read.
 */
export function badQuery({
  method,
  url,
}: UniversalServerRequest): Promise<UniversalServerResponse> | undefined {
  if (method !== "GET" || isDecodable(url.slice(url.indexOf("?") + 1))) return undefined;
  const error = toConnectError(
    new LedgerError("INVALID_ARGUMENT", "the query is not percent-encoded UTF-8", {
      reason: "INVALID_UTF8",
      field: "message",
      remedy: "encode it as encodeURIComponent does",
    }),
  );
  return Promise.resolve({
    status: codeToHttpStatus(error.code),
    header: new Headers({ "content-type": "application/json" }),
    body: createAsyncIterable([errorToJsonBytes(error, undefined)]),
  });
}

function isDecodable(query: string): boolean {
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false;
  }
}
