import type { Effect } from "../../../src/swim/effect.ts";
import type { Input } from "../../../src/swim/input.ts";
import type { MemberView } from "../../../src/swim/member-view.ts";

/** A hash over everything that nodes were given and did: two runs are the same if it is. Not for enemies. */
export class TraceHash {
  #a = 0x2545f491;
  #b = 0x8f1bbcdc | 0;
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Uint32Array(this.#time.buffer);

  /** 16 hex digits. */
  get digest(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#a) + hex(this.#b);
  }

  step(node: number, atMs: number, input: Input, effects: readonly Effect[]): void {
    this.#number(atMs);
    this.#word(node);
    this.#input(input);
    this.#word(effects.length);
    for (const effect of effects) this.#effect(effect);
  }

  #input(input: Input): void {
    this.#text(input.kind);
    if ("bytes" in input) this.#bytes(input.bytes);
    if ("stream" in input) this.#word(input.stream);
    if (input.kind === "timer") {
      this.#text(input.timer.kind);
      this.#word(input.timer.id);
      this.#word(input.timer.token);
    }
    if (input.kind === "stalled") this.#number(input.forMs);
    if (input.kind === "stream-ended") this.#text(input.error ?? "");
    if (input.kind === "forget") this.#text(input.name);
    if (input.kind === "join") this.#bytes(input.to.address);
    if (input.kind === "meta") this.#bytes(input.meta);
  }

  #effect(effect: Effect): void {
    this.#text(effect.kind);
    if ("bytes" in effect) this.#bytes(effect.bytes);
    if ("to" in effect) this.#bytes(effect.to.address);
    if ("stream" in effect) this.#word(effect.stream);
    if (effect.kind === "set-timer") {
      this.#text(effect.timer.kind);
      this.#word(effect.timer.id);
      this.#word(effect.timer.token);
      this.#number(effect.afterMs);
    }
    if (effect.kind === "member") {
      this.#text(effect.change);
      this.#member(effect.member);
    }
    if (effect.kind === "notice") this.#text(effect.notice.kind);
    if (effect.kind === "join-ended") this.#text(`${effect.request} ${effect.members} ${effect.error}`);
  }

  #member(member: MemberView): void {
    this.#text(member.name);
    this.#text(member.state);
    this.#word(member.incarnation);
    this.#bytes(member.meta);
  }

  #number(value: number): void {
    this.#time[0] = value;
    this.#word(this.#timeWords[0] ?? 0);
    this.#word(this.#timeWords[1] ?? 0);
  }

  #bytes(bytes: Uint8Array): void {
    this.#word(bytes.length);
    this.#word(Bun.hash.crc32(bytes));
  }

  #text(text: string): void {
    for (let index = 0; index < text.length; index++) this.#word(text.charCodeAt(index));
  }

  #word(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x9e3779b1);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul((this.#b + word) | 0, 0x85ebca77) ^ this.#a;
  }
}
