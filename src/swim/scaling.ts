/** Returns how often one message is passed on in a cluster of `members`: enough that everybody hears it. */
export function retransmitLimit(mult: number, members: number): number {
  return mult * Math.ceil(Math.log10(members + 1));
}

/** Returns how long a suspect has to contradict, in milliseconds, before the patience that Lifeguard adds. */
export function suspicionTimeout(mult: number, members: number, intervalMs: number): number {
  const scale = Math.max(1, Math.log10(Math.max(1, members)));
  // Three decimals, as in memberlist, so that members of both kinds wait equally long.
  return (mult * Math.trunc(scale * 1000) * intervalMs) / 1000;
}

/** Returns the time between two exchanges of whole states: rarer beyond 32 members, because each is larger. */
export function pushPullInterval(intervalMs: number, members: number): number {
  if (members <= 32) return intervalMs;
  return intervalMs * (Math.ceil(Math.log2(members) - 5) + 1);
}
