import { create } from "@bufbuild/protobuf";
import { hashBytes } from "../core/hasher.ts";
import type { Frontier } from "../core/merkle/frontier.ts";
import {
  FrontierSchema,
  type Frontier as FrontierMessage,
  SkippedSchema,
  type WatchEvent,
  WatchEventSchema,
} from "../gen/converge/context/v1/context_pb.ts";
import type { ProofItem } from "../ledger/watcher.ts";
import { entryMessage } from "./messages.ts";

/** Returns the event of a watch with proofs. */
export function proofEvent(item: ProofItem): WatchEvent {
  switch (item.kind) {
    case "frontier":
      return create(WatchEventSchema, {
        control: { case: "frontier", value: frontierMessage(item.frontier) },
      });
    case "entry":
      return create(WatchEventSchema, { entry: entryMessage(item.entry), root: item.root });
    case "skipped": {
      const { hashes: contentHashes, through, root } = item;
      const value = create(SkippedSchema, { contentHashes, through: BigInt(through), root });
      return create(WatchEventSchema, { control: { case: "skipped", value } });
    }
  }
}

function frontierMessage({ size, subtrees: packed }: Frontier): FrontierMessage {
  const subtrees: Uint8Array[] = [];
  for (let at = 0; at < packed.length; at += hashBytes) subtrees.push(packed.subarray(at, at + hashBytes));
  return create(FrontierSchema, { size: BigInt(size), subtrees });
}
