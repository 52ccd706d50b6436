import { unbase64 } from "../../../src/core/base64.ts";
import { formatEndpoint } from "../../../src/node/gossip/endpoint-text.ts";
import { GossipDriver } from "../../../src/node/gossip/gossip-driver.ts";
import { nodeCipher } from "../../../src/node/gossip/node-cipher.ts";
import type { Counters } from "../../../src/swim/counters.ts";
import type { Effect, Notice } from "../../../src/swim/effect.ts";
import { Swim } from "../../../src/swim/swim.ts";
import { timingProfiles } from "../../../src/swim/timing.ts";
import { type Keyring, addKey, keyringOf, removeKey, useKey } from "../../../src/swim/wire/keyring.ts";
import { patienceMs, until, within } from "../../support/until.ts";
import type { ClusterNode } from "./cluster-node.ts";

export interface SwimNodeOptions {
  readonly name: string;
  /** The IP address. */
  readonly bind: string;
  /** Base64; the first is the primary. */
  readonly keys?: readonly string[];
  readonly meta?: Uint8Array;
}

type MemberEffect = Extract<Effect, { kind: "member" }>;

/** A node of ours in this process, without the rest of the server: in the hands of the test. */
export interface SwimNode extends Omit<ClusterNode, "signal" | "kill"> {
  readonly changes: readonly MemberEffect[];
  readonly counters: Readonly<Counters>;
  readonly healthScore: number;
  /** Meta of a member as it is known here. */
  metaOf(name: string): Uint8Array | undefined;
  versionsOf(name: string): readonly number[] | undefined;
  /** Waits for a user message. */
  message(text: string): Promise<void>;
  setMeta(meta: Uint8Array): void;
  broadcast(text: string): void;
  send(name: string, text: string): void;
  keyring(action: "add" | "use" | "remove", key: string): void;
  /** Takes note of a ledger node of an earlier life, dead since. */
  remember(name: string): void;
}

/** Starts a node with the lan timing, alone in its cluster. */
export async function startSwimNode({
  name,
  bind,
  keys = [],
  meta = new Uint8Array(0),
}: SwimNodeOptions): Promise<SwimNode> {
  const changes: MemberEffect[] = [];
  const notices: Notice[] = [];
  const messages: string[] = [];
  const timing = timingProfiles.lan;
  let ring: Keyring = keyringOf(keys.map(keyOf));
  let swim: Swim | undefined;
  const driver = await GossipDriver.start({
    gossip: { host: bind, port: 0 },
    advertise: undefined,
    streamTimeoutMs: timing.streamTimeoutMs,
    createMachine: (endpoint) =>
      (swim = new Swim({
        name,
        endpoint,
        meta,
        incarnation: Math.floor(Date.now() / 1000),
        timing,
        label: "",
        keyring: ring,
        cipher: nodeCipher,
        random: {
          below: (bound) => Math.floor(Math.random() * bound),
          fill: (target) => void crypto.getRandomValues(target as Uint8Array<ArrayBuffer>),
        },
      })),
    onMember: (effect) => void changes.push(effect),
    onNotice: (notice) => void notices.push(notice),
    onUserMessage: ({ bytes }) => void messages.push(new TextDecoder().decode(bytes)),
  });
  const machine = swim as unknown as Swim;
  const view = (wanted: string) => machine.members().find((one) => one.name === wanted);
  const useRing = (next: Keyring): void => {
    ring = next;
    driver.command({ kind: "keyring", keyring: ring });
  };
  return {
    name,
    address: formatEndpoint(driver.endpoint),
    changes,
    get counters() {
      return machine.counters;
    },
    get healthScore() {
      return machine.healthScore;
    },
    members: async () => machine.members().map((one) => ({ ...one, address: formatEndpoint(one.endpoint) })),
    metaOf: (wanted) => view(wanted)?.meta,
    versionsOf: (wanted) => {
      const versions = view(wanted)?.versions;
      return versions === undefined ? undefined : [...versions];
    },
    async join(to) {
      const [outcome] = await driver.join([to], AbortSignal.timeout(patienceMs));
      if (outcome?.error !== undefined) throw new Error(`${name} cannot join ${to}: ${outcome.error}`);
    },
    async leave() {
      await within(`${name} has said good-bye`, driver.depart("leave", patienceMs));
    },
    message: async (text) => void (await until(`${name} gets ${text}`, () => messages.includes(text))),
    setMeta: (next) => driver.command({ kind: "meta", meta: next }),
    broadcast: (text) => driver.command({ kind: "broadcast", bytes: new TextEncoder().encode(text) }),
    send: (to, text) => driver.command({ kind: "send-user", to, bytes: new TextEncoder().encode(text) }),
    keyring(action, key) {
      const change = { add: addKey, use: useKey, remove: removeKey }[action];
      useRing(change(ring, keyOf(key)));
    },
    remember: (gone) =>
      driver.command({
        kind: "remember",
        name: gone,
        endpoint: { ...driver.endpoint, port: 1 },
        meta: new Uint8Array(0),
      }),
    log: () => notices.map((notice) => `${JSON.stringify(notice)}\n`).join(""),
    [Symbol.asyncDispose]: () => driver.stop(),
  };
}

function keyOf(text: string): Uint8Array {
  return unbase64(text) ?? new Uint8Array(0);
}
