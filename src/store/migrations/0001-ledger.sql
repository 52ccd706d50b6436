-- One row per context: its head. Ids are UTF-8 bytes, so that their order is the order of bytes.
CREATE TABLE context (
  id             BLOB    NOT NULL PRIMARY KEY,
  log            INTEGER NOT NULL UNIQUE,
  latest         INTEGER NOT NULL,
  lamport        INTEGER NOT NULL,
  appended_at_ns INTEGER NOT NULL,
  bytes          INTEGER NOT NULL,
  created_at_ns  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per entry, in the order of arrival. `wire` comes last: everything before it is read
-- without touching the overflow pages of a large payload.
CREATE TABLE entry (
  log          INTEGER NOT NULL,
  sequence     INTEGER NOT NULL,
  id           BLOB, -- only of entries that must be found by their id
  key          BLOB    NOT NULL,
  content_hash BLOB    NOT NULL,
  wire         BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX entry_by_sequence ON entry (log, sequence);
CREATE INDEX entry_by_key ON entry (log, key, sequence);
CREATE INDEX entry_by_id ON entry (log, id, sequence) WHERE id IS NOT NULL;

-- Logs that may hold rows no head covers: loads under way, and what a crash or a replaced log left.
CREATE TABLE staging (
  log INTEGER NOT NULL PRIMARY KEY
) STRICT;

-- One row, kept in step with the heads by every commit.
CREATE TABLE totals (
  one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  contexts INTEGER NOT NULL,
  entries  INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  next_log INTEGER NOT NULL -- every log number below it may be in use
) STRICT;

INSERT INTO totals (one, contexts, entries, bytes, next_log) VALUES (1, 0, 0, 0, 1);
