/**
 * Reads of what is kept of the cluster. Rare, so nothing is prepared ahead: a file that an older program has open is
 * read otherwise, too.
 *
 * @module
 */

import type { Database } from "bun:sqlite";
import { hex } from "../core/hex.ts";
import { limits } from "../core/limits.ts";
import { decodeUtf8 } from "../core/utf8.ts";
import type { RosterMember } from "../ledger/ports.ts";
import { queryOnce } from "./query-once.ts";

/** Returns members in the order of their node ids, at most `membersMax`. Throws what SQLite throws. */
export function readRoster(db: Database): RosterMember[] {
  const sql = `SELECT node_id, name, gossip_address, rpc_address, first_seen_ms, last_alive_ms
    FROM roster ORDER BY node_id LIMIT ?`;
  return queryOnce(db, sql, limits.membersMax).map((row) => {
    const [nodeId, name, gossipAddress, rpcAddress] = row as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array?,
    ];
    return {
      nodeId: hex(nodeId),
      name: decodeUtf8(name),
      gossipAddress: decodeUtf8(gossipAddress),
      rpcAddress: rpcAddress instanceof Uint8Array ? decodeUtf8(rpcAddress) : undefined,
      firstSeenMs: Number(row[4]),
      lastAliveMs: Number(row[5]),
    };
  });
}

/** Returns what `Store.gossipIncarnation` does. Throws what SQLite throws. */
export function readIncarnation(db: Database): number {
  return Number(queryOnce(db, "SELECT incarnation FROM node")[0]?.[0] ?? 0);
}
