import { type ErrorCode, type ErrorFacts, LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { utf8Length } from "../../core/utf8.ts";
import { WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

type Fact = NonNullable<ErrorFacts["value"]>;

/** As google.rpc.Code numbers them. */
const codeNumbers: Readonly<Record<ErrorCode, number>> = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
};
const codes = new Map(Object.entries(codeNumbers).map(([code, number]) => [number, code as ErrorCode]));
const textMax = limits.peerErrorTextBytesMax;

/** Returns an error as another node reads it with {@link readError}: its code, sentence and facts; long text is cut. */
export function writeError({ code, message, facts }: LedgerError): Uint8Array {
  const { reason, field, value, limit, remedy, sequence, retryAfterMs } = facts;
  const ending = remedy === undefined ? "" : `; ${remedy}`;
  const sentence = message.endsWith(ending) ? message.slice(0, message.length - ending.length) : message;
  const writer = new WireWriter().uint(1, codeNumbers[code]).text(2, cut(sentence)).text(3, cut(reason));
  writer.optionalText(4, field === undefined ? undefined : cut(field));
  if (value !== undefined) writer.message(5, (nested) => writeFact(nested, value));
  if (limit !== undefined) writer.message(6, (nested) => writeFact(nested, limit));
  writer.optionalText(7, remedy === undefined ? undefined : cut(remedy));
  writer
    .optionalUint(8, sequence)
    .optionalUint(9, retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs));
  return writer.finish();
}

/** Returns the error that another node has sent; bytes that are none become an error that says so. */
export function readError(bytes: Uint8Array): LedgerError {
  try {
    return parse(new WireReader(bytes));
  } catch (cause) {
    const text = "another node has failed with an error that this one cannot read";
    return new LedgerError("INTERNAL", text, { reason: "PEER_ANSWER_INVALID" }, { cause });
  }
}

function parse(reader: WireReader): LedgerError {
  let code: ErrorCode = "INTERNAL";
  let message = "";
  const facts: { -readonly [Name in keyof ErrorFacts]: ErrorFacts[Name] } = { reason: "INTERNAL" };
  while (reader.next()) {
    if (reader.field === 1) code = codes.get(reader.uint("code")) ?? "INTERNAL";
    else if (reader.field === 2) message = reader.text("message", textMax);
    else if (reader.field === 3) facts.reason = reader.text("reason", textMax);
    else if (reader.field === 4) facts.field = reader.text("field", textMax);
    else if (reader.field === 5) facts.value = reader.message("value", readFact);
    else if (reader.field === 6) facts.limit = reader.message("limit", readFact);
    else if (reader.field === 7) facts.remedy = reader.text("remedy", textMax);
    else if (reader.field === 8) facts.sequence = reader.uint("sequence");
    else if (reader.field === 9) facts.retryAfterMs = reader.uint("retry_after_ms");
  }
  return new LedgerError(code, message, facts);
}

function writeFact(writer: WireWriter, fact: Fact): void {
  if (typeof fact === "string") writer.optionalText(1, cut(fact));
  else if (typeof fact === "number") writer.double(2, fact);
  else writer.optionalText(3, fact.toString());
}

function readFact(reader: WireReader): Fact {
  let fact: Fact = "";
  while (reader.next()) {
    if (reader.field === 1) fact = reader.text("fact", textMax);
    else if (reader.field === 2) fact = reader.double("fact");
    else if (reader.field === 3) {
      const digits = reader.text("fact", textMax);
      fact = /^-?\d{1,400}$/.test(digits) ? BigInt(digits) : digits;
    }
  }
  return fact;
}

/** Text of errors may hold what a client has sent. */
function cut(text: string): string {
  const formed = text.toWellFormed();
  if (utf8Length(formed) <= textMax) return formed;
  return `${formed.slice(0, Math.floor(textMax / 3) - 1).toWellFormed()}…`;
}
