/**
 * A disk that is told what a process did, and can say what a power failure at this moment leaves:
 * everything that was synced, and any part of the rest.
 *
 * @module
 */

import type { DiskRecord } from "./recorder.ts";

/** Decides which piece of unsynced work survives. */
export type Survives = () => boolean;

/** Writes survive, or not, in pieces of a sector. */
const sectorBytes = 512;

interface Inode {
  synced: Uint8Array;
  pending: DiskRecord[];
  /** How many of the pending operations were there when the sync under way began. */
  syncing: number;
}

interface DirectoryChange {
  readonly name: string;
  /** undefined: the name is taken away. */
  readonly inode: Inode | undefined;
}

export class RecordedDisk {
  readonly #names = new Map<string, Inode>();
  readonly #syncedNames = new Map<string, Inode>();
  #pendingNames: DirectoryChange[] = [];
  #syncingNames = 0;

  /** The number of the last mark. */
  marked = 0;

  apply(record: DiskRecord): void {
    const { operation, name } = record;
    if (operation === "M") this.marked = record.offset;
    else if (name === ".") this.#applyToDirectory(operation);
    else if (operation === "O") this.#open(name);
    else if (operation === "U") this.#link({ name, inode: undefined });
    else if (operation === "R") this.#rename(name, new TextDecoder().decode(record.data));
    else this.#applyToFile(this.#inode(name), record);
  }

  /** Returns the files that a power failure leaves. */
  files(survives: Survives): Map<string, Uint8Array> {
    const names = new Map(this.#syncedNames);
    for (const change of this.#pendingNames) {
      if (!survives()) continue;
      if (change.inode === undefined) names.delete(change.name);
      else names.set(change.name, change.inode);
    }
    return new Map([...names].map(([name, inode]) => [name, contentOf(inode, survives)]));
  }

  #open(name: string): void {
    if (this.#names.has(name)) return;
    this.#link({ name, inode: { synced: new Uint8Array(), pending: [], syncing: 0 } });
  }

  #rename(from: string, to: string): void {
    const inode = this.#inode(from);
    this.#link({ name: from, inode: undefined });
    this.#link({ name: to, inode });
  }

  #link(change: DirectoryChange): void {
    this.#pendingNames.push(change);
    if (change.inode === undefined) this.#names.delete(change.name);
    else this.#names.set(change.name, change.inode);
  }

  #applyToDirectory(operation: DiskRecord["operation"]): void {
    if (operation === "B") this.#syncingNames = this.#pendingNames.length;
    if (operation !== "E") return;
    for (const { name, inode } of this.#pendingNames.slice(0, this.#syncingNames)) {
      if (inode === undefined) this.#syncedNames.delete(name);
      else this.#syncedNames.set(name, inode);
    }
    this.#pendingNames = this.#pendingNames.slice(this.#syncingNames);
  }

  #applyToFile(inode: Inode, record: DiskRecord): void {
    if (record.operation === "B") inode.syncing = inode.pending.length;
    else if (record.operation !== "E") inode.pending.push(record);
    else {
      const done = { ...inode, pending: inode.pending.slice(0, inode.syncing) };
      inode.synced = contentOf(done, () => true);
      inode.pending = inode.pending.slice(inode.syncing);
    }
  }

  #inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw new Error(`${name} was never opened`);
    return inode;
  }
}

function contentOf(inode: Inode, survives: Survives): Uint8Array {
  const ends = inode.pending.map(({ offset, data }) => offset + data.length);
  const content = new Uint8Array(Math.max(inode.synced.length, ...ends, 0));
  content.set(inode.synced);
  let length = inode.synced.length;
  for (const { operation, offset, data } of inode.pending) {
    if (operation === "T") {
      if (!survives()) continue;
      content.fill(0, Math.min(offset, length), length);
      length = offset;
      continue;
    }
    for (let at = 0; at < data.length; at += sectorBytes) {
      if (!survives()) continue;
      const piece = data.subarray(at, at + sectorBytes);
      content.set(piece, offset + at);
      length = Math.max(length, offset + at + piece.length);
    }
  }
  return content.slice(0, length);
}
