import { create } from "@bufbuild/protobuf";
import { type WatchEvent, WatchEventSchema } from "../gen/converge/context/v1/context_pb.ts";

export type ControlKind = "heartbeat" | "caughtUp" | "reset";

/** Returns the event that tells a watcher about something else than an entry. */
export function controlEvent(kind: ControlKind, sequence: number): WatchEvent {
  const at = BigInt(sequence);
  switch (kind) {
    case "heartbeat":
    case "caughtUp":
      return create(WatchEventSchema, { control: { case: kind, value: { latestSequence: at } } });
    case "reset":
      return create(WatchEventSchema, { control: { case: kind, value: { sequence: at } } });
  }
}
