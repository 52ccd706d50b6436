/** A message in ProtoJSON. */
export type Json = Readonly<Record<string, unknown>>;

/** How a call went: with an answer, or with the gRPC name of a code. */
export type Outcome =
  | { readonly ok: true; readonly answer: Json }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface Call {
  readonly url: string;
  /** `package.Service/Method` */
  readonly method: string;
  readonly request: Json;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export const methods = {
  append: "converge.context.v1.ContextService/Append",
  get: "converge.context.v1.ContextService/Get",
  checkpoint: "converge.ledger.v1.IntegrityService/GetCheckpoint",
  treeHead: "converge.ledger.v1.IntegrityService/GetTreeHead",
  members: "converge.ledger.v1.MembershipService/Members",
} as const;

const timeoutMsDefault = 5_000;

/** Calls by the Connect protocol in JSON. Never rejects: who cannot be reached is UNAVAILABLE, who is silent DEADLINE_EXCEEDED. */
export async function call({
  url,
  method,
  request,
  timeoutMs = timeoutMsDefault,
  signal,
}: Call): Promise<Outcome> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(`${url}/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    });
    const answer = (await response.json()) as Json;
    if (response.ok) return { ok: true, answer };
    return { ok: false, code: codeOf(answer["code"]), message: textOf(answer["message"]) };
  } catch (error) {
    const code = late.aborted ? "DEADLINE_EXCEEDED" : "UNAVAILABLE";
    return { ok: false, code, message: String(error) };
  }
}

/** The answer of a call that has to succeed. */
export async function mustCall(request: Call): Promise<Json> {
  const outcome = await call(request);
  if (outcome.ok) return outcome.answer;
  throw new Error(`${request.method} at ${request.url}: ${outcome.code} ${outcome.message}`);
}

function codeOf(code: unknown): string {
  const name = textOf(code).toUpperCase();
  return name === "CANCELED" ? "CANCELLED" : name;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
