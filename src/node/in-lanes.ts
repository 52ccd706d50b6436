/**
 * Runs `work` on all items in their order, at most `lanes` at a time, and returns the results in order. If one fails, its lane
 * ends and the others go on; rejects with the first error once all lanes have ended.
 */
export async function inLanes<T, R>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of rest) results[index] = await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(items.length, lanes) }, lane));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return results;
}
