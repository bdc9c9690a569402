'use strict';
// What the programs that measure other systems through Node.js share: the load, its phases, the clock
// and the report. They print the same line of JSON as the programs in the directory above, and take
// the same arguments:
//
//   node graphile.js --port 5432 --tasks 20000 --workers 4 --round-trips 500 --server PID
//
// Each worker is a process of its own. A program calls run(peer), where peer has
//
//   prepare()               makes the queue; called once, before anything else
//   submit(tasks)           submits this many, and returns when all are acknowledged
//   submitOne()             submits one
//   work(onDone, single)    starts to work, and returns when it is connected; calls onDone(count) when
//                           the server knows that this many more are done. `single` says that tasks
//                           come one by one and that the time of each counts.
//   close()                 closes what the others have opened, apart from work
const childProcess = require('node:child_process');
const fs = require('node:fs');

const options = {port: 0, tasks: 0, workers: 4, 'round-trips': 2000, server: 0, payload: 100};
for (let i = 2; i + 1 < process.argv.length; i += 2) {
  const name = process.argv[i].replace(/^--/, '');
  if (!(name in options)) throw new Error(`unknown argument ${process.argv[i]}`);
  options[name] = Number(process.argv[i + 1]);
}

const nowMs = () => Number(process.hrtime.bigint()) / 1e6; // The same in all processes.

function ownCpuSeconds() {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1e6;
}

// CPU time of the server and of all its descendants, those that have ended included.
function serverCpuSeconds() {
  const children = new Map();
  const ticks = new Map();
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let stat;
    try {
      stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    } catch {
      continue; // It has just ended.
    }
    // The second field, the name in parentheses, may have spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
    const parent = fields[1];
    children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
    ticks.set(Number(pid), fields[11] + fields[12] + fields[13] + fields[14]);
  }
  const sum = (pid) =>
    (ticks.get(pid) ?? 0) + (children.get(pid) ?? []).reduce((total, c) => total + sum(c), 0);
  return options.server ? sum(options.server) / 100 : 0;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

// A worker process: works when it is told to, and tells what it has done, and when.
function beWorker(peer) {
  const report = {done: 0, last: 0, cpu: 0};
  let told = 0;
  const tell = () => {
    if (report.done === told) return;
    told = report.done;
    process.send({...report, cpu: ownCpuSeconds()});
  };
  process.on('message', async ({single, stop}) => {
    if (stop) process.exit(0);
    await peer.work((count) => {
      report.done += count;
      report.last = nowMs();
      if (single) tell();
    }, single);
    setInterval(tell, 20);
    process.send('started');
  });
  process.on('disconnect', () => process.exit(1)); // The one that measures has gone.
  process.send('loaded');
}

class Workers {
  // onReport(reports) is called each time one has told what it did.
  constructor(count, onReport) {
    this.reports = [];
    this.processes = Array.from({length: count}, () =>
      childProcess.fork(process.argv[1], process.argv.slice(2), {env: {...process.env, BENCH_WORKER: '1'}}));
    this.processes.forEach((worker, i) => {
      worker.on('exit', (code) => code === 0 || fail('a worker has failed'));
      worker.on('message', (message) => {
        if (typeof message !== 'object') return;
        this.reports[i] = message;
        onReport(this.reports.filter(Boolean));
      });
    });
  }

  // Until each has sent this.
  await(wanted) {
    return Promise.all(this.processes.map((worker) => new Promise((resolve) => {
      worker.on('message', (message) => message === wanted && resolve());
    })));
  }

  send(message) {
    for (const worker of this.processes) worker.send(message);
  }

  async stop() {
    const ends = this.processes.map((worker) => new Promise((resolve) => worker.on('exit', resolve)));
    this.send({stop: true});
    await Promise.all(ends);
  }
}

async function measureThroughput(peer, tasks) {
  const submitBegin = nowMs();
  await peer.submit(tasks);
  const submit = (nowMs() - submitBegin) / 1000;

  let reports;
  let onFinished;
  const finished = new Promise((resolve) => (onFinished = resolve));
  const workers = new Workers(options.workers, (current) => {
    reports = current;
    const done = reports.reduce((sum, report) => sum + report.done, 0);
    if (done > tasks) fail(`the workers did ${done} tasks of ${tasks}`);
    if (done === tasks) onFinished();
  });
  await workers.await('loaded');
  const drainBegin = nowMs();
  workers.send({single: false});
  await finished;
  const drain = (Math.max(...reports.map((report) => report.last)) - drainBegin) / 1000;
  await workers.stop();
  return {submit, drain, workersCpu: reports.reduce((sum, report) => sum + report.cpu, 0)};
}

// Milliseconds of each, ascending.
async function measureRoundTrips(peer, count) {
  let onDone;
  const workers = new Workers(1, ([report]) => onDone(report.last));
  await workers.await('loaded');
  const started = workers.await('started');
  workers.send({single: true});
  await started;
  const times = [];
  for (let i = 0; i < count; ++i) {
    const done = new Promise((resolve) => (onDone = resolve));
    const begin = nowMs();
    await peer.submitOne();
    times.push((await done) - begin);
  }
  await workers.stop();
  return times.sort((a, b) => a - b);
}

async function measure(peer) {
  await peer.prepare();
  const {tasks} = options;
  const clientBefore = ownCpuSeconds();
  const serverBefore = serverCpuSeconds();
  const {submit, drain, workersCpu} = await measureThroughput(peer, tasks);
  const clientCpu = ownCpuSeconds() - clientBefore + workersCpu;
  const serverCpu = serverCpuSeconds() - serverBefore;
  const times = await measureRoundTrips(peer, options['round-trips']);
  await peer.close();
  const percentile = (p) => times[Math.floor(p * (times.length - 1))] ?? 0;
  console.log(JSON.stringify({
    tasks,
    submit_per_second: Math.round(tasks / submit),
    drain_per_second: Math.round(tasks / drain),
    whole_per_second: Math.round(tasks / (submit + drain)),
    round_trip_p50_ms: percentile(0.5),
    round_trip_p99_ms: percentile(0.99),
    client_cpu_seconds: clientCpu,
    server_cpu_seconds: serverCpu,
    seconds: submit + drain,
  }));
}

function run(peer) {
  process.on('unhandledRejection', (error) => fail(error.stack));
  if (process.env.BENCH_WORKER) {
    beWorker(peer);
  } else {
    measure(peer).catch((error) => fail(error.stack));
  }
}

// Calls send(count) until `tasks` are sent, `batch` at a time and `calls` at once.
async function inBatches(tasks, batch, calls, send) {
  let left = tasks;
  const one = async () => {
    while (left > 0) {
      const count = Math.min(left, batch);
      left -= count;
      await send(count);
    }
  };
  await Promise.all(Array.from({length: calls}, one));
}

module.exports = {inBatches, options, run};
