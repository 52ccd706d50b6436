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
  /** Ids of one load that are remembered; those of larger snapshots are looked for in the store. */
  snapshotIdsInMemoryMax: 1_000_000,
  /** Blocks of one snapshot that are being compressed. */
  snapshotBlocksCompressedMax: 2,
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
  /** Tiles of trees kept in memory, all logs together: 16 KiB each. */
  tilesCachedMax: 256,
  /** Calls that wait for a tree in the shape of the first implementation, which is computed from all entries. */
  seedTreesWaitingMax: 16,
  /** Leaf hashes in one event about entries that a watch with a key leaves out. */
  skippedLeavesMax: 4096,
  /** Contexts that the log of logs takes up in one transaction. */
  loggedContextsMax: 4096,
  /** Tree nodes asked of another node at once when two logs are compared: 32 bytes each. */
  diffBatchHashesMax: 1024,
  /** Tree nodes asked of another node for one comparison. */
  diffHashesMax: 65_536,
  /** Entries that are known to be damaged, all logs together. */
  damagedEntriesMax: 100_000,
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

  /** A node's log name, and the name of its log of logs. */
  logNameBytesMax: 200,
  /** A signed note with all its signatures, those of witnesses included. */
  noteBytesMax: 256 * KiB,
  noteSignaturesMax: 64,
  /** A log name, an escaped context id, a generation, a key id and a key. */
  verifierKeyBytesMax: 4 * KiB,
  /** One .tlog-proof file. */
  evidenceBytesMax: 512 * KiB,
  /** Hashes of one inclusion proof: a tree of 2^53 leaves has 53 levels. */
  proofHashesMax: 53,
  /** Keys of one node that sign at the same time: as many signatures as every verifier accepts. */
  signingKeysMax: 16,
  /** The file with a node's keys, in use and retired. */
  nodeKeyFileBytesMax: 64 * KiB,

  /** Characters of one text in a log line. */
  logTextMax: 4096,
  /** Elements of one list or object in a log line. */
  logListMax: 64,
  /** Levels of nesting in a log line. */
  logDepthMax: 5,
  /** Log lines kept for a reader that is too slow. */
  logPendingBytesMax: 1 * MiB,

  /** Name of a member of the cluster. */
  memberNameBytesMax: 255,
  /** What a member says about itself. */
  memberMetaBytesMax: 512,
  gossipLabelBytesMax: 255,
  /** Members that a node remembers, the dead included. */
  membersMax: 16_384,
  /** Members in the state of another node, which may remember more than this one would. */
  gossipStatesMax: 32_768,
  /** A gossip packet as it is sent, unless one message is larger. */
  gossipPacketBytes: 1400,
  gossipPacketBytesMax: 65_507,
  /** Layers of one packet or stream: compound in compressed in compound and so on. */
  gossipLayersMax: 4,
  /** Messages of one packet, all layers together. */
  gossipMessagesMax: 4096,
  /** What a compressed packet may expand to. */
  gossipInflatedBytesMax: 256 * KiB,
  /** One message on a stream, sealed, compressed or plain, and what a compressed one may expand to. */
  gossipStreamBytesMax: 20 * MiB,
  /** Bytes of the application in one user message: by gossip, and over a stream. */
  gossipUserBytesMax: 1024,
  gossipUserStreamBytesMax: 1 * MiB,
  /** Streams that others have open to a node. */
  gossipStreamsMax: 128,
  /** Connections to the port of gossip that have not said yet what they are. */
  gossipSilentMax: 256,
  /** What has come in on all open streams together. */
  gossipStreamsBytesMax: 128 * MiB,
  /** Packets that the system has not taken yet. */
  gossipPacketsUnsentMax: 4096,
  /** Addresses that the names of seeds stand for, all together. */
  gossipSeedsMax: 256,
  /** Nodes that are joined at the same time. */
  gossipJoinsMax: 8,
  /** Messages that wait for their turn in gossip. */
  gossipQueueMax: 32_768,
  gossipKeysMax: 16,
  /** Entries of one page that is read for another node. */
  replicaPageEntries: 8192,
  replicaPageBytes: 1 * MiB,
  /** Rows of one context that its home keeps for others to fetch. */
  leadBufferBytesMax: 8 * MiB,
  /** Rows of one replication message, unless those of one moment are more. */
  replicateBytesMax: 1 * MiB,
  /** Contexts in one replication message. */
  replicateItemsMax: 512,
  /** Replication messages to one node that are not answered. */
  replicateInFlightMax: 4,
  /** Entries of one offer to put back what lost its place, unless one is larger. */
  offerBytesMax: 1 * MiB,
  /** Histories that one node makes another adopt at the same time. */
  adoptionsMax: 4,
  /** Contexts that replication keeps in memory, beside those in use. */
  replicasCachedMax: 16_384,
  /** Where contexts are that this node does not keep, as far as it remembers. */
  locationsCachedMax: 65_536,
  /** Snapshots that a node restores for others at the same time. */
  forwardedLoadsMax: 16,
  /** A piece of a snapshot on its way to the node that restores it. */
  forwardedChunkBytes: 1 * MiB,
  /** Archives of one context that are looked at together. */
  archivesListedMax: 256,
  /** Of HOST:PORT: names of hosts have at most 253 characters. */
  peerAddressLengthMax: 261,
  /** Places of one Join. */
  joinAddressesMax: 64,
  /** Nodes that may be meant to keep a context. */
  replicasMax: 16,
  /** Joins, and changes of members and gossip keys, that are on their way at the same time. */
  clusterCommandsMax: 16,
  /** Watches of members. Each may hold every member twice. */
  memberWatchersMax: 256,
  /** Groups of processes that one node keeps the state of, and members of one. */
  groupsMax: 16_384,
  groupMembersMax: 1024,
  groupMemberIdBytesMax: 128,
  groupMemberNameBytesMax: 255,
  groupMetadataPairsMax: 16,
  /** Names and values together. */
  groupMetadataBytesMax: 4 * KiB,
  groupPayloadBytesMax: 64 * KiB,
  /** Streams of members of groups that one node has. */
  groupStreamsMax: 16_384,
  /** Streams of one member at one node, and nodes at which it is; a further one takes the place of the oldest. */
  groupStreamsPerMemberMax: 8,
  /** Members, and groups, in one announcement of a node to the home of groups. */
  groupAnnounceMembersMax: 1024,
  groupAnnounceGroupsMax: 64,
  /** What another node that has members of groups has not taken yet. */
  groupNodeUnsentMax: 65_536,
  groupNodeUnsentBytesMax: 32 * MiB,
  /** About as much is sent to another node at once, unless one piece is larger. */
  groupItemBytes: 256 * KiB,
  /** What one stream's client has not taken yet. */
  groupUnsentEventsMax: 1024,
  groupUnsentBytesMax: 1 * MiB,
  /** One Broadcast message: a payload as base64 in JSON. */
  broadcastRequestBytesMax: 128 * KiB,
  /** Forks of one page, and the content hashes of one of them and of a page. */
  listForksMax: 1000,
  listForksDefault: 100,
  forkHashesSentMax: 4096,
  forkPageBytesMax: 2 * MiB,
  /** Forks that can be listed, page by page. */
  forksListedMax: 1_000_000,
  /** Members that `/readyz?verbose` names. */
  readyzMembersMax: 64,
  gossipKeyFileBytesMax: 64 * KiB,

  /** Nodes that keep one context. */
  holdersMax: 255,
  /** Forks of one context that are remembered: the newest. */
  forksPerContextMax: 1000,
  /** Content hashes kept of one fork: those of its first entries, 32 bytes each. */
  forkHashesMax: 65_536,
  /** What follows the length of a record between nodes. */
  peerRecordBytesMax: 1 * MiB,
  /** Of a hello, or a refusal, after its length. */
  peerHelloBytesMax: 1024,
  /** One request or answer between nodes: the answer of a Get, forwarded. */
  peerMessageBytesMax: 72 * MiB,
  /** One item of a stream between nodes, and the body that opens one. */
  peerItemBytesMax: 16 * MiB,
  /** What a stream may send before its reader takes something, one item apart. */
  peerWindowBytes: 256 * KiB,
  /** Calls that a node has under way at another, and that another has under way here. */
  peerCallsMax: 1024,
  peerStreamsMax: 1024,
  /** Requests that a node has under way at another, and likewise answers, and requests of another that are under way here. */
  peerBytesMax: 128 * MiB,
  /** Messages that wait for the socket of one connection. */
  peerUnsentMax: 32_768,
  /** Requests of all other nodes that are under way here. */
  peerInboundBytesMax: 384 * MiB,
  /** Connections that have not proved yet that they belong to the cluster: all, and of one address. */
  peerHandshakesMax: 64,
  peerHandshakesPerAddressMax: 16,
  /** Connections of other nodes, and of one of them: two while it changes from one key to the next. */
  peerConnectionsMax: 2048,
  peerConnectionsPerNodeMax: 2,
  /** An entry's protobuf encoding without its hash. */
  entryWireBytesMax: 5 * MiB,
  /** Contexts, and rows, of one message between nodes. */
  peerItemsMax: 8192,
  peerRowsMax: 65_536,
  /** Runs of one request for nodes of a tree, and nodes of one run. */
  peerRunsMax: 4096,
  peerRunNodesMax: 65_536,
  peerBucketEntriesMax: 4096,
  peerMethodBytesMax: 256,
  /** Text of an error, and each of its facts. */
  peerErrorTextBytesMax: 4 * KiB,
} as const;
