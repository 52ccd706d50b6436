import type { ServiceImpl } from "@connectrpc/connect";
import { LedgerError } from "../core/errors.ts";
import { hex } from "../core/hex.ts";
import { limits } from "../core/limits.ts";
import { checkContextId } from "../core/validate.ts";
import type { DiscoveryService } from "../gen/converge/ledger/v1/discovery_pb.ts";
import type { Clock, Random } from "../ledger/ports.ts";
import { checkHeartbeat } from "../ledger/request-checks.ts";
import {
  checkGroupMemberId,
  checkGroupMemberName,
  checkGroupMetadata,
  checkGroupPayload,
} from "./group-checks.ts";
import { groupItemMessage, groupViewMessage } from "./group-messages.ts";
import { groupStream } from "./group-stream.ts";
import type { Groups } from "./groups.ts";

export interface DiscoveryParts {
  readonly groups: Groups;
  readonly clock: Pick<Clock, "nowNs">;
  readonly random: Random;
  /** Streams end when it fires. */
  readonly draining: AbortSignal;
}

/** converge.ledger.v1.DiscoveryService over groups; errors are LedgerErrors. */
export function createDiscoveryService(parts: DiscoveryParts): ServiceImpl<typeof DiscoveryService> {
  const { groups, clock, random, draining } = parts;
  let streams = 0;
  const newId = (): string => {
    const bytes = new Uint8Array(16);
    random.fill(bytes);
    return hex(bytes);
  };
  return {
    async *join({ contextId, memberId: asked, name, metadata, heartbeatMs }, { signal }) {
      checkContextId(contextId);
      checkGroupMemberId("member_id", asked);
      checkGroupMemberName(name);
      checkGroupMetadata(metadata);
      checkHeartbeat(heartbeatMs);
      if (streams >= limits.groupStreamsMax) throw tooManyStreams(streams);
      const memberId = asked === "" ? newId() : asked;
      const either = AbortSignal.any([signal, draining]);
      let isCounted = true;
      const release = (): void => {
        if (isCounted) streams -= 1;
        isCounted = false;
      };
      streams += 1;
      // A client that is gone may never ask again.
      either.addEventListener("abort", release);
      try {
        const join = { contextId, memberId, name, metadata };
        for await (const item of groupStream(groups, join, heartbeatMs, either))
          yield groupItemMessage(item, memberId);
      } finally {
        release();
        either.removeEventListener("abort", release);
      }
    },

    async members({ contextId }, { signal }) {
      checkContextId(contextId);
      return groupViewMessage(await groups.view(contextId, signal));
    },

    async broadcast({ contextId, payload, fromMemberId }, { signal }) {
      checkContextId(contextId);
      checkGroupPayload(payload);
      checkGroupMemberId("from_member_id", fromMemberId);
      const id = newId();
      const message = { id, fromMemberId, payload, sentAtNs: clock.nowNs() };
      return { id, members: await groups.broadcast(contextId, message, signal) };
    },
  };
}

function tooManyStreams(streams: number): LedgerError {
  return new LedgerError("RESOURCE_EXHAUSTED", `the server has ${streams} streams of members of groups`, {
    reason: "GROUP_STREAMS_TOO_MANY",
    value: streams,
    limit: limits.groupStreamsMax,
    remedy: "join at another node, or retry when others have ended",
    retryAfterMs: 1000,
  });
}
