import { appendFileSync } from "node:fs";
import type { Place } from "./network.ts";

/** How a node is started, apart from where. */
export interface NodeSettings {
  readonly executable: string;
  readonly name: string;
  readonly index: number;
  readonly place: Place;
  readonly data: string;
  /** What it writes is appended to this file. */
  readonly logFile: string;
  readonly flags: readonly string[];
}

const readyMsMax = 30_000;
const endMsMax = 15_000;
const children = new Set<Bun.Subprocess>();

// For ends that dispose of nothing.
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** One node of a cluster under trial: its place and data stay while its process comes and goes. */
export class TrialNode implements AsyncDisposable {
  readonly settings: NodeSettings;
  #child: Bun.Subprocess | undefined;
  #stopped = false;

  constructor(settings: NodeSettings) {
    this.settings = settings;
  }

  get name(): string {
    return this.settings.name;
  }

  get index(): number {
    return this.settings.index;
  }

  /** Address of the HTTP listener. */
  get url(): string {
    return `http://${this.settings.place.host}:${this.settings.place.httpPort}`;
  }

  /** Address of the gRPC listener. */
  get grpcUrl(): string {
    return `http://${this.settings.place.host}:${this.settings.place.grpcPort}`;
  }

  get gossip(): string {
    return `${this.settings.place.host}:${this.settings.place.gossipPort}`;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** True between SIGSTOP and SIGCONT. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** The process id while there is a process. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process and waits until it says that it is ready. Throws with its last words if it ends before. */
  async start(moreFlags: readonly string[] = []): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    const { executable, place, data, flags, name, logFile } = this.settings;
    const { host } = place;
    const listeners = ["--grpc", `${host}:${place.grpcPort}`, "--http", `${host}:${place.httpPort}`];
    const own = ["--data", data, ...listeners, "--gossip", this.gossip, "--node-name", name];
    const child = Bun.spawn([...place.prefix, executable, "serve", ...own, ...flags, ...moreFlags], {
      stdio: ["ignore", "pipe", Bun.file(logFile)],
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/" },
    });
    this.#child = child;
    children.add(child);
    void child.exited.then(() => {
      children.delete(child);
      if (this.#child === child) this.#child = undefined;
    });
    const ready = Promise.withResolvers<boolean>();
    void this.#read(child.stdout, ready.resolve);
    const cut = setTimeout(() => ready.resolve(false), readyMsMax);
    const isReady = await ready.promise;
    clearTimeout(cut);
    if (isReady) return;
    await this.kill();
    const last = (await Bun.file(logFile).text()).split("\n").slice(-6).join("\n");
    throw new Error(`${name} did not become ready:\n${last}`);
  }

  /** Ends the process as a power cut would. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill("SIGKILL");
    await child.exited;
    this.#child = undefined;
    this.#stopped = false;
  }

  /** Lets the process end regularly. */
  async end(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), endMsMax);
    await child.exited;
    clearTimeout(patience);
    this.#child = undefined;
  }

  /** Lets the process stand still, its connections open. */
  stop(): void {
    this.#child?.kill("SIGSTOP");
    this.#stopped = true;
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
    this.#stopped = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #read(stdout: ReadableStream<Uint8Array>, isReady: (ready: boolean) => void): Promise<void> {
    let text = "";
    const decoder = new TextDecoder();
    for await (const piece of stdout) {
      text = (text + decoder.decode(piece, { stream: true })).slice(-4096);
      if (/^ready in [\d.]+ ms$/m.test(text)) isReady(true);
    }
    isReady(false);
    appendFileSync(`${this.settings.logFile}.out`, text);
  }
}
