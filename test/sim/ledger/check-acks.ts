import type { Placed } from "./check-copies.ts";
import type { Ack } from "./clients.ts";
import type { World } from "./world.ts";

/** What became of one context, and what its writers did to it. */
export interface Appended {
  readonly contextId: string;
  readonly history: readonly Placed[];
  readonly acks: readonly Ack[];
  /** What was to be appended together. */
  readonly batches: readonly { readonly keys: readonly string[] }[];
}

/** Tells what is wrong with a context's history, as those see it who appended to it. */
export function checkAcks(
  world: World,
  { contextId, history, acks, batches }: Appended,
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
  const placeOf = new Map(history.map(({ payload }, at) => [payload, at + 1]));
  for (const { keys } of batches) {
    const at = keys.map((key) => placeOf.get(key));
    const [first] = at;
    if (at.some((place, index) => place !== (first === undefined ? undefined : first + index)))
      violated(`batch: ${contextId}: ${keys.join()} are at ${at.join()}`);
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
