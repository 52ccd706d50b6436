import { readGroupItem, writeGroupOpen } from "../../node/peers/group-news-codec.ts";
import type { AnnounceRequest, GroupNews, PeerCalls } from "../../sync/peer-messages.ts";
import type { Peers } from "../../node/peers/peers.ts";
import type { ClusterView } from "../../sync/view.ts";
import type { GroupHost } from "./group-host.ts";

/** A node that keeps groups, this one or another. Both reject with LedgerError. */
export interface GroupPort {
  /** What the members that are announced in a session are to hear. The first item is empty, and says that the node listens. */
  open(session: number, signal: AbortSignal): AsyncIterable<readonly GroupNews[]>;
  announce(request: AnnounceRequest, signal: AbortSignal): Promise<PeerCalls["announce"]["answer"]>;
}

export interface GroupPortParts {
  readonly peers: Peers;
  readonly view: Pick<ClusterView, "selfId">;
  /** What this node keeps. */
  readonly host: GroupHost;
  /** For one answer. */
  readonly timeoutMs: number;
}

/** Returns the way to the groups that a node keeps. */
export function groupPort(home: string, { peers, view, host, timeoutMs }: GroupPortParts): GroupPort {
  if (home === view.selfId)
    return {
      open: (session, signal) => host.open(home, session, signal),
      announce: (request) => host.announce(home, request),
    };
  return {
    async *open(session, signal) {
      for await (const bytes of peers.open(home, "group", writeGroupOpen(session), signal))
        yield readGroupItem(bytes);
    },
    announce: (request, signal) => peers.call(home, "announce", request, { timeoutMs, signal }),
  };
}
