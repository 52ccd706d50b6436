import type { Socket } from "node:net";

export interface SilentSocketsOptions {
  /** The oldest one is cut when there are more. */
  readonly countMax: number;
  readonly timeoutMs: number;
  readonly after: (afterMs: number, ring: () => void) => () => void;
  /** A socket was cut, or ended, before it said anything. */
  readonly onNothing: () => void;
}

/** Connections that have not said yet what they are. Bounded in number and time: whoever connects has something to say. */
export class SilentSockets {
  readonly #options: SilentSocketsOptions;
  /** The oldest first. */
  readonly #sockets = new Set<Socket>();

  constructor(options: SilentSocketsOptions) {
    this.#options = options;
  }

  /** Calls `onFirst` with the first bytes of `socket`, which nobody listens to then, unless it says nothing. */
  add(socket: Socket, onFirst: (first: Uint8Array) => void): void {
    const { countMax, timeoutMs, after, onNothing } = this.#options;
    const [oldest] = this.#sockets;
    if (oldest !== undefined && this.#sockets.size >= countMax) oldest.destroy();
    this.#sockets.add(socket);
    const finish = (): void => {
      this.#sockets.delete(socket);
      cancel();
      socket.off("data", onData);
      socket.off("end", onEnd);
      socket.off("close", onClose);
    };
    const onData = (bytes: Uint8Array): void => {
      finish();
      onFirst(bytes);
      socket.off("error", onError);
    };
    const onEnd = (): void => void socket.destroy();
    const onClose = (): void => {
      finish();
      onNothing();
    };
    const onError = (): void => undefined;
    const cancel = after(timeoutMs, () => socket.destroy());
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("close", onClose);
    socket.on("error", onError);
  }

  /** Cuts all of them. */
  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
