import { createHash } from "node:crypto";
import { assert } from "../../core/assert.ts";
import type { LedgerError } from "../../core/errors.ts";
import { commonVersion, type VersionRange } from "../../core/peer-protocol.ts";
import type { Keyring } from "../../swim/wire/keyring.ts";
import { gossipKeyId } from "../gossip/key-holder.ts";
import { brokenHandshake, type HandshakeProblem, refusedByPeer, refusedHere } from "./handshake-error.ts";
import { encodeHello, encodeRefusal, type Hello, readOpening, type RefusalReason } from "./hello.ts";
import { RecordOpener, recordKey, RecordSealer, type Side, tagBytes } from "./record-cipher.ts";

/** What a node brings to each handshake. */
export interface HandshakeSelf {
  readonly nodeId: string;
  readonly versions: VersionRange;
  readonly label: string;
  /** The first key is used to dial, all of them to accept. */
  readonly ring: Keyring;
}

/** What both sides have agreed on. */
export interface Session {
  /** The other node. */
  readonly nodeId: string;
  readonly version: number;
  /** Of the gossip key; undefined without keys: then nothing is sealed. */
  readonly keyId: string | undefined;
  readonly sealer: RecordSealer | undefined;
  readonly opener: RecordOpener | undefined;
}

export interface HandshakeFailure {
  readonly problem: HandshakeProblem;
  readonly error: LedgerError;
}

/** What is to be sent, and how it goes on. After `done` or `failed` the handshake is over. */
export type HandshakeStep =
  | { readonly kind: "wait"; readonly send?: Uint8Array }
  | { readonly kind: "failed"; readonly send?: Uint8Array; readonly failure: HandshakeFailure }
  | {
      readonly kind: "done";
      readonly send?: Uint8Array;
      readonly session: Session;
      /** What the other side has sent beyond its handshake. */
      readonly rest: Uint8Array;
    };

/** Begins a connection: both sides say who they are, and prove that they have the same key and have read the same. */
export class Handshake {
  readonly #side: Side;
  readonly #self: HandshakeSelf;
  readonly #random: Uint8Array;
  /** Undefined for an acceptor, to whom anybody may speak. */
  readonly #expected: string | undefined;
  #unread: Uint8Array = new Uint8Array(0);
  #sent: { readonly hello: Hello; readonly bytes: Uint8Array } | undefined;
  #agreed: { readonly session: Session; readonly transcript: Uint8Array } | undefined;

  /** `random` are 32 fresh bytes. A dialer names the node that it `expects`. */
  constructor(side: Side, self: HandshakeSelf, random: Uint8Array, expected?: string) {
    assert((side === "dialer") === (expected !== undefined), "a dialer knows whom it wants");
    this.#side = side;
    this.#self = self;
    this.#random = random;
    this.#expected = expected;
  }

  /** Returns what a dialer begins with. */
  begin(): Uint8Array {
    assert(this.#expected !== undefined, "the dialer begins");
    const [key] = this.#self.ring.keys;
    return this.#say(this.#expected, key === undefined ? undefined : gossipKeyId(key));
  }

  receive(bytes: Uint8Array): HandshakeStep {
    this.#unread = join(this.#unread, bytes);
    const step = this.#agreed === undefined ? this.#readOpening() : this.#readProof();
    // The acceptor's hello and proof mostly come together.
    return step.kind === "wait" && this.#side === "dialer" && this.#agreed !== undefined
      ? this.#readProof()
      : step;
  }

  #readOpening(): HandshakeStep {
    const opening = readOpening(this.#unread);
    if (opening.kind === "part") return { kind: "wait" };
    if (opening.kind === "garbage") return failed("garbage");
    const openingBytes = this.#unread.slice(0, opening.length);
    this.#unread = this.#unread.subarray(opening.length);
    if (opening.kind === "hello") return this.#agree(opening.hello, openingBytes);
    // Only an acceptor refuses, and only instead of a hello.
    if (this.#side === "acceptor") return failed("garbage");
    const { why, versions } = opening.refusal;
    return { kind: "failed", failure: { problem: why, error: refusedByPeer(why, this.#self, versions) } };
  }

  #agree(other: Hello, otherBytes: Uint8Array): HandshakeStep {
    const why = this.#refusalOf(other);
    if (why !== undefined) {
      const failure = { problem: why, error: refusedHere(why, this.#self, other) };
      if (this.#side === "dialer") return { kind: "failed", failure };
      const send = encodeRefusal({ why, versions: this.#self.versions });
      return { kind: "failed", send, failure };
    }
    const ownBytes = this.#sent?.bytes ?? this.#say(other.nodeId, other.keyId);
    const own = this.#sent?.hello;
    const version = commonVersion(this.#self.versions, other.versions);
    assert(own !== undefined && version !== undefined, "the hellos fit each other");
    const isDialer = this.#side === "dialer";
    const hellos = isDialer ? { dialer: own, acceptor: other } : { dialer: other, acceptor: own };
    const transcript = createHash("sha256");
    transcript.update(isDialer ? ownBytes : otherBytes).update(isDialer ? otherBytes : ownBytes);
    const key = this.#keyOf(other.keyId);
    const otherSide = isDialer ? "acceptor" : "dialer";
    const session = {
      nodeId: other.nodeId,
      version,
      keyId: other.keyId,
      sealer: key === undefined ? undefined : new RecordSealer(recordKey(key, hellos, this.#side)),
      opener: key === undefined ? undefined : new RecordOpener(recordKey(key, hellos, otherSide)),
    };
    this.#agreed = { session, transcript: new Uint8Array(transcript.digest()) };
    if (isDialer) return { kind: "wait" };
    // It cannot prove yet what it has not read.
    if (this.#unread.length > 0) return failed("proof");
    return { kind: "wait", send: join(ownBytes, proofOf(this.#agreed)) };
  }

  #readProof(): HandshakeStep {
    assert(this.#agreed !== undefined, "proofs follow the hellos");
    const { session, transcript } = this.#agreed;
    const length = session.opener === undefined ? transcript.length : tagBytes;
    const view = new DataView(this.#unread.buffer, this.#unread.byteOffset, this.#unread.length);
    if (this.#unread.length >= 4 && view.getUint32(0) !== length) return failed("proof");
    if (this.#unread.length < 4 + length) return { kind: "wait" };
    const record = this.#unread.slice(4, 4 + length);
    const isProof =
      session.opener === undefined
        ? record.every((byte, index) => byte === transcript[index])
        : session.opener.open(record, transcript) !== undefined;
    if (!isProof) return failed("proof");
    const rest = this.#unread.slice(4 + length);
    if (this.#side === "acceptor") return { kind: "done", session, rest };
    return { kind: "done", send: proofOf(this.#agreed), session, rest };
  }

  /** Returns why this node will not speak with the other. */
  #refusalOf(other: Hello): RefusalReason | undefined {
    if (other.to !== this.#self.nodeId || other.nodeId === this.#self.nodeId) return "node";
    if (this.#expected !== undefined && other.nodeId !== this.#expected) return "node";
    if (other.label !== this.#self.label) return "label";
    if (commonVersion(this.#self.versions, other.versions) === undefined) return "versions";
    if (this.#sent !== undefined && other.keyId !== this.#sent.hello.keyId) return "key";
    const isPlain = this.#self.ring.keys.length === 0;
    const hasKey = other.keyId === undefined ? isPlain : this.#keyOf(other.keyId) !== undefined;
    return hasKey ? undefined : "key";
  }

  #keyOf(keyId: string | undefined): Uint8Array | undefined {
    if (keyId === undefined) return undefined;
    return this.#self.ring.keys.find((key) => gossipKeyId(key) === keyId);
  }

  #say(to: string, keyId: string | undefined): Uint8Array {
    const { nodeId, versions, label } = this.#self;
    const hello: Hello = { versions, nodeId, to, random: this.#random, keyId, label };
    const bytes = encodeHello(hello);
    this.#sent = { hello, bytes };
    return bytes;
  }
}

function proofOf({ session, transcript }: { session: Session; transcript: Uint8Array }): Uint8Array {
  const length = session.sealer === undefined ? transcript.length : tagBytes;
  const record = new Uint8Array(4 + length);
  new DataView(record.buffer).setUint32(0, length);
  if (session.sealer === undefined) record.set(transcript, 4);
  else session.sealer.seal(record, 4, transcript);
  return record;
}

function failed(problem: "garbage" | "proof"): HandshakeStep {
  return { kind: "failed", failure: { problem, error: brokenHandshake(problem) } };
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
