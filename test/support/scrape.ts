/** The numbers of one page of /metrics. */
export interface Scrape {
  /** Returns the value of the series whose name, or name and labels, are `series`; 0 if there is none. */
  value(series: string): number;
  /** Returns the sum over all label values of a metric. */
  sum(name: string): number;
}

/** Reads /metrics of a server. */
export async function scrape(url: string, init: RequestInit = {}): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`, init);
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  const series = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    const match = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (match !== null) series.set(match[1] ?? "", Number(match[2]));
  }
  return {
    value: (name) => series.get(name) ?? 0,
    sum: (name) =>
      [...series].reduce(
        (sum, [key, value]) => (key === name || key.startsWith(`${name}{`) ? sum + value : sum),
        0,
      ),
  };
}
