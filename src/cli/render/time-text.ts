const nsPerSecond = 1_000_000_000n;

/** Returns nanoseconds since 1970 as ISO 8601 in UTC, to the nanosecond. */
export function timeText(ns: bigint): string {
  const seconds = new Date(Number((ns / nsPerSecond) * 1000n));
  const second = seconds.toISOString().slice(0, -".000Z".length);
  return `${second}.${(ns % nsPerSecond).toString().padStart(9, "0")}Z`;
}
