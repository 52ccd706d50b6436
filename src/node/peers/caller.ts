import { limits } from "../../core/limits.ts";
import { Allowance } from "./allowance.ts";
import type { Asked } from "./asked.ts";
import { Assembly } from "./assembly.ts";
import type { Connection, Ending } from "./connection.ts";
import { readError } from "./error-codec.ts";
import { type Frame, frameKind } from "./frame.ts";
import type { OutCall } from "./out-call.ts";
import type { OutStream } from "./out-stream.ts";
import { lost } from "./peer-error.ts";

interface Entry {
  readonly asked: Asked;
  assembly: Assembly | undefined;
  assembles: "answer" | "item" | "error" | undefined;
}

const maxima = {
  answer: limits.peerMessageBytesMax,
  item: limits.peerItemBytesMax,
  error: 16 * limits.peerErrorTextBytesMax,
} as const;

/** The side of a connection that asks: any number of calls and streams to one node. */
export class Caller {
  readonly connection: Connection;
  /** Why the connection is over. */
  readonly ended: Promise<Ending>;
  readonly #onEnded: (ending: Ending) => void;
  readonly #entries = new Map<number, Entry>();
  readonly #answers = new Allowance({ count: Number.POSITIVE_INFINITY, bytes: limits.peerBytesMax });
  #lastId = 0;
  #isRetired = false;

  /** The connection is agreed on and nobody reads it. */
  constructor(connection: Connection, rest: Uint8Array) {
    this.connection = connection;
    const { promise, resolve } = Promise.withResolvers<Ending>();
    this.ended = promise;
    this.#onEnded = resolve;
    connection.start({ onFrame: (frame) => this.#received(frame), onEnded: (end) => this.#end(end) }, rest);
  }

  get isIdle(): boolean {
    return this.#entries.size === 0;
  }

  /** Sends the request of a call. */
  call(call: OutCall, timeoutMs: number): void {
    const prefix = new Uint8Array(5);
    prefix[0] = call.kind;
    new DataView(prefix.buffer).setUint32(1, Math.min(0xffff_ffff, Math.ceil(timeoutMs)));
    this.#ask(call, frameKind.request, prefix, call.body);
  }

  /** Opens a stream. */
  open(stream: OutStream): void {
    const prefix = new Uint8Array(5);
    prefix[0] = stream.kind;
    new DataView(prefix.buffer).setUint32(1, stream.windowBytes);
    this.#ask(stream, frameKind.open, prefix, stream.body);
  }

  /** The answer is not wanted any more. */
  cancel(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#forget(id, entry);
    this.connection.drop(id);
    this.connection.sendUrgent(frameKind.cancel, id);
  }

  /** Lets a stream send so many bytes more. */
  grant(id: number, bytes: number): void {
    if (!this.#entries.has(id)) return;
    const prefix = new Uint8Array(4);
    new DataView(prefix.buffer).setUint32(0, bytes);
    this.connection.sendUrgent(frameKind.credit, id, prefix);
  }

  /** Closes the connection as soon as nothing is under way. Nothing new is asked any more. */
  retire(): void {
    this.#isRetired = true;
    this.#closeIfDone();
  }

  #ask(asked: Asked, kind: number, prefix: Uint8Array, bytes: Uint8Array): void {
    const id = (this.#lastId += 1);
    this.#entries.set(id, { asked, assembly: undefined, assembles: undefined });
    asked.begun(this, id);
    this.connection.send({ kind, id, prefix, bytes });
  }

  #received({ kind, id, body }: Frame): string | undefined {
    const entry = this.#entries.get(id);
    switch (kind) {
      case frameKind.answer:
      case frameKind.item:
      case frameKind.error:
        return entry === undefined ? undefined : this.#begin(id, entry, kind, body);
      case frameKind.more:
        return entry === undefined ? undefined : this.#continue(id, entry, body);
      case frameKind.end:
        if (entry === undefined) return undefined;
        if (!entry.asked.isStream || entry.assembly !== undefined) return "something ended that is not over";
        this.#forget(id, entry);
        entry.asked.ended();
        return undefined;
      default:
        return `the other side sent a frame of kind ${kind}`;
    }
  }

  #begin(id: number, entry: Entry, kind: number, body: Uint8Array): string | undefined {
    if (body.length < 4 || entry.assembly !== undefined) return "a message does not begin as it should";
    const total = new DataView(body.buffer, body.byteOffset).getUint32(0);
    const what = kind === frameKind.answer ? "answer" : kind === frameKind.item ? "item" : "error";
    const { asked } = entry;
    if (what !== "error" && asked.isStream !== (what === "item")) return `an ${what} was not asked for`;
    if (total > maxima[what]) return `an ${what} has ${total} bytes`;
    if (what === "item" && !asked.expects(total)) return "an item came without credit";
    if (!this.#answers.take(total)) {
      this.cancel(id);
      asked.failed(lost(this.connection.session.nodeId, "too many bytes of answers are under way"));
      return undefined;
    }
    const first = body.subarray(4);
    if (first.length > total) return "a message is longer than it says";
    entry.assembly = new Assembly(total, first);
    entry.assembles = what;
    this.#complete(id, entry);
    return undefined;
  }

  #continue(id: number, entry: Entry, body: Uint8Array): string | undefined {
    if (entry.assembly === undefined) return "a message goes on that has not begun";
    if (!entry.assembly.fits(body)) return "a message is longer than it says";
    entry.assembly.add(body);
    this.#complete(id, entry);
    return undefined;
  }

  #complete(id: number, entry: Entry): void {
    const { asked, assembly, assembles } = entry;
    if (assembly === undefined || !assembly.isComplete) return;
    if (assembles === "item") {
      this.#answers.give(assembly.total);
      entry.assembly = undefined;
      asked.answered(loose(assembly.take()));
      return;
    }
    this.#forget(id, entry);
    // A node that cannot be asked for the rest of the request needs none of it.
    this.connection.drop(id);
    if (assembles === "error") asked.failed(readError(assembly.take()));
    else asked.answered(assembly.take());
  }

  #forget(id: number, entry: Entry): void {
    this.#entries.delete(id);
    if (entry.assembly !== undefined) this.#answers.give(entry.assembly.total);
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#isRetired && this.isIdle)
      this.connection.end({ kind: "closed", text: "it is not needed any more" });
  }

  #end(ending: Ending): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#onEnded(ending);
    for (const { asked } of entries) asked.failed(lost(this.connection.session.nodeId, ending.text));
  }
}

/** Items may wait long for their reader: a small one must not keep a large record in memory. */
function loose(item: Uint8Array): Uint8Array {
  return 4 * item.length < item.buffer.byteLength ? item.slice() : item;
}
