import { LedgerError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { Log } from "../../core/log.ts";
import type { PeerCallKind } from "../../sync/peer-messages.ts";
import type { PeerHandlers, PeerStreamKind } from "./peers.ts";
import type { Allowance } from "./allowance.ts";
import { Assembly } from "./assembly.ts";
import { callOf, readRequest, streamOf, writeAnswer } from "./codec.ts";
import type { Connection, Ending } from "./connection.ts";
import { writeError } from "./error-codec.ts";
import { type Frame, frameKind } from "./frame.ts";
import { itemCostBytes } from "./out-stream.ts";
import { countOutcome, type PeerCounters } from "./peer-counters.ts";
import {
  busy,
  lost,
  cancelled,
  deadlineExceeded,
  messageTooLarge,
  notReady,
  unknownCall,
  unreachable,
} from "./peer-error.ts";
import type { PeerClock } from "./peer-options.ts";

export interface CalleeOptions {
  readonly connection: Connection;
  /** This node. */
  readonly nodeId: string;
  /** Undefined while this node is not ready. */
  readonly handlers: () => PeerHandlers | undefined;
  /** Of the node that asks, whatever connection it uses. */
  readonly allowances: { readonly calls: Allowance; readonly streams: Allowance };
  readonly clock: PeerClock;
  readonly counters: PeerCounters;
  readonly log: Log;
  /** Nothing is wanted any more. */
  readonly onEnded: (ending: Ending) => void;
  /** A handler is done with something that is not wanted any more. */
  readonly onIdle: () => void;
}

interface Task {
  readonly id: number;
  readonly kind:
    | { readonly call: PeerCallKind; readonly stream?: never }
    | { readonly stream: PeerStreamKind; readonly call?: never };
  readonly allowance: Allowance;
  readonly controller: AbortController;
  readonly assembly: Assembly;
  /** The handler has it. */
  isServed: boolean;
  cancelTimer: () => void;
  /** What a stream may send. */
  creditBytes: number;
  wake: (() => void) | undefined;
}

const none = new Uint8Array(0);

/** The side of a connection that is asked: hands calls and streams of one node to the handlers of this one. */
export class Callee {
  readonly #options: CalleeOptions;
  readonly #from: string;
  /** Wanted by the other side, by id. */
  readonly #tasks = new Map<number, Task>();
  #lastId = 0;

  constructor(options: CalleeOptions) {
    this.#options = options;
    this.#from = options.connection.session.nodeId;
  }

  /** Begins to answer. The connection is agreed on and nobody reads it; `rest` was read with the handshake. */
  start(rest: Uint8Array): void {
    const user = {
      onFrame: (frame: Frame) => this.#received(frame),
      onEnded: (ending: Ending) => this.#end(ending),
    };
    this.#options.connection.start(user, rest);
  }

  #received({ kind, id, body }: Frame): string | undefined {
    const task = this.#tasks.get(id);
    switch (kind) {
      case frameKind.request:
      case frameKind.open:
        return this.#begin(kind === frameKind.open, id, body);
      case frameKind.more:
        return task === undefined ? undefined : this.#continue(task, body);
      case frameKind.cancel:
        if (task !== undefined) this.#abort(task, cancelled());
        else this.#options.connection.drop(id);
        return undefined;
      case frameKind.credit:
        return task === undefined ? undefined : credit(task, body);
      default:
        return `the other side sent a frame of kind ${kind}`;
    }
  }

  #begin(isStream: boolean, id: number, body: Uint8Array): string | undefined {
    if (body.length < 9) return "a request does not begin as it should";
    if (id <= this.#lastId) return "a request has the number of an earlier one";
    this.#lastId = id;
    const view = new DataView(body.buffer, body.byteOffset);
    const [number, timeoutOrCredit, total] = [view.getUint8(0), view.getUint32(1), view.getUint32(5)];
    const first = body.subarray(9);
    if (first.length > total) return "a message is longer than it says";
    const kind = kindOf(isStream, number);
    if (kind === undefined) return this.#refuse(id, unknownCall(number));
    const bytesMax = isStream ? limits.peerItemBytesMax : limits.peerMessageBytesMax;
    if (total > bytesMax) return this.#refuse(id, messageTooLarge(total, bytesMax), kind);
    const allowance = isStream ? this.#options.allowances.streams : this.#options.allowances.calls;
    if (!allowance.take(total)) {
      const text = isStream ? "it has too many streams open" : "it has too much to do";
      return this.#refuse(id, busy(this.#options.nodeId, text), kind);
    }
    const task: Task = {
      ...{ id, kind, allowance },
      controller: new AbortController(),
      assembly: new Assembly(total, first),
      isServed: false,
      cancelTimer: () => undefined,
      creditBytes: isStream ? timeoutOrCredit : 0,
      wake: undefined,
    };
    this.#tasks.set(id, task);
    if (!isStream) {
      const late = (): void => this.#abort(task, deadlineExceeded(timeoutOrCredit));
      task.cancelTimer = this.#options.clock.after(timeoutOrCredit, late);
    }
    if (task.assembly.isComplete) this.#serve(task);
    return undefined;
  }

  #continue(task: Task, body: Uint8Array): string | undefined {
    if (task.isServed || !task.assembly.fits(body)) return "a message is longer than it says";
    task.assembly.add(body);
    if (task.assembly.isComplete) this.#serve(task);
    return undefined;
  }

  /** The other side does not want it any more; the handler, if it has it, may take its time to end. */
  #abort(task: Task, reason: LedgerError): void {
    this.#tasks.delete(task.id);
    task.cancelTimer();
    this.#options.connection.drop(task.id);
    task.controller.abort(reason);
    task.wake?.();
    if (!task.isServed) this.#over(task, reason);
  }

  #serve(task: Task): void {
    task.isServed = true;
    const served =
      task.kind.call === undefined ? this.#stream(task, task.kind.stream) : this.#call(task, task.kind.call);
    void served.then(
      () => this.#over(task, undefined),
      (error: unknown) => this.#over(task, this.#failure(task, error)),
    );
  }

  async #call(task: Task, kind: PeerCallKind): Promise<void> {
    const request = readRequest(kind, task.assembly.take());
    const answer = await this.#handlers().call(this.#from, kind, request, task.controller.signal);
    if (!this.#isWanted(task)) throw reasonOf(task);
    const bytes = writeAnswer(kind, answer);
    if (bytes.length > limits.peerMessageBytesMax) throw messageTooLarge(bytes.length);
    const { connection, nodeId } = this.#options;
    if (bytes.length + connection.unsentBytes > limits.peerBytesMax)
      throw lost(nodeId, "too many bytes of answers wait for the other side");
    connection.send({ kind: frameKind.answer, id: task.id, prefix: none, bytes });
  }

  async #stream(task: Task, kind: PeerStreamKind): Promise<void> {
    const { connection } = this.#options;
    const items = this.#handlers().open(this.#from, kind, task.assembly.take(), task.controller.signal);
    for await (const bytes of items) {
      if (bytes.length > limits.peerItemBytesMax)
        throw messageTooLarge(bytes.length, limits.peerItemBytesMax);
      while (task.creditBytes <= 0 && this.#isWanted(task))
        await new Promise<void>((resolve) => (task.wake = resolve));
      if (!this.#isWanted(task)) throw reasonOf(task);
      task.creditBytes -= bytes.length + itemCostBytes;
      connection.send({ kind: frameKind.item, id: task.id, prefix: none, bytes });
    }
    if (!this.#isWanted(task)) throw reasonOf(task);
    connection.send({ kind: frameKind.end, id: task.id, prefix: none });
  }

  #isWanted(task: Task): boolean {
    return this.#tasks.has(task.id);
  }

  #handlers(): PeerHandlers {
    const handlers = this.#options.handlers();
    if (handlers === undefined) throw notReady();
    return handlers;
  }

  #over(task: Task, error: LedgerError | undefined): void {
    if (this.#tasks.delete(task.id)) {
      task.cancelTimer();
      if (error !== undefined) this.#sendError(task.id, error);
    }
    task.allowance.give(task.assembly.total);
    countOutcome(this.#options.counters.answered, nameOf(task.kind), error?.code ?? "OK");
    if (this.#options.connection.isEnded) this.#options.onIdle();
  }

  #failure(task: Task, error: unknown): LedgerError {
    if (error instanceof LedgerError) return error;
    const reason = task.controller.signal.aborted ? reasonOf(task) : undefined;
    if (reason !== undefined) return reason;
    this.#options.log.error("a call of another node has failed", { kind: nameOf(task.kind), error });
    const text = "the other node made a mistake";
    return new LedgerError("INTERNAL", text, { reason: "INTERNAL" }, { cause: error });
  }

  #refuse(id: number, error: LedgerError, kind?: Task["kind"]): undefined {
    if (kind !== undefined) countOutcome(this.#options.counters.answered, nameOf(kind), error.code);
    this.#sendError(id, error);
  }

  #sendError(id: number, error: LedgerError): void {
    this.#options.connection.send({ kind: frameKind.error, id, prefix: none, bytes: writeError(error) });
  }

  #end(ending: Ending): void {
    for (const task of [...this.#tasks.values()]) this.#abort(task, unreachable(this.#from, ending.text));
    this.#options.onEnded(ending);
  }
}

function credit(task: Task, body: Uint8Array): string | undefined {
  if (body.length !== 4 || task.kind.stream === undefined) return "credit does not come as it should";
  task.creditBytes += new DataView(body.buffer, body.byteOffset).getUint32(0);
  if (task.creditBytes > creditBytesMax) return "a stream has more credit than it could use";
  task.wake?.();
  task.wake = undefined;
  return undefined;
}

/** Whatever a caller of another version has as its window. */
const creditBytesMax = 2 ** 32;

function reasonOf(task: Task): LedgerError {
  const { reason } = task.controller.signal;
  return reason instanceof LedgerError ? reason : cancelled();
}

function kindOf(isStream: boolean, number: number): Task["kind"] | undefined {
  if (isStream) {
    const stream = streamOf(number);
    return stream === undefined ? undefined : { stream };
  }
  const call = callOf(number);
  return call === undefined ? undefined : { call };
}

function nameOf(kind: Task["kind"]): PeerCallKind | PeerStreamKind {
  return kind.call ?? kind.stream;
}
