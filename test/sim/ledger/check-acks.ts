import type { Placed } from "./check-copies.ts";
import type { Ack } from "./clients.ts";
import type { World } from "./world.ts";

/** Tells what is wrong with a context's history, as those see it who appended to it. */
export function checkAcks(
  world: World,
  { contextId, history, acks }: { contextId: string; history: readonly Placed[]; acks: readonly Ack[] },
  violated: (text: string) => void,
): void {
  const places = new Map<string, number>();
  for (const [at, { id }] of history.entries()) {
    if (places.has(id)) violated(`twice: ${contextId} has ${id} at ${places.get(id)} and ${at + 1}`);
    places.set(id, at + 1);
  }
  const isFinal = world.rules.writeCopies !== "1";
  for (const { key, id, hash, sequence } of acks) {
    const place = places.get(id);
    if (place === undefined) violated(`lost: ${contextId}: ${key}, acknowledged at ${sequence}`);
    else if (isFinal && place !== sequence)
      violated(`changed: ${contextId}: ${key} was acknowledged at ${sequence} and is at ${place}`);
    else if (isFinal && history[sequence - 1]?.hash !== hash)
      violated(`changed: ${contextId}: ${key} at ${sequence} has another hash`);
  }
  for (const together of grouped(acks, ({ batch }) => batch).values()) {
    const at = together.map(({ id }) => places.get(id) ?? 0);
    if (at.some((place, index) => place !== (at[0] ?? 0) + index))
      violated(`batch: ${contextId}: ${together.map(({ key }) => key).join()} are at ${at.join()}`);
  }
  const epochOf = ({ hash }: Ack): string | undefined => world.epochs.of(hash);
  for (const [epoch, sameEpoch] of grouped(acks, epochOf)) checkOrder(epoch, sameEpoch);
  if (isFinal)
    for (const [writer, own] of grouped(acks, (ack) => ack.writer)) {
      const inOrder = own.toSorted((a, b) => a.count - b.count);
      if (inOrder.some((ack, index) => index > 0 && ack.sequence <= (inOrder[index - 1]?.sequence ?? 0)))
        violated(`order: ${contextId}: of writer ${writer}`);
    }

  /** What was acknowledged in one epoch stays in this order, wherever it is. */
  function checkOrder(epoch: string, sameEpoch: readonly Ack[]): void {
    const inOrder = sameEpoch.toSorted((a, b) => a.sequence - b.sequence);
    let before = 0;
    for (const { id, key, hash } of inOrder) {
      const place = places.get(id) ?? before;
      // An earlier attempt, which nobody acknowledged, may be what stands.
      if (history[place - 1]?.firstHash !== hash) continue;
      if (place < before)
        violated(`order: ${contextId}: ${key} of epoch ${epoch} is at ${place}, after ${before}`);
      before = Math.max(before, place);
    }
  }
}

function grouped<Key>(acks: readonly Ack[], keyOf: (ack: Ack) => Key | undefined): Map<Key, Ack[]> {
  const groups = new Map<Key, Ack[]>();
  for (const ack of acks) {
    const key = keyOf(ack);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [ack]);
    else group.push(ack);
  }
  return groups;
}
