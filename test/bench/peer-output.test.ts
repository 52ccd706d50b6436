import { expect, test } from "bun:test";
import { parseRate } from "../../scripts/bench/peers/redis.ts";
import { parseSummary } from "../../scripts/bench/run/h2load.ts";

const summary = `
finished in 2.50s, 137432.00 req/s, 5.90MB/s
requests: 274864 total, 274864 started, 274864 done, 274864 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 274865 2xx, 0 3xx, 0 4xx, 0 5xx
`;

test("parseSummary() reads h2load's rate and count; an answer that had only begun at the end is not counted", () => {
  expect(parseSummary(summary)).toEqual({ perSecond: 137_432, succeeded: 274_864 });
});

test.each([
  ["failed requests", summary.replace("0 failed", "3 failed")],
  ["requests without answer", summary.replace("0 timeout", "3 timeout")],
  ["refusals", summary.replace("0 4xx", "3 4xx")],
  ["server errors", summary.replace("0 5xx", "3 5xx")],
  ["no success", summary.replace("274864 succeeded", "0 succeeded")],
  ["no summary", "connection refused"],
])("parseSummary() throws for %s", (_, output) => {
  expect(() => parseSummary(output)).toThrow();
});

test("parseRate() reads the requests a second, not a latency, of redis-benchmark's last line", () => {
  const csv =
    '"test","rps","avg_latency_ms","max_latency_ms"\n"XADD bench * facts x","266666.66","6.390","12.431"\n';
  expect(parseRate(csv)).toBe(266_666.66);
  expect(() => parseRate("Could not connect")).toThrow("redis-benchmark");
});
