-- Every node of the cluster that joined and has not left, dead or alive, this one included. Texts are UTF-8 bytes.
CREATE TABLE roster (
  node_id        BLOB    NOT NULL PRIMARY KEY,
  name           BLOB    NOT NULL,
  gossip_address BLOB    NOT NULL,
  rpc_address    BLOB,
  first_seen_ms  INTEGER NOT NULL,
  last_alive_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- No incarnation that this node ever announced in gossip is above it.
ALTER TABLE node ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 0;
