-- Most tasks are inserted READY, claimed once, and succeed. With version 1 that was three rows and
-- four index entries for each of them, most of them written twice. Now it is two rows, written once:
-- what is the same for neighbours (ready at the same time, claimed in one call, finished in one call)
-- is one row for all of them.

ALTER TABLE tasks RENAME TO tasks_1;
ALTER TABLE details RENAME TO details_1;

-- What a task was submitted with. Only flags ever changes.
CREATE TABLE tasks (
  id           INTEGER PRIMARY KEY,
  batch_id     INTEGER NOT NULL,
  lane_id      INTEGER NOT NULL,
  priority     INTEGER NOT NULL,
  flags        INTEGER NOT NULL,  -- those that a task keeps for its life
  created_at   INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  delay        INTEGER NOT NULL,
  timeout      INTEGER,
  expires_in   INTEGER,
  key          TEXT,              -- NULL: none
  depends_on   TEXT,              -- ids, comma between; NULL: none
  retry        TEXT,              -- see RetryText in sqlite_rows.h; NULL: the default policy
  payload      BLOB NOT NULL
) STRICT;

-- What has become of it, as of its last end of an attempt. No row: it is READY since it was created, or
-- it is listed in successes. A task that runs is READY here, and listed in claims.
CREATE TABLE states (
  id           INTEGER PRIMARY KEY,
  state        INTEGER NOT NULL,
  flags        INTEGER NOT NULL,  -- those that change
  attempt      INTEGER NOT NULL,  -- that have ended
  max_attempts INTEGER NOT NULL,
  blocked_on   INTEGER NOT NULL,
  ready_at     INTEGER NOT NULL,
  start_by     INTEGER,
  lease_id     INTEGER NOT NULL,
  worker       TEXT NOT NULL,
  started_at   INTEGER,
  finished_at  INTEGER,
  finish_seq   INTEGER
) STRICT;
CREATE INDEX states_scheduled ON states (ready_at, id) WHERE state = 2;
CREATE INDEX states_start_by ON states (start_by, id)
  WHERE start_by IS NOT NULL AND state <= 3 AND attempt = 0 AND flags & 128 = 0;
CREATE INDEX states_failed ON states (id) WHERE state = 6;

-- Tasks that succeeded in their first attempt. A row is a run of neighbours, first_id to last_id, that
-- were claimed together and finished in one transaction; their lease ids and finish_seqs are neighbours,
-- too.
CREATE TABLE successes (
  batch_id    INTEGER NOT NULL,
  last_id     INTEGER NOT NULL,
  first_id    INTEGER NOT NULL,
  has_outcome INTEGER NOT NULL,
  first_lease INTEGER NOT NULL,
  first_seq   INTEGER NOT NULL,
  worker      TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  PRIMARY KEY (batch_id, last_id)
) STRICT, WITHOUT ROWID;

-- Tasks that are READY and not running, in the order in which a lane gives them out. A row is a run of
-- neighbours, first_id to last_id, that have all the rest in common.
CREATE TABLE ready (
  lane_id  INTEGER NOT NULL,
  urgency  INTEGER NOT NULL,  -- -priority
  ready_at INTEGER NOT NULL,
  last_id  INTEGER NOT NULL,  -- in the key, because a claim moves first_id
  first_id INTEGER NOT NULL,
  start_by INTEGER,           -- NULL: they may start at any time, or have been started before
  fresh    INTEGER NOT NULL,  -- 1: none has a row in states
  PRIMARY KEY (lane_id, urgency, ready_at, last_id)
) STRICT, WITHOUT ROWID;

-- Who works on what. A row is a set of tasks that were claimed, and are renewed, together; those that
-- have SUCCEEDED meanwhile may still be in it, others not.
CREATE TABLE claims (
  id          INTEGER PRIMARY KEY,
  worker      TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  first_task  INTEGER NOT NULL,  -- the first pair of tasks, to which the others are relative;
  first_lease INTEGER NOT NULL,  -- tasks are in the order of their ids
  last_task   INTEGER NOT NULL,
  tasks       TEXT NOT NULL      -- pairs of task and lease id, see id_pairs.h
) STRICT;

-- The order in which tasks of a batch finished. A row is those that did in one transaction. A task that
-- was retried since is still in it; its finish_seq is then another one.
CREATE TABLE finished (
  batch_id   INTEGER NOT NULL,
  last_seq   INTEGER NOT NULL,
  first_task INTEGER NOT NULL,
  first_seq  INTEGER NOT NULL,
  tasks      TEXT NOT NULL,  -- pairs of task and finish_seq, see id_pairs.h
  PRIMARY KEY (batch_id, last_seq)
) STRICT, WITHOUT ROWID;

INSERT INTO tasks
SELECT t.id, t.batch_id, t.lane_id, t.priority, t.flags & 92, t.created_at, d.max_attempts, d.delay,
       d.timeout, d.expires_in, nullif(d.key, ''), nullif(d.depends_on, ''),
       CASE WHEN d.initial_backoff <> 1000000 OR d.multiplier <> 2.0 OR d.max_backoff <> 300000000
                 OR d.jitter <> 0.2 OR d.non_retryable_codes <> ''
            THEN printf('%d %.17g %d %.17g %s', d.initial_backoff, d.multiplier, d.max_backoff,
                        d.jitter, d.non_retryable_codes) END,
       d.payload
FROM tasks_1 t JOIN details_1 d ON d.id = t.id ORDER BY t.id;

INSERT INTO states
SELECT id, CASE state WHEN 4 THEN 3 ELSE state END, flags & 35, attempt - (state = 4), max_attempts,
       blocked_on, ready_at, start_by, CASE state WHEN 4 THEN 0 ELSE lease_id END,
       CASE state WHEN 4 THEN '' ELSE worker END, CASE state WHEN 4 THEN NULL ELSE started_at END,
       finished_at, finish_seq
FROM tasks_1 ORDER BY id;

INSERT INTO ready
SELECT lane_id, -priority, ready_at, id, id, CASE attempt WHEN 0 THEN start_by END, 0
FROM tasks_1 WHERE state = 3;

INSERT INTO claims
SELECT id, worker, started_at, lease_until, id, lease_id, id, '0:0' FROM tasks_1 WHERE state = 4;

UPDATE states SET flags = flags | 128
WHERE start_by IS NOT NULL AND id IN (SELECT first_task FROM claims);

INSERT INTO finished
SELECT batch_id, finish_seq, id, finish_seq, '0:0' FROM tasks_1 WHERE finish_seq IS NOT NULL;

DROP TABLE tasks_1;
DROP TABLE details_1;
