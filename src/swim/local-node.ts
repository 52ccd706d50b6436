import type { Endpoint } from "./endpoint.ts";
import type { SwimOptions } from "./swim-options.ts";
import { defaultDelegate, ownVersions } from "./versions.ts";
import { nodeStatePrefix } from "./wire/encode-message.ts";
import type { Alive } from "./wire/messages.ts";

/** What a node says about itself. */
export class LocalNode {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** `leaving` and `stopping` contradict nothing any more. */
  standing: "member" | "leaving" | "stopping" = "member";
  incarnation: number;
  #meta: Uint8Array;
  #versions = ownVersions(defaultDelegate);
  #prefix: Uint8Array | undefined;

  constructor({ name, endpoint, incarnation, meta }: SwimOptions) {
    this.name = name;
    this.endpoint = endpoint;
    this.incarnation = incarnation;
    this.#meta = meta;
  }

  get meta(): Uint8Array {
    return this.#meta;
  }

  set meta(meta: Uint8Array) {
    this.#meta = meta;
    this.#prefix = undefined;
  }

  get versions(): Uint8Array {
    return this.#versions;
  }

  set versions(versions: Uint8Array) {
    this.#versions = versions;
    this.#prefix = undefined;
  }

  /** The part of its state on the wire that does not change with its incarnation. */
  get prefix(): Uint8Array {
    const { name, endpoint, meta, versions } = this;
    return (this.#prefix ??= nodeStatePrefix({ name, ...endpoint, meta, versions }));
  }

  alive(): Alive {
    const { name, incarnation, endpoint, meta, versions } = this;
    return { kind: "alive", node: name, incarnation, ...endpoint, meta, versions };
  }
}
