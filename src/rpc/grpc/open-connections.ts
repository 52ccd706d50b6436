import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { shuttingDown } from "../shutdown.ts";
import { answerError } from "./grpc-answer.ts";

/** An idle client is asked for a sign of life this often, and dropped if it gives none until the next time. */
const keepaliveMs = 15_000;
/** After the grace, calls are told that they are cut; this long their connections live on to carry it. */
const lastWordsMs = 250;
/** The last answers of a session, and the end of its socket, get this long to happen by themselves. */
const socketMs = 50;

/** So many streams are remembered before those that have ended are looked for. */
const sweepStreams = 256;

interface OpenSession {
  readonly session: ServerHttp2Session;
  readonly peer: string;
  /** The open ones, and some that have ended: a listener for the end of each would cost every call more than this. */
  streams: ServerHttp2Stream[];
  sweepAt: number;
}

/**
 * Knows every connection of an HTTP/2 server, so that the server can be closed for certain. It keeps the sockets by
 * itself, because a session that was closed is no longer known to have one, and sometimes leaves it open.
 */
export class OpenConnections {
  readonly #server: Http2Server;
  /** By peer: a session hands out a stand-in for its socket, which is told by its peer alone. */
  readonly #sockets = new Map<string, Socket>();
  readonly #sessions = new Map<ServerHttp2Session, OpenSession>();
  #closing = false;
  #allClosed = Promise.withResolvers<void>();

  constructor(server: Http2Server) {
    this.#server = server;
    server.on("connection", (socket: Socket) => this.#addSocket(socket));
    server.on("session", (session) => this.#addSession(session));
    server.on("stream", (stream: ServerHttp2Stream) => {
      const open = this.#sessions.get(stream.session as ServerHttp2Session);
      if (open === undefined) return;
      open.streams.push(stream);
      if (this.#closing) stream.once("close", () => this.#streamClosed(open));
      else if (open.streams.length >= open.sweepAt) sweep(open);
    });
  }

  /**
   * Accepts no more connections and no more calls; resolves when every connection has ended: those without a call at
   * once, the others with their last call, or at the end of the grace.
   */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    // Its callback is not waited for: it may never come while a client keeps its connection.
    this.#server.close();
    const sessions = [...this.#sessions.values()];
    const withSession = new Set(sessions.map(({ peer }) => peer));
    for (const [peer, socket] of this.#sockets) if (!withSession.has(peer)) socket.destroy();
    for (const open of sessions) {
      open.session.close();
      sweep(open);
      if (open.streams.length === 0) this.#end(open);
      for (const stream of open.streams) stream.once("close", () => this.#streamClosed(open));
    }
    const cut = setTimeout(
      () => {
        for (const open of sessions) this.#cut(open);
      },
      graceMs === 0 ? 0 : graceMs + lastWordsMs,
    );
    if (this.#sockets.size > 0) await this.#allClosed.promise;
    clearTimeout(cut);
  }

  #addSocket(socket: Socket): void {
    if (this.#closing) return void socket.destroy();
    const peer = peerOf(socket);
    this.#sockets.set(peer, socket);
    socket.once("close", () => {
      this.#sockets.delete(peer);
      if (this.#closing && this.#sockets.size === 0) this.#allClosed.resolve();
    });
  }

  #addSession(session: ServerHttp2Session): void {
    const open: OpenSession = { session, peer: peerOf(session.socket), streams: [], sweepAt: sweepStreams };
    this.#sessions.set(session, open);
    session.on("error", () => {});
    const stopKeepalive = keepAlive(session, () => this.#cut(open));
    session.once("close", () => {
      stopKeepalive();
      if (!this.#closing) this.#sessions.delete(session);
    });
  }

  #streamClosed(open: OpenSession): void {
    sweep(open);
    // The answer of the last call may still be on its way out.
    if (this.#closing && open.streams.length === 0) setTimeout(() => this.#end(open), lastWordsMs);
  }

  /**
   * Ends a connection in the middle of its calls, which are answered UNAVAILABLE. Then it is reset: a client that was
   * told GOAWAY and sees the connection end in good order may go on waiting.
   */
  #cut(open: OpenSession): void {
    for (const stream of open.streams) {
      if (stream.destroyed) continue;
      if (stream.headersSent) stream.end();
      else answerError(stream, shuttingDown());
    }
    const socket = this.#sockets.get(open.peer);
    setTimeout(() => {
      socket?.resetAndDestroy();
      this.#end(open);
    }, socketMs);
  }

  /** Ends a connection whose calls have ended. */
  #end({ session, peer }: OpenSession): void {
    if (!session.destroyed) session.destroy();
    // Sometimes a destroyed session leaves its socket open.
    const socket = this.#sockets.get(peer);
    if (socket !== undefined) setTimeout(() => socket.destroy(), socketMs);
  }
}

/** Forgets the streams that have ended. */
function sweep(open: OpenSession): void {
  open.streams = open.streams.filter(({ destroyed, closed }) => !destroyed && !closed);
  open.sweepAt = 2 * open.streams.length + sweepStreams;
}

function peerOf({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Drops a peer that a partition or a crash took away without a word: TCP alone notices after minutes. */
function keepAlive(session: ServerHttp2Session, drop: () => void): () => void {
  let waiting = false;
  const timer = setInterval(() => {
    if (waiting) return drop();
    waiting = true;
    session.ping((error) => {
      if (error === null) waiting = false;
    });
  }, keepaliveMs);
  return () => clearInterval(timer);
}
