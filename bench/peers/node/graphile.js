'use strict';
// Measures graphile-worker on PostgreSQL: jobs added a thousand at a time, fetched and completed in
// batches. Round trips are without batches, which would only make them longer.
const {Logger, run: startRunner, runMigrations} = require('graphile-worker');
const pg = require('pg');
const {inBatches, options, run} = require('./peer.js');

const BATCH = 1000; // Jobs in one statement,
const STATEMENTS = 2; // and statements at once.
const CONCURRENT_JOBS = 24; // In one worker.
const LOCAL_QUEUE = 500; // Jobs that a worker fetches at once.

const connectionString = `postgres://postgres@127.0.0.1:${options.port}/postgres`;
const logger = new Logger(() => () => {});
const pool = new pg.Pool({connectionString, max: 10});
// A failed query fails the measurement by itself; this is about idle connections.
pool.on('error', (error) => console.error(error.message));
pool.on('connect', (client) => client.on('error', () => {}));
const job = {identifier: 'noop', payload: {p: 'p'.repeat(options.payload - 8)}};

// What the library's addJobs does, but without having each job sent back.
async function add(count) {
  await pool.query({
    name: 'add',
    text: `select count(*) from graphile_worker.add_jobs(array(
             select json_populate_recordset(null::graphile_worker.job_spec, $1::json)))`,
    values: [JSON.stringify(Array(count).fill(job))],
  });
}

// Calls onDone when the server has deleted jobs, which is how they are completed; the library does not
// tell when it has happened.
function watchCompletions(client, onDone) {
  const query = client.query.bind(client);
  client.query = (...args) => {
    const result = query(...args);
    const text = typeof args[0] === 'string' ? args[0] : args[0]?.text;
    if (text?.trimStart().startsWith('delete from') && result?.then) {
      return result.then((answer) => {
        onDone(answer.rowCount);
        return answer;
      });
    }
    return result;
  };
}

run({
  async prepare() {
    await runMigrations({connectionString, logger});
    await pool.query('truncate graphile_worker._private_jobs');
  },

  async submit(tasks) {
    await inBatches(tasks, BATCH, STATEMENTS, add);
  },

  async submitOne() {
    await add(1);
  },

  async work(onDone, single) {
    pool.on('connect', (client) => watchCompletions(client, onDone));
    const batches = single ? {} : {localQueue: {size: LOCAL_QUEUE}, completeJobBatchDelay: 0};
    await startRunner({
      pgPool: pool,
      logger,
      noHandleSignals: true,
      taskList: {noop: () => {}},
      preset: {worker: {concurrentJobs: single ? 1 : CONCURRENT_JOBS, maxPoolSize: 10, ...batches}},
    });
  },

  async close() {
    await pool.end();
  },
});
