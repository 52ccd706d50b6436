import type { Socket } from "node:net";
import { brokenHandshake, type HandshakeProblem } from "./handshake-error.ts";
import type { Handshake, HandshakeFailure, HandshakeStep, Session } from "./handshake.ts";
import type { PeerClock } from "./peer-options.ts";

export interface HandshakeRun {
  readonly socket: Socket;
  readonly handshake: Handshake;
  readonly timeoutMs: number;
  readonly clock: PeerClock;
  /** The socket is the callee's, who must read it before this turn ends; `rest` was read already. */
  readonly onDone: (session: Session, rest: Uint8Array) => void;
  /** The socket is ended. */
  readonly onFailed: (failure: HandshakeFailure) => void;
}

/** How long a refusal may take to be read. */
const lingerMs = 500;

/**
 * Runs a handshake on a socket, and calls one of the two callbacks, once. `first` was read from the socket already; a dialer
 * has sent what it begins with.
 */
export function shakeHands(run: HandshakeRun, first: Uint8Array | undefined): void {
  const { socket, handshake, timeoutMs, clock, onDone, onFailed } = run;
  let isOver = false;

  const finish = (): void => {
    isOver = true;
    cancelTimer();
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("close", onEnd);
  };
  const fail = (failure: HandshakeFailure, send?: Uint8Array): void => {
    if (isOver) return;
    finish();
    if (send === undefined) socket.destroy();
    else {
      // What else the other side sends is not read.
      socket.on("data", () => undefined);
      socket.end(send);
      clock.after(lingerMs, () => socket.destroy());
    }
    onFailed(failure);
  };
  const take = (step: HandshakeStep): void => {
    if (step.kind === "failed") return fail(step.failure, step.send);
    if (step.send !== undefined) socket.write(step.send);
    if (step.kind === "wait") return;
    finish();
    onDone(step.session, step.rest);
  };
  const broken = (problem: Exclude<HandshakeProblem, "versions" | "label" | "node" | "key" | "busy">): void =>
    fail({ problem, error: brokenHandshake(problem) });
  const onData = (bytes: Uint8Array): void => {
    if (!isOver) take(handshake.receive(bytes));
  };
  const onEnd = (): void => broken("closed");

  const cancelTimer = clock.after(timeoutMs, () => broken("timeout"));
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.on("close", onEnd);
  // Its close follows.
  socket.on("error", () => undefined);
  if (socket.destroyed) return broken("closed");
  if (first !== undefined) onData(first);
}
