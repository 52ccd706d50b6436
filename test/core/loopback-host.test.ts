import { expect, test } from "bun:test";
import { isLoopbackHost } from "../../src/config.ts";

const loopback = [
  "localhost",
  "LOCALHOST",
  "127.0.0.1",
  "127.255.0.3",
  "::1",
  "[::1]",
  "::ffff:127.0.0.1",
  "[::ffff:7f00:1]",
];
for (const host of loopback) {
  test(`isLoopbackHost() takes ${host} for this machine`, () => expect(isLoopbackHost(host)).toBe(true));
}

const others = [
  "",
  "0.0.0.0",
  "::",
  "[::]",
  "10.0.0.1",
  "128.0.0.1",
  "127.0.0.1.example.org",
  "1127.0.0.1",
  "localhost.example.org",
  "x.localhost",
  "127.0.0.1:80",
  "::ffff:10.0.0.1",
  "::ffff:8f00:1",
  "::ffff:7fab:evil.com",
  "127.999.0.1",
];
for (const host of others) {
  test(`isLoopbackHost() takes ${JSON.stringify(host)} for another machine`, () => {
    expect(isLoopbackHost(host)).toBe(false);
  });
}
