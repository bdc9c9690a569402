'use strict';
// Measures BullMQ on Redis: jobs added a thousand at a time, worked with many at once, and removed when
// they are complete, which is the least that can be kept of them.
const {Queue, Worker} = require('bullmq');
const {inBatches, options, run} = require('./peer.js');

const BATCH = 1000; // Jobs in one call,
const CALLS = 2; // and calls at once.
const CONCURRENCY = 100; // Jobs at once in one worker.

const connection = {host: '127.0.0.1', port: options.port, maxRetriesPerRequest: null};
const jobOptions = {removeOnComplete: true};
const data = {p: 'p'.repeat(options.payload - 8)};
let queue;

run({
  async prepare() {
    queue = new Queue('bench', {connection});
    await queue.obliterate({force: true}); // Of an earlier round, if there was one.
  },

  async submit(tasks) {
    await inBatches(tasks, BATCH, CALLS, (count) =>
      queue.addBulk(Array(count).fill({name: 'noop', data, opts: jobOptions})));
  },

  async submitOne() {
    await queue.add('noop', data, jobOptions);
  },

  async work(onDone, single) {
    // Nothing here runs long enough to lose its lock.
    const worker = new Worker('bench', async () => {}, {
      connection,
      concurrency: single ? 1 : CONCURRENCY,
      lockDuration: 600000,
      skipStalledCheck: true,
      skipLockRenewal: true,
    });
    worker.on('completed', () => onDone(1));
    await worker.waitUntilReady();
  },

  async close() {
    await queue.close();
  },
});
