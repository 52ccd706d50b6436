import { join } from "node:path";
import { capture } from "../../scripts/steps/run.ts";
import { temporaryDirectory } from "../store/temporary-directory.ts";

/** A certificate for localhost and 127.0.0.1 that is its own authority. */
export interface SelfSigned extends Disposable {
  readonly cert: string;
  readonly key: string;
}

/** Tests that need a certificate are skipped by name where there is no openssl. */
export const canSign = Bun.which("openssl") !== null;

/** Makes a certificate with openssl. Throws what openssl says if it cannot. */
export async function selfSigned(): Promise<SelfSigned> {
  const directory = temporaryDirectory();
  const cert = join(directory.path, "cert.pem");
  const key = join(directory.path, "key.pem");
  const { exitCode, report } = await capture([
    ...[
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
    ],
    ...[
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=IP:127.0.0.1,DNS:localhost",
      "-keyout",
      key,
      "-out",
      cert,
    ],
  ]);
  if (exitCode !== 0) throw new Error(`openssl cannot make a certificate: ${report}`);
  return { cert, key, [Symbol.dispose]: directory[Symbol.dispose] };
}
