/**
 * Records of forks between nodes: what is asked and answered about them, read and written.
 *
 * @module
 */

import { noEpoch } from "../../core/epoch.ts";
import { limits } from "../../core/limits.ts";
import type { PeerCalls, PeerFork } from "../../sync/peer-messages.ts";
import * as value from "./value-codec.ts";
import { invalid, type WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

type Forks = PeerCalls["forks"];

const nanosPerSecond = 1_000_000_000n;
const printBytes = 8;

export function writeForksRequest({ contextId, known, forks }: Forks["request"]): WireWriter {
  return writeForks(new WireWriter(sizeOf(forks) + known.length).text(1, contextId), { known, forks });
}

export function writeForksAnswer(answer: Forks["answer"]): WireWriter {
  return writeForks(new WireWriter(sizeOf(answer.forks) + answer.known.length), answer);
}

export function readForksRequest(reader: WireReader): Forks["request"] {
  let contextId = "";
  const rest = readForks(reader, () => (contextId = value.readContextId(reader)));
  return { contextId: value.contextId(contextId), ...rest };
}

export function readForksAnswer(reader: WireReader): Forks["answer"] {
  return readForks(reader, () => {});
}

function writeForks(writer: WireWriter, { known, forks }: Forks["answer"]): WireWriter {
  writer.bytes(2, known);
  for (const { after, count, hashes, winner, loser, foundAtNs } of forks)
    writer.message(3, () => {
      writer.uint(1, after).uint(2, count).bytes(3, hashes);
      value.writeEpoch(writer, 4, winner);
      value.writeEpoch(writer, 5, loser);
      writer.uint(6, Number(foundAtNs / nanosPerSecond)).uint(7, Number(foundAtNs % nanosPerSecond));
    });
  return writer;
}

function readForks(reader: WireReader, readContext: () => void): Forks["answer"] {
  let known = value.noBytes;
  const forks: PeerFork[] = [];
  while (reader.next()) {
    if (reader.field === 1) readContext();
    else if (reader.field === 2) known = reader.bytes("known", printBytes * limits.forksPerContextMax);
    else if (reader.field === 3) value.add(forks, readFork(reader), "forks", limits.forksPerContextMax);
  }
  if (known.length % printBytes !== 0) throw invalid("known", "is not made of fingerprints");
  return { known, forks };
}

function readFork(reader: WireReader): PeerFork {
  return reader.message("forks", () => {
    let after = 0;
    let count = 0;
    let hashes = value.noBytes;
    let winner = noEpoch;
    let loser = noEpoch;
    let seconds = 0;
    let nanos = 0;
    while (reader.next()) {
      if (reader.field === 1) after = reader.uint("forks.after");
      else if (reader.field === 2) count = reader.uint("forks.count");
      else if (reader.field === 3)
        hashes = reader.bytes("forks.hashes", value.hashBytes * limits.forkHashesMax);
      else if (reader.field === 4) winner = value.readEpoch(reader, "forks.winner");
      else if (reader.field === 5) loser = value.readEpoch(reader, "forks.loser");
      else if (reader.field === 6) seconds = reader.uint("forks.found_at_s", secondsMax);
      else if (reader.field === 7) nanos = reader.uint("forks.found_at_nanos", Number(nanosPerSecond) - 1);
    }
    if (hashes.length % value.hashBytes !== 0) throw invalid("forks.hashes", "is not made of hashes");
    if (hashes.length > count * value.hashBytes)
      throw invalid("forks.hashes", `has more than ${count} elements`);
    const foundAtNs = BigInt(seconds) * nanosPerSecond + BigInt(nanos);
    return { after, count, hashes, winner, loser, foundAtNs };
  });
}

const secondsMax = Number(limits.timeNsMax / nanosPerSecond) - 1;

function sizeOf(forks: readonly { readonly hashes: Uint8Array }[]): number {
  return forks.reduce((sum, { hashes }) => sum + hashes.length + 256, 256);
}
