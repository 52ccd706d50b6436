import { base64, unbase64 } from "../../../src/core/base64.ts";
import { lines } from "../../support/lines.ts";
import { until, within } from "../../support/until.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { goProgram } from "./go-program.ts";
import type { MemberSeen } from "./member-seen.ts";

export interface GoPeerOptions {
  readonly name: string;
  /** The IP address. */
  readonly bind: string;
  /** Base64; the first is the primary. */
  readonly keys?: readonly string[];
  /** On unless given. */
  readonly compression?: boolean;
  /** Least, greatest and current version of the application; memberlist's 0,0,0 unless given. */
  readonly delegate?: string;
  readonly meta?: Uint8Array;
}

/** What the node tells of by itself. */
export interface GoEvent {
  readonly event: "started" | "join" | "leave" | "update" | "message" | "state" | "conflict";
  readonly member?: GoMember;
  /** Base64. */
  readonly data?: string;
}

interface GoMember extends Partial<MemberSeen> {
  readonly name: string;
  readonly address: string;
  /** Base64. */
  readonly meta: string;
  readonly versions: readonly number[];
}

interface GoAnswer {
  readonly id: number;
  readonly error?: string;
  readonly members?: readonly (GoMember & MemberSeen)[];
  readonly keys?: readonly string[];
  readonly health: number;
}

/** A node of hashicorp/memberlist. */
export interface GoPeer extends ClusterNode {
  /** Everything it has told of up to now. */
  readonly events: readonly GoEvent[];
  /** 0 if it has no reason to doubt itself. */
  health(): Promise<number>;
  /** What it knows of a member that it has. */
  member(name: string): Promise<GoMember & MemberSeen>;
  /** Waits for a user message. */
  message(text: string): Promise<void>;
  setMeta(meta: Uint8Array): Promise<void>;
  broadcast(text: string): Promise<void>;
  send(name: string, text: string, how: "reliable" | "best-effort"): Promise<void>;
  keyring(action: "add" | "use" | "remove", key: string): Promise<void>;
  /** Base64; the first is the primary. */
  keys(): Promise<readonly string[]>;
}

/** Starts a node, alone in its cluster. */
export async function startGoPeer(options: GoPeerOptions): Promise<GoPeer> {
  const { name, bind, keys = [], compression = true, delegate = "0,0,0" } = options;
  const flags = [
    ...["-name", name, "-bind", bind, "-keys", keys.join(), "-delegate", delegate],
    ...["-meta", base64(options.meta ?? new Uint8Array(0)), `-compression=${compression}`],
  ];
  const child = Bun.spawn([await goProgram(), ...flags], { stdio: ["pipe", "pipe", "pipe"] });
  const events: GoEvent[] = [];
  const asked = new Map<number, PromiseWithResolvers<GoAnswer>>();
  let lastId = 0;
  let log = "";
  const readErr = async (): Promise<void> => {
    for await (const line of lines(child.stderr)) log += `${line}\n`;
  };
  const readOut = async (): Promise<void> => {
    for await (const line of lines(child.stdout)) {
      const said = JSON.parse(line) as GoEvent | GoAnswer;
      if ("event" in said) events.push(said);
      else {
        asked.get(said.id)?.resolve(said);
        asked.delete(said.id);
      }
    }
    for (const { reject } of asked.values()) reject(new Error(`The Go node ${name} has ended:\n${log}`));
  };
  const done = Promise.all([readErr(), readOut()]);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
    await done;
  };
  const ask = async (op: string, request: object = {}): Promise<GoAnswer> => {
    const id = (lastId += 1);
    const answered = Promise.withResolvers<GoAnswer>();
    asked.set(id, answered);
    void child.stdin.write(`${JSON.stringify({ id, op, ...request })}\n`);
    void child.stdin.flush();
    const answer = await within(`the Go node ${name} answers ${op}`, answered.promise);
    if (answer.error !== undefined) throw new Error(`The Go node ${name} cannot ${op}: ${answer.error}`);
    return answer;
  };
  const memberList = async () => (await ask("members")).members ?? [];
  const address = await until(`the Go node ${name} starts`, () => {
    if (child.exitCode !== null) throw new Error(`The Go node ${name} has ended:\n${log}`);
    return events.find(({ event }) => event === "started")?.member?.address;
  });
  return {
    name,
    address,
    events,
    log: () => log,
    signal: (signal) => child.kill(signal),
    kill,
    [Symbol.asyncDispose]: kill,
    members: memberList,
    async member(wanted) {
      const found = (await memberList()).find((one) => one.name === wanted);
      if (found === undefined) throw new Error(`The Go node ${name} has no member ${wanted}`);
      return found;
    },
    health: async () => (await ask("members")).health,
    join: async (to) => void (await ask("join", { addresses: [to] })),
    leave: async () => void (await ask("leave")),
    setMeta: async (meta) => void (await ask("meta", { data: base64(meta) })),
    broadcast: async (text) => void (await ask("broadcast", { data: encoded(text) })),
    send: async (to, text, how) =>
      void (await ask("send", { name: to, data: encoded(text), reliable: how === "reliable" })),
    keyring: async (action, key) => void (await ask(`keyring-${action}`, { key })),
    keys: async () => (await ask("keyring-list")).keys ?? [],
    message: async (text) =>
      void (await until(`the Go node ${name} gets ${text}`, () =>
        events.some(({ event, data }) => event === "message" && decoded(data) === text),
      )),
  };
}

function encoded(text: string): string {
  return base64(new TextEncoder().encode(text));
}

function decoded(data: string | undefined): string {
  return new TextDecoder().decode(unbase64(data ?? ""));
}
