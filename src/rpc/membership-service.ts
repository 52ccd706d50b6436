import type { ServiceImpl } from "@connectrpc/connect";
import { LedgerError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { MembershipService } from "../gen/converge/ledger/v1/membership_pb.ts";
import { checkHeartbeat } from "../ledger/request-checks.ts";
import type { Cluster } from "./cluster.ts";
import {
  gossipMessage,
  keyReportMessage,
  memberEventMessage,
  memberMessage,
  outcomeMessage,
} from "./member-messages.ts";
import { memberStream } from "./member-stream.ts";
import {
  checkGossipKey,
  checkGossipKeyId,
  checkJoinAddresses,
  checkMemberName,
} from "./membership-checks.ts";

/** converge.ledger.v1.MembershipService over a cluster; errors are LedgerErrors. Watches end when `draining` fires. */
export function createMembershipService(
  cluster: Cluster,
  draining: AbortSignal,
): ServiceImpl<typeof MembershipService> {
  const watchers = { open: 0 };
  const command = commandGate();
  return {
    members() {
      return {
        gossip: gossipMessage(cluster.status()),
        members: cluster.members().map(memberMessage),
      };
    },

    async *watchMembers({ heartbeatMs }, { signal }) {
      checkHeartbeat(heartbeatMs);
      if (watchers.open >= limits.memberWatchersMax) throw tooManyWatchers(watchers.open);
      const either = AbortSignal.any([signal, draining]);
      const release = once(() => (watchers.open -= 1));
      watchers.open += 1;
      // A client that is gone may never ask again.
      either.addEventListener("abort", release);
      try {
        for await (const event of memberStream(cluster, heartbeatMs, either)) yield memberEventMessage(event);
      } finally {
        release();
      }
    },

    join: ({ addresses }, { signal }) =>
      command(async () => {
        checkJoinAddresses(addresses);
        const outcomes = await cluster.join(addresses, signal);
        return { outcomes: outcomes.map(outcomeMessage) };
      }),

    leave: () =>
      command(async () => {
        await cluster.leave();
        return {};
      }),

    forgetMember: ({ name }) =>
      command(async () => {
        checkMemberName(name);
        await cluster.forget(name);
        return {};
      }),

    listGossipKeys: (_, { signal }) => command(async () => keyReportMessage(await cluster.listKeys(signal))),

    addGossipKey: ({ key }, { signal }) =>
      command(async () => {
        checkGossipKey(key);
        return keyReportMessage(await cluster.addKey(key, signal));
      }),

    useGossipKey: ({ id }, { signal }) =>
      command(async () => {
        checkGossipKeyId(id);
        return keyReportMessage(await cluster.useKey(id, signal));
      }),

    removeGossipKey: ({ id }, { signal }) =>
      command(async () => {
        checkGossipKeyId(id);
        return keyReportMessage(await cluster.removeKey(id, signal));
      }),
  };
}

function once(run: () => void): () => void {
  let hasRun = false;
  return () => {
    if (hasRun) return;
    hasRun = true;
    run();
  };
}

/** Returns what runs commands, so many at a time, and refuses others: each of them may speak to every member. */
function commandGate(): <T>(run: () => Promise<T>) => Promise<T> {
  let running = 0;
  return async (run) => {
    if (running >= limits.clusterCommandsMax) throw tooManyCommands(running);
    running += 1;
    try {
      return await run();
    } finally {
      running -= 1;
    }
  };
}

function tooManyCommands(running: number): LedgerError {
  return new LedgerError("UNAVAILABLE", `${running} commands to the cluster are on their way`, {
    reason: "OVERLOADED",
    value: running,
    limit: limits.clusterCommandsMax,
    remedy: "send it again when they are done",
    retryAfterMs: 1000,
  });
}

function tooManyWatchers(open: number): LedgerError {
  return new LedgerError("RESOURCE_EXHAUSTED", `the server has ${open} watchers of members`, {
    reason: "TOO_MANY_WATCHERS",
    value: open,
    limit: limits.memberWatchersMax,
    remedy: "retry when others have ended",
    retryAfterMs: 1000,
  });
}
