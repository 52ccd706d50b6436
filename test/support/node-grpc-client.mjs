// A gRPC client on Node and @grpc/grpc-js: one line of JSON in for each call, lines of JSON out for each answer and the end.
// A call with keepOpen takes further requests as {id, more}, until more is "end".
// Usage: node node-grpc-client.mjs HOST:PORT FOLDER-OF-PROTOS [FILE-OF-CA]
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, protos, ca] = process.argv.slice(2);
const files = [
  "converge/context/v1/context.proto",
  "converge/ledger/v1/integrity.proto",
  "converge/ledger/v1/ledger.proto",
  "converge/ledger/v1/cluster.proto",
  "converge/ledger/v1/discovery.proto",
  "converge/ledger/v1/membership.proto",
  "grpc/health/v1/health.proto",
  "grpc/reflection/v1/reflection.proto",
  "grpc/reflection/v1alpha/reflection.proto",
];
const definitions = loader.loadSync(files, {
  longs: String,
  bytes: String,
  enums: String,
  includeDirs: [protos],
});
const credentials =
  ca === undefined ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(readFileSync(ca));
const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
const plain = new grpc.Client(address, credentials, unlimited);
const gzipping = new grpc.Client(address, credentials, {
  ...unlimited,
  "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip,
});

const open = new Map();
for await (const line of createInterface({ input: process.stdin })) take(JSON.parse(line));
process.exit(0);

function take({ id, more, ...asked }) {
  if (more === undefined) call({ id, ...asked });
  else if (more === "end") open.get(id).end();
  else open.get(id).write(more);
}

function call({
  id,
  method,
  requests,
  answersMax = Number.POSITIVE_INFINITY,
  timeoutMs,
  gzip,
  keepOpen = false,
}) {
  const [service, name] = method.split("/");
  const { path, requestSerialize, responseDeserialize, requestStream, responseStream } =
    definitions[service][name];
  const client = gzip ? gzipping : plain;
  const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  const shared = [path, requestSerialize, responseDeserialize];
  const metadata = new grpc.Metadata();
  let answers = 0;
  let ended = false;
  const end = (code, message, details) => {
    if (ended) return;
    ended = true;
    say({ id, end: { code, message, details } });
  };
  const answered = (answer) => {
    if (ended) return;
    answers += 1;
    say({ id, answer });
    if (answers < answersMax) return;
    end("OK", "", "");
    running.cancel();
  };
  const done = (error) => {
    const [details] = error?.metadata?.get("grpc-status-details-bin") ?? [];
    const code = error ? grpc.status[error.code] : "OK";
    end(code, error?.details ?? "", details === undefined ? "" : details.toString("base64"));
  };
  const single = (error, answer) => {
    if (error === null) answered(answer);
    done(error);
  };
  let running;
  if (!requestStream && !responseStream)
    running = client.makeUnaryRequest(...shared, requests[0], metadata, options, single);
  else if (!responseStream) running = client.makeClientStreamRequest(...shared, metadata, options, single);
  else if (requestStream) running = client.makeBidiStreamRequest(...shared, metadata, options);
  else running = client.makeServerStreamRequest(...shared, requests[0], metadata, options);
  if (responseStream)
    running
      .on("data", answered)
      .on("error", done)
      .on("end", () => done());
  if (!requestStream) return;
  open.set(id, running);
  for (const request of requests) running.write(request);
  if (!keepOpen) running.end();
}

function say(reply) {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
