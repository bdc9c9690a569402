-- Times and durations are whole microseconds (times since 1970, UTC); NULL where a task has none.
-- States, outcomes and flags are the numbers of task.h and sqlite_rows.h.

-- One row: what must survive a restart although no task says it.
CREATE TABLE meta (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  epoch         INTEGER NOT NULL,  -- raised at each start; part of every lease id
  last_task     INTEGER NOT NULL,  -- ids that were given out, also those that were purged since
  last_batch    INTEGER NOT NULL,
  last_finish   INTEGER NOT NULL,
  last_time     INTEGER NOT NULL   -- the clock never goes back behind it
) STRICT;
INSERT INTO meta VALUES (1, 0, 0, 0, 0, -9223372036854775808);

-- A lane is a pair of queue and type: what a worker asks for. Counts are kept, so that nothing has to
-- be counted.
CREATE TABLE lanes (
  id        INTEGER PRIMARY KEY,
  queue     TEXT NOT NULL,
  type      TEXT NOT NULL,
  blocked   INTEGER NOT NULL DEFAULT 0,
  scheduled INTEGER NOT NULL DEFAULT 0,
  ready     INTEGER NOT NULL DEFAULT 0,
  running   INTEGER NOT NULL DEFAULT 0,
  succeeded INTEGER NOT NULL DEFAULT 0,
  failed    INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0,
  UNIQUE (queue, type)
) STRICT;

CREATE TABLE paused_queues (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  idle_since INTEGER,  -- NULL while a task is unfinished
  open       INTEGER NOT NULL,
  blocked    INTEGER NOT NULL DEFAULT 0,
  scheduled  INTEGER NOT NULL DEFAULT 0,
  ready      INTEGER NOT NULL DEFAULT 0,
  running    INTEGER NOT NULL DEFAULT 0,
  succeeded  INTEGER NOT NULL DEFAULT 0,
  failed     INTEGER NOT NULL DEFAULT 0,
  cancelled  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX batches_idle ON batches (idle_since, id) WHERE idle_since IS NOT NULL;

-- Which ids a batch has: one row a call of SubmitTasks instead of one index entry a task.
CREATE TABLE segments (
  batch_id INTEGER NOT NULL,
  first_id INTEGER NOT NULL,
  last_id  INTEGER NOT NULL,
  PRIMARY KEY (batch_id, first_id)
) STRICT, WITHOUT ROWID;

-- The part of a task that changes while it lives: rows stay narrow.
CREATE TABLE tasks (
  id           INTEGER PRIMARY KEY,
  batch_id     INTEGER NOT NULL,
  lane_id      INTEGER NOT NULL,
  state        INTEGER NOT NULL,
  priority     INTEGER NOT NULL,
  flags        INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  blocked_on   INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  ready_at     INTEGER NOT NULL,
  start_by     INTEGER,
  lease_id     INTEGER NOT NULL,
  worker       TEXT NOT NULL,
  started_at   INTEGER,
  lease_until  INTEGER,
  finished_at  INTEGER,
  finish_seq   INTEGER
) STRICT;
-- start_by is in it so that a claim reads nothing but the index until it has chosen.
CREATE INDEX tasks_ready ON tasks (lane_id, priority DESC, ready_at, id, start_by) WHERE state = 3;
CREATE INDEX tasks_scheduled ON tasks (ready_at, id) WHERE state = 2;
CREATE INDEX tasks_leased ON tasks (lease_until, id) WHERE state = 4;
CREATE INDEX tasks_start_by ON tasks (start_by, id)
  WHERE start_by IS NOT NULL AND state <= 3 AND attempt = 0;
CREATE INDEX tasks_finished ON tasks (batch_id, finish_seq) WHERE finish_seq IS NOT NULL;
CREATE INDEX tasks_failed ON tasks (id) WHERE state = 6;

-- The part that never changes.
CREATE TABLE details (
  id                  INTEGER PRIMARY KEY,
  key                 TEXT NOT NULL,
  depends_on          TEXT NOT NULL,  -- ids, comma between
  delay               INTEGER NOT NULL,
  timeout             INTEGER,
  expires_in          INTEGER,
  max_attempts        INTEGER NOT NULL,
  initial_backoff     INTEGER NOT NULL,
  multiplier          REAL NOT NULL,
  max_backoff         INTEGER NOT NULL,
  jitter              REAL NOT NULL,
  non_retryable_codes TEXT NOT NULL,  -- numbers, comma between
  payload             BLOB NOT NULL
) STRICT;

-- What the last attempt left: no row for a success without a result.
CREATE TABLE outcomes (
  task_id       INTEGER PRIMARY KEY,
  error_code    INTEGER NOT NULL,
  error_message TEXT NOT NULL,
  result        BLOB NOT NULL
) STRICT;

-- Attempts that did not succeed. The current one, and the one that succeeded, are in tasks.
CREATE TABLE attempts (
  task_id       INTEGER NOT NULL,
  number        INTEGER NOT NULL,
  outcome       INTEGER NOT NULL,
  lease_id      INTEGER NOT NULL,
  worker        TEXT NOT NULL,
  started_at    INTEGER NOT NULL,
  ended_at      INTEGER NOT NULL,
  error_code    INTEGER NOT NULL,
  error_message TEXT NOT NULL,
  PRIMARY KEY (task_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE labels (
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  task_id INTEGER NOT NULL,
  PRIMARY KEY (name, value, task_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_of_task ON labels (task_id);

-- Keys of unfinished tasks.
CREATE TABLE keys (
  queue   TEXT NOT NULL,
  key     TEXT NOT NULL,
  task_id INTEGER NOT NULL,
  PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;

-- Answers to submissions, by their request ids.
CREATE TABLE requests (
  request_id    TEXT PRIMARY KEY,
  content_hash  BLOB NOT NULL,
  batch_id      INTEGER NOT NULL,
  first_task_id INTEGER NOT NULL,
  existing      TEXT NOT NULL,  -- index:task, comma between
  expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_expiry ON requests (expires_at);

-- Who waits for whom, until the parent is settled.
CREATE TABLE dependents (
  parent_id INTEGER NOT NULL,
  child_id  INTEGER NOT NULL,
  PRIMARY KEY (parent_id, child_id)
) STRICT, WITHOUT ROWID;

-- Finished parents whose dependents have not all been told.
CREATE TABLE settling (
  finish_seq INTEGER PRIMARY KEY,
  parent_id  INTEGER NOT NULL,
  state      INTEGER NOT NULL
) STRICT;
