import {
  type CallError,
  type CallOptions,
  detailsOfStatus,
  type InteropClient,
  type Json,
  type Outcome,
} from "./interop-client.ts";
import { lines } from "./lines.ts";

/** A client in a process of its own that takes calls as lines of JSON and tells what comes of them. */
export interface LineClient extends InteropClient {
  readonly pid: number;
  /** Begins a call whose requests are sent one by one. Only the client on Node can do this. */
  converse(method: string, onAnswer: (answer: Json) => void): Conversation;
  /** Ends the client as a crash would. */
  kill(): Promise<void>;
}

/** A call with a stream of requests that is still open. */
export interface Conversation {
  send(request: Json): void;
  /** Says that there are no more requests. */
  end(): void;
  readonly outcome: Promise<Outcome>;
}

interface Running {
  readonly answers: Json[];
  readonly onAnswer: CallOptions["onAnswer"];
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

interface Reply {
  readonly id: number;
  readonly answer?: Json;
  /** Given at the end of the call; `code` is OK if it ended well or was cancelled by answersMax. */
  readonly end?: { readonly code: string; readonly message: string; readonly details: string };
}

/** Starts the client. Calls fail with its stderr if it ends. */
export function startLineClient(command: readonly string[]): LineClient {
  const child = Bun.spawn([...command], { stdio: ["pipe", "pipe", "pipe"] });
  const running = new Map<number, Running>();
  const stderr = child.stderr.text();
  let lastId = 0;
  let isGone = false;
  const read = async (): Promise<void> => {
    for await (const line of lines(child.stdout)) take(running, JSON.parse(line) as Reply);
    isGone = true;
    const error = new Error(`The client ended: ${await stderr}`);
    for (const call of running.values()) call.reject(error);
  };
  const done = read();
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
    await done;
  };
  const say = (line: Json): void => {
    void child.stdin.write(`${JSON.stringify(line)}\n`);
    void child.stdin.flush();
  };
  const begin = (
    line: Json,
    onAnswer: CallOptions["onAnswer"],
  ): { readonly id: number; readonly outcome: Promise<Outcome> } => {
    const id = (lastId += 1);
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    running.set(id, { answers: [], onAnswer, resolve, reject });
    say({ id, ...line });
    return { id, outcome: promise };
  };
  return {
    pid: child.pid,
    kill,
    [Symbol.asyncDispose]: kill,
    async call(method, requests, { onAnswer, ...options } = {}) {
      if (isGone) throw new Error(`The client ended: ${await stderr}`);
      const list = Array.isArray(requests) ? requests : [requests];
      return begin({ method, requests: list, ...options }, onAnswer).outcome;
    },
    converse(method, onAnswer) {
      const { id, outcome } = begin({ method, requests: [], keepOpen: true }, onAnswer);
      return { outcome, send: (more) => say({ id, more }), end: () => say({ id, more: "end" }) };
    },
  };
}

function take(running: Map<number, Running>, { id, answer, end }: Reply): void {
  const call = running.get(id);
  if (call === undefined) return;
  if (answer !== undefined) {
    call.answers.push(answer);
    call.onAnswer?.(answer);
  }
  if (end === undefined) return;
  running.delete(id);
  const { code, message, details } = end;
  const error: CallError | undefined =
    code === "OK" ? undefined : { code, message, details: detailsOfStatus(details) };
  call.resolve({ answers: call.answers, error });
}
