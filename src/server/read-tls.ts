import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { ConfigError, type ConfigProblem, type ServerConfig } from "../config.ts";
import { asError } from "../core/as-error.ts";
import { quote } from "../core/errors.ts";
import { systemErrorText } from "../core/system-error-text.ts";
import type { Tls } from "../rpc/listener-options.ts";

/** Returns what the TLS settings name; undefined without them. Throws ConfigError if it cannot be read or used. */
export function readTls({ tlsCert, tlsKey }: Pick<ServerConfig, "tlsCert" | "tlsKey">): Tls | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const problems: ConfigProblem[] = [];
  const cert = readPem({ ...certificateFile, path: tlsCert }, problems);
  const key = readPem({ ...keyFile, path: tlsKey }, problems);
  if (cert !== undefined && key !== undefined) {
    const problem = pairProblem({ path: tlsCert, ...cert }, { path: tlsKey, ...key });
    if (problem === undefined) return { cert: cert.text, key: key.text };
    problems.push(problem);
  }
  throw new ConfigError(problems);
}

interface PemFile<T> {
  readonly field: "tlsCert" | "tlsKey";
  readonly flag: "--tls-cert" | "--tls-key";
  readonly what: string;
  readonly remedy: string;
  parse(text: string): T;
}

const certificateFile: PemFile<X509Certificate> = {
  field: "tlsCert",
  flag: "--tls-cert",
  what: "a certificate in PEM",
  remedy: "name the file with -----BEGIN CERTIFICATE-----",
  parse: (text) => new X509Certificate(text),
};

const keyFile: PemFile<KeyObject> = {
  field: "tlsKey",
  flag: "--tls-key",
  what: "a private key in PEM that needs no passphrase",
  remedy: "name the file with -----BEGIN PRIVATE KEY-----",
  parse: (text) => createPrivateKey(text),
};

interface Pem<T> {
  readonly text: string;
  readonly parsed: T;
}

function readPem<T>(file: PemFile<T> & { path: string }, problems: ConfigProblem[]): Pem<T> | undefined {
  const { flag, path, what, remedy } = file;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const why = systemErrorText(error);
    const readable = "name a file that the server may read";
    problems.push(problemOf(file, `${flag}: cannot read ${quote(path)} (${why})`, readable));
    return undefined;
  }
  try {
    return { text, parsed: file.parse(text) };
  } catch (error) {
    const why = asError(error).message;
    problems.push(problemOf(file, `${flag}: ${quote(path)} is not ${what} (${why})`, remedy));
    return undefined;
  }
}

/** Tells why a certificate and a key cannot be used together, though each could be. */
function pairProblem(
  cert: Pem<X509Certificate> & { path: string },
  key: Pem<KeyObject> & { path: string },
): ConfigProblem | undefined {
  if (!cert.parsed.checkPrivateKey(key.parsed)) {
    const said = `${keyFile.flag}: ${quote(key.path)} is not the key of the certificate ${quote(cert.path)}`;
    return problemOf({ ...keyFile, path: key.path }, said, "name the two that were made together");
  }
  try {
    // The rest of the chain, which only the listeners read.
    createSecureContext({ cert: cert.text, key: key.text });
    return undefined;
  } catch (error) {
    const said = `${certificateFile.flag}: cannot use the chain in ${quote(cert.path)} (${asError(error).message})`;
    return problemOf(
      { ...certificateFile, path: cert.path },
      said,
      "name a file of whole certificates in PEM",
    );
  }
}

function problemOf(
  { field, flag, path }: { field: string; flag: string; path: string },
  said: string,
  remedy: string,
): ConfigProblem {
  return { field, source: flag, value: path, remedy, message: `${said}; ${remedy}` };
}
