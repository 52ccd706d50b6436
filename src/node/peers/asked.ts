import type { LedgerError } from "../../core/errors.ts";
import type { Caller } from "./caller.ts";

/** A call or a stream that was asked of another node, as the connection sees it. */
export interface Asked {
  readonly isStream: boolean;
  /** The number that the proto gives to its kind. */
  readonly kind: number;
  /** The request, or the body that opens the stream. */
  readonly body: Uint8Array;
  /** It is on its way. */
  readonly begun: (caller: Caller, id: number) => void;
  /** Tells if a stream may send an item of so many bytes now. */
  readonly expects: (itemBytes: number) => boolean;
  /** The answer, or one item; the array belongs to the receiver. */
  readonly answered: (bytes: Uint8Array) => void;
  /** A stream is at its end. */
  readonly ended: () => void;
  /** The last word. */
  readonly failed: (error: LedgerError) => void;
}
