-- 1 if the log of logs has a leaf of this head. A flag and not the size of that leaf: the index over what is missing
-- there then stays as it is while a head moves on.
ALTER TABLE context ADD COLUMN logged INTEGER NOT NULL DEFAULT 0;
CREATE INDEX context_unlogged ON context (id) WHERE logged = 0;

-- Roots of full subtrees of 256^level leaves, from leaf position * 256^level on. They can be computed anew from `entry`.
CREATE TABLE subtree (
  log      INTEGER NOT NULL,
  level    INTEGER NOT NULL,
  position INTEGER NOT NULL,
  root     BLOB    NOT NULL,
  PRIMARY KEY (log, level, position)
) STRICT, WITHOUT ROWID;

-- The newest head of each context, and of the log of logs, that was ever signed.
CREATE TABLE signed (
  context    BLOB    NOT NULL PRIMARY KEY,
  generation INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  root       BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Entries whose stored bytes are not what was appended.
CREATE TABLE damaged (
  log      INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (log, sequence)
) STRICT, WITHOUT ROWID;

-- One row: a name for this ledger that no other one has.
CREATE TABLE node (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  id  BLOB    NOT NULL
) STRICT;

INSERT INTO node (one, id) VALUES (1, randomblob(16));
