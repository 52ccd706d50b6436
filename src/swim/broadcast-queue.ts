import { limits } from "../core/limits.ts";

/** What a broadcast replaces and is replaced by: the slot of the member it is about, or nothing. */
export type Subject = number | undefined;

interface Broadcast {
  readonly subject: Subject;
  readonly bytes: Uint8Array;
  /** Called once when it has been sent often enough or was replaced. */
  readonly ended: (() => void) | undefined;
  isOver: boolean;
}

/** Broadcasts of one rank that do not fit are passed over so often before the rank is left. */
const misfitsMax = 16;
/** Places of broadcasts that are over are cleared when there are so many more than live ones. */
const staleMax = 64;

/**
 * Messages that are passed on with other packets until each has been sent `limit` times: the least sent first, among
 * them the newest first. A new message about a member replaces the old one.
 */
export class BroadcastQueue {
  /** By how often they have been sent; the newest last. */
  readonly #ranks: Broadcast[][] = [];
  readonly #bySubject = new Map<number, Broadcast>();
  #length = 0;
  /** Broadcasts that are over and still have their place in a rank. */
  #stale = 0;

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** Queues a message. If the queue is full, the one that was sent most often gives way. */
  push(bytes: Uint8Array, subject: Subject, ended?: () => void): void {
    const broadcast: Broadcast = { subject, bytes, ended, isOver: false };
    if (subject !== undefined) {
      const old = this.#bySubject.get(subject);
      if (old !== undefined) this.#replace(old);
      this.#bySubject.set(subject, broadcast);
    }
    if (this.#length >= limits.gossipQueueMax) this.#dropMostSent();
    this.#rank(0).push(broadcast);
    this.#length++;
  }

  /**
   * Returns messages that fit into `bytesMax`, each with `overheadBytes`, and at most `countMax`; counts them as sent.
   * Those sent `limit` times leave.
   */
  take(room: { bytesMax: number; overheadBytes: number; countMax: number }, limit: number): Uint8Array[] {
    const taken: Broadcast[] = [];
    const ranks: number[] = [];
    let left = room.bytesMax;
    for (let rank = 0; rank < this.#ranks.length && taken.length < room.countMax; rank++) {
      const waiting = this.#rank(rank);
      let misfits = 0;
      for (let at = waiting.length - 1; at >= 0 && misfits < misfitsMax; at--) {
        const broadcast = waiting[at];
        if (broadcast === undefined) continue;
        const needed = broadcast.bytes.length + room.overheadBytes;
        if (!broadcast.isOver && (needed > left || taken.length >= room.countMax)) {
          misfits++;
          continue;
        }
        waiting.splice(at, 1);
        if (broadcast.isOver) {
          this.#stale--;
          continue;
        }
        left -= needed;
        taken.push(broadcast);
        ranks.push(rank);
      }
    }
    taken.forEach((broadcast, index) => this.#sent(broadcast, (ranks[index] ?? 0) + 1, limit));
    return taken.map(({ bytes }) => bytes);
  }

  #sent(broadcast: Broadcast, times: number, limit: number): void {
    if (times < limit) this.#rank(times).push(broadcast);
    else this.#end(broadcast);
  }

  #rank(index: number): Broadcast[] {
    for (let next = this.#ranks.length; next <= index; next++) this.#ranks.push([]);
    return this.#ranks[index] as Broadcast[];
  }

  /** Its place is cleared when it is come upon, or with many others. */
  #replace(broadcast: Broadcast): void {
    this.#end(broadcast);
    this.#stale++;
    if (this.#stale <= staleMax + this.#length) return;
    for (const [index, waiting] of this.#ranks.entries())
      this.#ranks[index] = waiting.filter(({ isOver }) => !isOver);
    this.#stale = 0;
  }

  #end(broadcast: Broadcast): void {
    broadcast.isOver = true;
    this.#length--;
    if (broadcast.subject !== undefined && this.#bySubject.get(broadcast.subject) === broadcast)
      this.#bySubject.delete(broadcast.subject);
    broadcast.ended?.();
  }

  #dropMostSent(): void {
    for (let rank = this.#ranks.length - 1; rank >= 0; rank--) {
      const waiting = this.#rank(rank);
      for (let oldest = waiting.shift(); oldest !== undefined; oldest = waiting.shift()) {
        if (oldest.isOver) {
          this.#stale--;
          continue;
        }
        this.#end(oldest);
        return;
      }
    }
  }
}
