-- How much the payloads of a lane's unfinished tasks take, for a limit of that.
ALTER TABLE lanes ADD COLUMN unfinished_bytes INTEGER NOT NULL DEFAULT 0;

UPDATE lanes SET unfinished_bytes = sums.bytes FROM (
  SELECT t.lane_id, sum(length(t.payload)) AS bytes
  FROM tasks t LEFT JOIN states s ON s.id = t.id
  WHERE CASE
    WHEN s.id IS NOT NULL THEN s.state <= 3
    -- Of the runs of successes of its batch the first one that ends behind it.
    ELSE coalesce((SELECT r.first_id FROM successes r
                   WHERE r.batch_id = t.batch_id AND r.last_id >= t.id ORDER BY r.last_id LIMIT 1),
                  t.id + 1) > t.id
    END
  GROUP BY t.lane_id) AS sums
WHERE sums.lane_id = lanes.id;
