import { buf } from "../../scripts/steps/buf.ts";
import { projectRoot } from "../../scripts/steps/project.ts";
import { capture } from "../../scripts/steps/run.ts";
import { bufCurlClient, type BufCurlOptions } from "./buf-curl-client.ts";
import { curlClient, curlFeatures } from "./curl-client.ts";
import type { InteropClient } from "./interop-client.ts";
import { type LineClient, startLineClient } from "./line-client.ts";

/** Where a client finds a server. */
export interface Target {
  /** `host:port` of the gRPC listener. */
  readonly grpc: string;
  /** Address of the HTTP listener. */
  readonly url: string;
  /** Certificate that a client must trust; without it there is no TLS. */
  readonly ca?: string;
}

/** A client of another make. */
export interface ClientKind {
  readonly name: string;
  /** What this machine lacks to run it. */
  readonly lacks: string | undefined;
  /** True if it can take many answers. */
  readonly streams: boolean;
  /** True if it can send many requests in one call. */
  readonly sendsStreams: boolean;
  /** False if it refuses answers over 4 MiB itself. */
  readonly takesLarge: boolean;
  open(target: Target): Promise<InteropClient>;
}

const hasNode = Bun.which("node") !== null;
const features = await curlFeatures();
const python = await pythonWithGrpc();

/** @grpc/grpc-js on Node. */
export const grpcJs = {
  name: "Node's grpc-js",
  lacks: hasNode ? undefined : "node",
  streams: true,
  sendsStreams: true,
  takesLarge: true,
  open: async ({ grpc, ca }: Target): Promise<LineClient> => {
    const script = `${projectRoot}/test/support/node-grpc-client.mjs`;
    return startLineClient(["node", script, grpc, `${projectRoot}/proto`, ...(ca === undefined ? [] : [ca])]);
  },
} satisfies ClientKind;

/** Python's grpcio, which is built on the C core. */
export const grpcio = {
  name: "Python's grpcio",
  lacks: python === undefined ? "python3 with grpc and google.protobuf" : undefined,
  streams: true,
  sendsStreams: true,
  takesLarge: true,
  open: async ({ grpc, ca }: Target): Promise<LineClient> => {
    const script = `${projectRoot}/test/support/python_grpc_client.py`;
    const command = [python ?? "", script, grpc, await descriptorSet()];
    return startLineClient(ca === undefined ? command : [...command, ca]);
  },
} satisfies ClientKind;

/** Every client of another make, over every protocol and on every listener that speaks it. */
export const clientKinds: readonly ClientKind[] = [
  grpcJs,
  grpcio,
  bufCurl("buf curl, gRPC", "grpc", "grpc"),
  bufCurl("buf curl, gRPC-Web", "grpcweb", "http"),
  bufCurl("buf curl, Connect", "connect", "http"),
  bufCurl("buf curl, Connect on the gRPC listener", "connect", "grpc"),
  bufCurl("buf curl, gRPC-Web on the gRPC listener", "grpcweb", "grpc"),
  curlKind("curl, JSON over HTTP/1.1", "--http1.1", undefined),
  curlKind("curl, JSON over HTTP/2", "--http2-prior-knowledge", "HTTP2"),
];

function bufCurl(name: string, protocol: BufCurlOptions["protocol"], listener: "grpc" | "http"): ClientKind {
  const open = async ({ grpc, url, ca }: Target): Promise<InteropClient> => {
    const grpcUrl = `${ca === undefined ? "http" : "https"}://${grpc}`;
    const http2 = listener === "grpc" && ca === undefined ? ["--http2-prior-knowledge"] : [];
    const trust = ca === undefined ? [] : ["--cacert", ca];
    return bufCurlClient({ protocol, url: listener === "grpc" ? grpcUrl : url, flags: [...http2, ...trust] });
  };
  return {
    name,
    lacks: undefined,
    streams: true,
    sendsStreams: protocol !== "grpcweb",
    takesLarge: false,
    open,
  };
}

function curlKind(name: string, flag: string, feature: string | undefined): ClientKind {
  const isThere = feature === undefined ? features.length > 0 : features.includes(feature);
  const open = async ({ url, ca }: Target): Promise<InteropClient> => {
    const version = ca !== undefined && flag === "--http2-prior-knowledge" ? "--http2" : flag;
    return curlClient(url, ca === undefined ? [version] : [version, "--cacert", ca]);
  };
  const lacks = isThere ? undefined : `curl${feature === undefined ? "" : ` with ${feature}`}`;
  return { name, lacks, streams: false, sendsStreams: false, takesLarge: true, open };
}

/** Returns the system's Python first: the one on the PATH may be a bare one. */
async function pythonWithGrpc(): Promise<string | undefined> {
  for (const name of ["/usr/bin/python3", "python3"]) {
    if (Bun.which(name) === null) continue;
    const { exitCode } = await capture([name, "-c", "import grpc, google.protobuf.message_factory"]);
    if (exitCode === 0) return name;
  }
  return undefined;
}

let descriptors: Promise<string> | undefined;

/** Returns the descriptors of all protos and of what they import, in base64. */
function descriptorSet(): Promise<string> {
  return (descriptors ??= buildDescriptorSet());
}

async function buildDescriptorSet(): Promise<string> {
  const command = [
    buf(),
    "build",
    "--as-file-descriptor-set",
    "--exclude-source-info",
    "-o",
    "-#format=binpb",
  ];
  const child = Bun.spawn(command, { cwd: projectRoot, stdio: ["ignore", "pipe", "pipe"] });
  const [bytes, report, exitCode] = await Promise.all([
    child.stdout.bytes(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode !== 0) throw new Error(`buf build failed: ${report}`);
  return bytes.toBase64();
}
