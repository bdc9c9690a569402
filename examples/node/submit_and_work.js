// A client and a worker in one, with nothing but stock gRPC and proto/tasks.proto: submits a task,
// works it, and watches its batch to the end. Any language that gRPC knows can do the same.
//
//   npm ci
//   node submit_and_work.js 127.0.0.1:50051
//
// Exits 1 if anything is not as expected.
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const os = require('node:os');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const definition = protoLoader.loadSync('proto/tasks.proto', {
  includeDirs: [path.join(__dirname, '../..')],
  keepCase: true,  // fields are called as in the proto
  longs: String,   // ids and leases do not fit a JavaScript number
  enums: String,
  defaults: true,
});
const {TaskService} = grpc.loadPackageDefinition(definition).tarea.v1;

// One call, with a deadline: gRPC has none of its own.
function call(stub, method, request) {
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + 30_000);
    stub[method](request, {deadline}, (error, response) => {
      if (error) reject(error);
      else resolve(response);
    });
  });
}

// The tasks of a batch as they finish, and the batch as of the last message.
async function watch(stub, batchId) {
  const deadline = new Date(Date.now() + 60_000);
  const stream = stub.WatchBatch({batch_id: batchId, with_result: true}, {deadline});
  const tasks = [];
  let batch = null;
  for await (const news of stream) {
    tasks.push(...news.tasks);
    batch = news.batch;
    console.log(`watch: ${batch.counts.succeeded} of ${batch.total} succeeded`);
  }
  return {tasks, batch};
}

// Takes one task, says that it is alive, and turns the payload into capitals.
async function work(stub, queue) {
  const worker = {
    id: `node-${crypto.randomUUID()}`,  // of this run of this worker
    name: 'node',
    host: os.hostname(),
    pid: process.pid,
    slots: 1,
  };
  const taken = await call(stub, 'RequestTask',
                           {worker, queues: [queue], max_tasks: 1, wait: {seconds: 10}});
  assert.strictEqual(taken.tasks.length, 1, 'the master had no task');
  const [task] = taken.tasks;
  console.log(`work: task ${task.task_id}, attempt ${task.attempt} of ${task.max_attempts}`);

  // A real worker does this again and again, well within taken.lease, while the task runs.
  const held = {
    task_id: task.task_id,
    lease_id: task.lease_id,
    progress: {fraction: 0.5, message: 'half way'},
  };
  const beat = await call(stub, 'Heartbeat', {worker, held: [held]});
  assert.deepStrictEqual(beat.stop, [], 'the master wants the task stopped');

  const answer = await call(stub, 'SubmitResult', {
    worker,
    results: [{
      task_id: task.task_id,
      lease_id: task.lease_id,
      outcome: 'RESULT_OUTCOME_SUCCEEDED',
      result: Buffer.from(task.payload.toString().toUpperCase()),
    }],
  });
  assert.deepStrictEqual(answer.statuses, ['RESULT_STATUS_RECORDED']);
}

async function main(address) {
  const stub = new TaskService(address, grpc.credentials.createInsecure());
  const queue = 'node';
  const batch = await call(stub, 'SubmitTasks', {
    request_id: crypto.randomUUID(),  // so that a repeated call stores the task once
    batch_name: 'from Node.js',
    tasks: [{type: 'shout', queue, payload: Buffer.from('hello')}],
  });
  console.log(`submit: batch ${batch.batch_id}, task ${batch.first_task_id}`);

  const [seen] = await Promise.all([watch(stub, batch.batch_id), work(stub, queue)]);
  assert.strictEqual(seen.tasks.length, 1);
  const [task] = seen.tasks;
  assert.strictEqual(task.id, batch.first_task_id);
  assert.strictEqual(task.state, 'TASK_STATE_SUCCEEDED');
  assert.strictEqual(task.result.toString(), 'HELLO');
  assert.strictEqual(seen.batch.counts.succeeded, '1');
  console.log(`done: ${task.spec.type} returned ${task.result}`);
  stub.close();
}

if (process.argv.length !== 3) {
  console.error('Usage: node submit_and_work.js HOST:PORT');
  process.exit(2);
}
main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
