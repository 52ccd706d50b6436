/**
 * Every maximum of the ledger, by name, with its unit. Anything that can grow is bounded by one
 * of these.
 *
 * @module
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  contextIdBytesMax: 1024,
  keyBytesMax: 1024,
  payloadBytesMax: 4 * MiB,
  metadataPairsMax: 64,
  /** Names and values together. */
  metadataBytesMax: 16 * KiB,
  idempotencyKeyBytesMax: 128,
  /** Of an id in a loaded entry; ids given here are 32 bytes. */
  entryIdBytesMax: 128,
  recordBytesMax: 65_535,

  batchEntriesMax: 1000,
  /** Payloads, keys and metadata of one AppendBatch together. */
  batchBytesMax: 8 * MiB,

  sequenceMax: Number.MAX_SAFE_INTEGER,
  lamportMax: 2n ** 62n,
  /** How far received_lamport may be above a context's clock. */
  lamportJumpMax: 2n ** 40n,
  timeNsMax: 2n ** 63n - 1n,

  /** Answer of one Get, of one Snapshot or Load message, and a snapshot of the first implementation, packed or not. */
  answerBytesMax: 64 * MiB,
  listContextsMax: 1000,
  listContextsDefault: 100,
  heartbeatMsMin: 100,
  heartbeatMsMax: 3_600_000,

  /** Plain bytes of one snapshot block, unless one entry is larger. */
  snapshotBlockBytes: 1 * MiB,
  snapshotZstdWindowBytesMax: 8 * MiB,
  /** How much longer than its content a compressed block may be. */
  snapshotFrameOverheadBytes: 64 * KiB,
  /** Entries that are verified between two turns a reader gives its caller. */
  snapshotTurnEntries: 512,
  /** Bytes of one SnapshotStream chunk. */
  snapshotChunkBytes: 256 * KiB,
  /** Loads at the same time of snapshots of the first implementation, each of which is held whole. */
  firstSnapshotLoadsMax: 2,
  /** Bytes of one LoadStream chunk that are accepted. */
  loadChunkBytesMax: 4 * MiB,

  /** One request message on any protocol but Load: a full batch with its framing. */
  requestBytesMax: 16 * MiB,
  /** One Append message, and one LoadStream message: 4 MiB as base64 in JSON, and what goes with it. */
  appendRequestBytesMax: 6 * MiB,
  /** Requests that carry no payload. */
  smallRequestBytesMax: 64 * KiB,
  /** How often one field may occur in a request message: a full batch has 1,000 entries. */
  fieldRepeatsMax: 1024,
  /** Values in a request in JSON: a full batch of entries with full metadata has about 130,000. */
  jsonValuesMax: 262_144,
  /** Bodies of requests that are not complete, all connections together. */
  bodiesBytesMax: 256 * MiB,
  /** One Load message: a snapshot of answerBytesMax, as base64 in JSON. */
  loadRequestBytesMax: 96 * MiB,

  /** One HTTP request body, streams included. A LoadStream may be as large as its context. */
  httpBodyBytesMax: Number.MAX_SAFE_INTEGER,

  /** Appends waiting for their commit, all contexts together. */
  queuedEntriesMax: 65_536,
  queuedBytesMax: 128 * MiB,
  /** One commit takes at most this much of the queue; on a fast disk it makes do with `commitEntriesMin` at a time. */
  commitEntriesMin: 256,
  commitEntriesMax: 8192,
  commitBytesMax: 16 * MiB,
  /** The write-ahead log is copied into the ledger file when it holds this much, idle or not. */
  walBytesMax: 8 * MiB,
  /** Contexts whose head is kept in memory. */
  contextsCachedMax: 65_536,
  /** Recent entries kept in memory for watchers, all contexts together. */
  tailBytesMax: 32 * MiB,
  tailEntriesPerContextMax: 4096,
  /** Rows read from the store between two turns of the event loop. */
  readPageEntries: 128,
  readPageBytes: 1 * MiB,
  watchersMax: 100_000,
  /** Unsent bytes after which a watcher waits for its client. */
  watcherBufferBytes: 256 * KiB,
  /** AppendStream requests of one stream that wait for their answers. */
  appendStreamInFlightMax: 1024,
  appendStreamEntriesMax: 8192,

  /** Characters of one text in a log line. */
  logTextMax: 4096,
  /** Elements of one list or object in a log line. */
  logListMax: 64,
  /** Levels of nesting in a log line. */
  logDepthMax: 5,
  /** Log lines kept for a reader that is too slow. */
  logPendingBytesMax: 1 * MiB,
} as const;
