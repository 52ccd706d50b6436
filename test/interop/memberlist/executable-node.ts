import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import type { ClusterNode } from "./cluster-node.ts";
import type { MemberSeen } from "./member-seen.ts";

export interface ExecutableNodeOptions {
  readonly name: string;
  /** The IP address. */
  readonly bind: string;
  /** HOST:PORT of nodes to join at the start. */
  readonly join?: readonly string[];
  /** A file of keys. */
  readonly keyFile?: string;
}

/** What the executable says of a member, as JSON; what is not set is left out. */
interface MemberJson {
  readonly name: string;
  readonly state: `MEMBER_STATE_${string}`;
  readonly isSelf?: boolean;
  readonly incarnation: string;
  readonly gossipAddress: string;
  readonly nodeId?: string;
  readonly rpcAddress?: string;
  readonly httpAddress?: string;
  readonly version?: string;
  readonly logName?: string;
  readonly protocolMin?: number;
  readonly protocolMax?: number;
}

/** The built executable as a node of a cluster. */
export interface ExecutableNode extends ClusterNode {
  readonly server: ServerProcess;
  /** What it says of a member that it has. */
  member(name: string): Promise<MemberJson>;
  /** Calls converge.ledger.v1.MembershipService. Rejects with what it answers if that is an error. */
  call(method: string, request: object): Promise<unknown>;
  /** Value of a metric, labels included. */
  metric(name: string): Promise<number>;
}

export async function startExecutableNode({
  name,
  bind,
  join = [],
  keyFile,
}: ExecutableNodeOptions): Promise<ExecutableNode> {
  const flags = ["--node-name", name, "--gossip", `${bind}:0`];
  for (const address of join) flags.push("--join", address);
  if (keyFile !== undefined) flags.push("--gossip-key-file", keyFile);
  const server = await startServerProcess({ flags });
  const call = async (method: string, request: object): Promise<unknown> => {
    const response = await fetch(`${server.url}/converge.ledger.v1.MembershipService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${name} cannot ${method}: ${answer}`);
    return JSON.parse(answer);
  };
  const list = async (): Promise<readonly MemberJson[]> =>
    ((await call("Members", {})) as { readonly members: readonly MemberJson[] }).members;
  const find = async (wanted: string): Promise<MemberJson> => {
    const found = (await list()).find((one) => one.name === wanted);
    if (found === undefined) throw new Error(`${name} has no member ${wanted}`);
    return found;
  };
  const { gossipAddress } = await find(name);
  return {
    name,
    address: gossipAddress,
    server,
    call,
    member: find,
    members: async () => (await list()).map(toSeen),
    async join(to) {
      const { outcomes } = (await call("Join", { addresses: [to] })) as {
        readonly outcomes: readonly { readonly error?: string }[];
      };
      const error = outcomes[0]?.error;
      if (error !== undefined) throw new Error(`${name} cannot join ${to}: ${error}`);
    },
    leave: async () => void (await call("Leave", {})),
    async metric(wanted) {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      const line = text.split("\n").find((one) => one.startsWith(`${wanted} `));
      if (line === undefined) throw new Error(`${name} has no metric ${wanted}`);
      return Number(line.slice(wanted.length + 1));
    },
    signal: server.signal,
    kill: server.kill,
    log: server.stderr,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function toSeen({ name, gossipAddress, state, incarnation }: MemberJson): MemberSeen {
  const word = state.replace("MEMBER_STATE_", "").toLowerCase() as MemberSeen["state"];
  return { name, address: gossipAddress, state: word, incarnation: Number(incarnation) };
}
