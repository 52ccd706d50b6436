import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { parseResumeToken } from "../../src/core/cursor.ts";
import {
  type Entry,
  EntrySchema,
  type WatchEvent,
  WatchEventSchema,
  type WatchRequest,
} from "../../src/gen/converge/context/v1/context_pb.ts";

/** One context in memory, watchable as the protocol says; keys alternate between "even" and "odd". */
export class FakeContext {
  readonly entries: Entry[] = [];
  #changed = Promise.withResolvers<void>();

  append(): void {
    const sequence = BigInt(this.entries.length + 1);
    const contentHash = new Uint8Array(32).fill(Number(sequence % 251n));
    const key = sequence % 2n === 0n ? "even" : "odd";
    this.entries.push(create(EntrySchema, { sequence, key, contentHash, payload: new Uint8Array(20) }));
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async *watch(request: WatchRequest, { signal }: HandlerContext): AsyncGenerator<WatchEvent, void> {
    let cursor = this.#start(request);
    const latest = this.entries.length;
    let caughtUp = false;
    while (!signal.aborted) {
      const entry = this.entries[cursor];
      if (entry !== undefined) {
        cursor += 1;
        if (request.key === "" || request.key === entry.key) yield create(WatchEventSchema, { entry });
        continue;
      }
      if (!caughtUp) {
        caughtUp = true;
        const value = { latestSequence: BigInt(latest) };
        yield create(WatchEventSchema, { control: { case: "caughtUp", value } });
        continue;
      }
      const ended = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => ended.resolve(), { once: true });
      await Promise.race([this.#changed.promise, ended.promise]);
    }
  }

  #start({ resumeToken, fromSequence }: WatchRequest): number {
    if (resumeToken.length === 0 && fromSequence === 2n ** 64n - 1n) return this.entries.length;
    if (resumeToken.length === 0) return Number(fromSequence);
    const { sequence, hashPrefix } = parseResumeToken(resumeToken, "resume_token");
    const held = this.entries[Number(sequence) - 1]?.contentHash.slice(0, 8);
    if (held === undefined || Buffer.compare(held, hashPrefix ?? held) !== 0) {
      throw new ConnectError("the token names another entry", Code.Aborted);
    }
    return Number(sequence);
  }
}
