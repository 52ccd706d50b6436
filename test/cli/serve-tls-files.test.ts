/** What `serve` says of certificates and keys that cannot be used. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { ConfigError } from "../../src/config.ts";
import { readTls } from "../../src/server/read-tls.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";
import { builtExecutable } from "../support/built-executable.ts";
import { canSign, selfSigned, type SelfSigned } from "../support/self-signed.ts";

let executable: string;
let directory: ReturnType<typeof temporaryDirectory>;

beforeAll(async () => {
  executable = await builtExecutable();
  directory = temporaryDirectory();
}, 60_000);

afterAll(() => {
  directory[Symbol.dispose]();
});

describe("serve", () => {
  test("ends with 2 and names both flags and both files that are missing", async () => {
    const { code, out, err } = await serve("no-cert.pem", "no-key.pem");
    expect({ code, out }).toEqual({ code: 2, out: "" });
    const remedy = "name a file that the server may read";
    expect(err.split("\n")).toEqual([
      `error: --tls-cert: cannot read "no-cert.pem" (ENOENT: no such file or directory); ${remedy}`,
      `error: --tls-key: cannot read "no-key.pem" (ENOENT: no such file or directory); ${remedy}`,
      "",
    ]);
  });

  test("ends with 2 and names the files that are no PEM", async () => {
    await Bun.write(`${directory.path}/cert.txt`, "hello\n");
    await Bun.write(`${directory.path}/key.txt`, "");
    const { code, err } = await serve("cert.txt", "key.txt");
    expect(code).toBe(2);
    const [cert, key] = err.split("\n");
    expect(cert).toStartWith('error: --tls-cert: "cert.txt" is not a certificate in PEM (');
    expect(key).toStartWith('error: --tls-key: "key.txt" is not a private key in PEM ');
  });

  async function serve(cert: string, key: string): Promise<{ code: number; out: string; err: string }> {
    const listeners = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    const args = ["serve", "--data", "data", ...listeners, "--tls-cert", cert, "--tls-key", key];
    const child = Bun.spawn([executable, ...args], { cwd: directory.path, env: {}, stderr: "pipe" });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { code, out, err };
  }
});

describe.skipIf(!canSign)("readTls() (needs openssl)", () => {
  let pair: SelfSigned;
  let cert: string;
  let key: string;

  beforeAll(async () => {
    pair = await selfSigned();
    cert = await Bun.file(pair.cert).text();
    key = await Bun.file(pair.key).text();
  });

  afterAll(() => {
    pair[Symbol.dispose]();
  });

  test("gives the texts of a certificate and its key, and nothing without them", () => {
    expect(readTls({ tlsCert: pair.cert, tlsKey: pair.key })).toEqual({ cert, key });
    expect(readTls({ tlsCert: undefined, tlsKey: undefined })).toBeUndefined();
  });

  const cases: [string, () => readonly [cert: string, key: string], string][] = [
    ["an empty certificate", () => ["", key], "--tls-cert: CERT is not a certificate in PEM ("],
    ["a key for a certificate", () => [key, key], "--tls-cert: CERT is not a certificate in PEM ("],
    ["a certificate for a key", () => [cert, cert], "--tls-key: KEY is not a private key in PEM "],
    ["half a key", () => [cert, key.slice(0, 80)], "--tls-key: KEY is not a private key in PEM "],
    [
      "a key with a passphrase",
      () => [cert, otherKey({ cipher: "aes-256-cbc", passphrase: "x" })],
      "--tls-key: KEY is not a private key in PEM that needs no passphrase (",
    ],
    [
      "another certificate's key",
      () => [cert, otherKey({})],
      "--tls-key: KEY is not the key of the certificate CERT; ",
    ],
    [
      "a chain that breaks off",
      () => [`${cert}${cert.slice(0, cert.length / 2)}`, key],
      "--tls-cert: cannot use the chain in CERT (",
    ],
  ];
  for (const [name, texts, expected] of cases) {
    test(`refuses ${name} by flag and path`, async () => {
      const files = { tlsCert: `${directory.path}/c.pem`, tlsKey: `${directory.path}/k.pem` };
      const [certText, keyText] = texts();
      await Bun.write(files.tlsCert, certText);
      await Bun.write(files.tlsKey, keyText);
      const { problems } = configErrorOf(() => readTls(files));
      expect(problems).toHaveLength(1);
      const message = expected
        .replace("CERT", JSON.stringify(files.tlsCert))
        .replace("KEY", JSON.stringify(files.tlsKey));
      expect(problems[0]?.message).toStartWith(message);
      const isKey = expected.startsWith("--tls-key");
      expect(problems[0]).toMatchObject({
        field: isKey ? "tlsKey" : "tlsCert",
        value: isKey ? files.tlsKey : files.tlsCert,
        remedy: expect.stringMatching(/^name /),
      });
    });
  }
});

function otherKey(protection: { readonly cipher?: string; readonly passphrase?: string }): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem", ...protection }).toString();
}

function configErrorOf(work: () => unknown): ConfigError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error("no ConfigError");
}
