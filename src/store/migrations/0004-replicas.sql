-- What this node has promised and accepted of each context that it keeps, or may be asked to keep, with others.
CREATE TABLE replica (
  context          BLOB    NOT NULL PRIMARY KEY,
  holders          BLOB    NOT NULL, -- node ids of 16 bytes each, best first
  promised_counter INTEGER NOT NULL,
  promised_node    BLOB    NOT NULL, -- 16 bytes, or none if the counter is that of no epoch; likewise below
  accepted_counter INTEGER NOT NULL,
  accepted_node    BLOB    NOT NULL,
  committed        INTEGER NOT NULL,
  leaving          INTEGER NOT NULL,
  digest_item      BLOB
) STRICT, WITHOUT ROWID;

-- Entries that were taken out of a context: rows `first` to `last` of a log of their own, which no head ever names.
CREATE TABLE archive (
  log              INTEGER NOT NULL PRIMARY KEY,
  context          BLOB    NOT NULL,
  first            INTEGER NOT NULL,
  last             INTEGER NOT NULL,
  accepted_counter INTEGER NOT NULL,
  accepted_node    BLOB    NOT NULL,
  archived_at_ns   INTEGER NOT NULL
) STRICT;

CREATE INDEX archive_by_context ON archive (context);

-- Histories that were found to differ after entry `after`. `hashes` comes last: it can be long.
CREATE TABLE fork (
  context        BLOB    NOT NULL,
  after          INTEGER NOT NULL,
  loser_counter  INTEGER NOT NULL,
  loser_node     BLOB    NOT NULL,
  winner_counter INTEGER NOT NULL,
  winner_node    BLOB    NOT NULL,
  found_at_ns    INTEGER NOT NULL,
  count          INTEGER NOT NULL,
  hashes         BLOB    NOT NULL -- content hashes of the first of the `count` entries that lost their place
) STRICT;

CREATE UNIQUE INDEX fork_by_context ON fork (context, after, loser_counter, loser_node);
CREATE INDEX fork_by_time ON fork (found_at_ns, context, after, loser_counter, loser_node);
