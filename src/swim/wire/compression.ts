import type { FieldReader } from "./field-reader.ts";
import { fields, fieldSet } from "./fields.ts";
import { inflateLzw } from "./lzw.ts";
import type { Refusal } from "./refusal.ts";

/** Returns the message in the compressed layer whose fields `reader` stands before; else why there is none. */
export function inflate(reader: FieldReader, bytesMax: number): Uint8Array | Refusal {
  if (!reader.read(compressFields)) return "malformed";
  if (reader.algo !== lzwAlgorithm) return "compression";
  return inflateLzw(reader.buf, bytesMax) ?? "compression";
}

const lzwAlgorithm = 0;
const compressFields = fieldSet(fields.algo, fields.buf);
