// The client's commands as a person or a script sees them; `run` has a file of its own.

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>

#include <fstream>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/exit_codes.h"
#include "tests/integration/client_fixture.h"

namespace tarea {
namespace {

using google::protobuf::util::JsonStringToMessage;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ClientCli : public ClientFixture {};

// What JSON says beyond the message, like exec_result, is no matter here.
template <typename Message>
Message Parse(const std::string& json) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  Message message;
  const auto status = JsonStringToMessage(json, &message, options);
  EXPECT_TRUE(status.ok()) << status.ToString() << " in " << json;
  return message;
}

std::vector<std::string> JsonLines(const std::string& out) {
  return absl::StrSplit(out, '\n', absl::SkipEmpty());
}

// --- submit
// -------------------------------------------------------------------------------------------

TEST_F(ClientCli, SubmitConfirmsWithTheIds) {
  const Ended ended = Client({"submit", "--type", "echo", "--count", "1000"});
  EXPECT_EQ(ended.out, "batch 1: 1000 tasks accepted (1..1000)\n");
  EXPECT_THAT(ended.err, StartsWith("client: no worker is connected; start one: worker --master "));
  EXPECT_EQ(ended.exit, kExitOk);
  EXPECT_EQ(Stats().counts().ready(), 1000);
}

TEST_F(ClientCli, SubmitSendsWhatItsFlagsSay) {
  Submit(1);
  const Ended ended = Client({"submit", "--type",         "t",  "--payload", "p",     "--queue",
                              "q",      "--priority",     "-5", "--delay",   "1h",    "--key",
                              "k",      "--max-attempts", "7",  "--backoff", "2s",    "--timeout",
                              "3s",     "--expires-in",   "2d", "--label",   "a=b=c", "--label",
                              "d=",     "--after",        "1"});
  ASSERT_EQ(ended.exit, kExitOk) << ended.err;
  const v1::TaskSpec spec = Get(2).spec();
  EXPECT_EQ(spec.type(), "t");
  EXPECT_EQ(spec.payload(), "p");
  EXPECT_EQ(spec.queue(), "q");
  EXPECT_EQ(spec.priority(), -5);
  EXPECT_EQ(spec.delay().seconds(), 3600);
  EXPECT_EQ(spec.key(), "k");
  EXPECT_EQ(spec.retry().max_attempts(), 7);
  EXPECT_EQ(spec.retry().initial_backoff().seconds(), 2);
  EXPECT_EQ(spec.timeout().seconds(), 3);
  EXPECT_EQ(spec.expires_in().seconds(), 172'800);
  EXPECT_EQ(spec.labels().at("a"), "b=c");
  EXPECT_EQ(spec.labels().at("d"), "");
  EXPECT_EQ(spec.depends_on(0), 1);
}

TEST_F(ClientCli, SubmitTakesThePayloadFromStdinAsItIs) {
  const std::string payload("a\0b\n", 4);
  ASSERT_EQ(Client({"submit", "--type", "echo", "--payload-file", "-"}, payload).exit, kExitOk);
  EXPECT_EQ(Get(1).spec().payload(), payload);
  EXPECT_EQ(Client({"show", "1", "--payload"}).out, payload);
}

TEST_F(ClientCli, SubmitTellsWhichTaskHasTheKeyAlready) {
  Client({"submit", "--type", "echo", "--key", "k"});
  const Ended ended = Client({"submit", "--type", "echo", "--key", "k"});
  EXPECT_EQ(ended.out, "batch 2: 0 tasks accepted\nnot added: unfinished task 1 has the key k\n");
  EXPECT_EQ(ended.exit, kExitOk);
}

TEST_F(ClientCli, SubmitAndWaitEndsAsTheTasksDo) {
  const auto worker = StartWorker();
  const Ended good = Client({"submit", "--type", "echo", "--count", "3", "--wait"});
  EXPECT_EQ(good.out, "batch 1: 3 tasks accepted (1..3)\n3 tasks: 3 succeeded\n");
  EXPECT_EQ(good.exit, kExitOk);

  v1::ExecPayload fails;
  fails.add_argv("false");
  const Ended bad = Client(
      {"submit", "--type", "exec", "--payload-file", "-", "--retries", "0", "--wait", "--json"},
      fails.SerializeAsString());
  EXPECT_EQ(bad.err, "client: task 4 failed: UNKNOWN: exit code 1 (client show 4)\n");
  EXPECT_EQ(Parse<v1::SubmitTasksResponse>(bad.out).first_task_id(), 4);
  EXPECT_THAT(bad.out, HasSubstr(R"("failed":"1")"));
  EXPECT_EQ(bad.exit, kExitFailed);
}

// --- Looking
// --------------------------------------------------------------------------------------------

TEST_F(ClientCli, StatusOfABatchHasItsCountsAndOfNoneTheLatestFirst) {
  Client({"submit", "--type", "echo", "--name", "words", "--count", "2"});
  Client({"submit", "--type", "echo"});
  Report(Take("w", 1).at(0), v1::RESULT_OUTCOME_SUCCEEDED);
  const Ended one = Client({"status", "1"});
  EXPECT_THAT(one.out, AllOf(HasSubstr("batch     1 words\nstate     running\n"),
                             HasSubstr("2 tasks: 1 ready, 1 succeeded\n")));
  const Ended all = Client({"status", "--json", "--limit", "1"});
  const auto batches = Parse<v1::ListBatchesResponse>(all.out);
  ASSERT_EQ(batches.batches_size(), 1);
  EXPECT_EQ(batches.batches(0).id(), 2);
  EXPECT_EQ(Client({"status", "9"}).exit, kExitFailed);
}

TEST_F(ClientCli, ListShowsWhatMatchesAndSaysIfThereIsMore) {
  Client({"submit", "--type", "echo", "--count", "3", "--label", "a=b"});
  Client({"submit", "--type", "other"});
  const Ended some = Client(
      {"list", "--label", "a=b", "--state", "ready,running", "--limit", "2", "--json", "--newest"});
  const std::vector<std::string> lines = JsonLines(some.out);
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(Parse<v1::Task>(lines[0]).id(), 3);
  EXPECT_EQ(some.err, "client: more match than the 2 shown; to see them: --limit N\n");
  EXPECT_THAT(Client({"list", "--type", "other"}).out, HasSubstr("\n   4      2  ready"));
  EXPECT_THAT(Client({"list", "--batch", "2", "--queue", "q"}).err, HasSubstr("no task matches"));
}

TEST_F(ClientCli, ShowTellsAllAboutATaskThatFailed) {
  const auto worker = StartWorker();
  Client({"run", "--retries", "0", "--env", "A=1", "--", "false", "a b"});
  Client({"run", "--retries", "0", "--env", "A=1", "--", "false"}, "a b\n");
  const Ended ended = Client({"show", "1"});
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("state     failed, attempt 1 of 1\n"),
                    HasSubstr("error     UNKNOWN: exit code 1\n"),
                    HasSubstr("command   false 'a b'\nenv       A=1\n"),
                    HasSubstr("result    exit code 1 after"),
                    HasSubstr("stderr (5 bytes):\n  oops\n"), HasSubstr("      1  failed   fake")));
  const Ended result = Client({"show", "1", "--result"});
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "oops\n");
  EXPECT_EQ(Parse<v1::Task>(Client({"show", "1", "--json"}).out).attempts_size(), 1);
}

TEST_F(ClientCli, ShowResultIsTheBytesAndNothingElse) {
  Client({"submit", "--type", "t"});
  EXPECT_EQ(Client({"show", "1", "--result"}).exit, kExitFailed);
  const std::string bytes("\x1b\0\xff", 3);
  Report(Take("w", 1).at(0), v1::RESULT_OUTCOME_SUCCEEDED, bytes);
  EXPECT_EQ(Client({"show", "1", "--result"}).out, bytes);
  EXPECT_THAT(Client({"show", "1"}).out, HasSubstr("result (3 bytes):\n  \\x1b\\x00\\xff\n"));
}

TEST_F(ClientCli, TheOperatorsCommandsShowQueuesWorkersAndTotals) {
  EXPECT_THAT(Client({"workers"}).err, HasSubstr("there are no workers; to start one: worker"));
  Client({"submit", "--type", "echo", "--queue", "q"});
  EXPECT_EQ(Client({"queues", "pause", "q"}).out, "queue q is paused\n");
  EXPECT_THAT(Client({"queues"}).out, HasSubstr("\nq      paused"));
  EXPECT_EQ(Client({"queues", "resume", "q"}).exit, kExitOk);
  EXPECT_FALSE(Parse<v1::ListQueuesResponse>(Client({"queues", "--json"}).out).queues(0).paused());
  EXPECT_THAT(Client({"stats"}).out, HasSubstr("tasks     1 ready\n"));
  EXPECT_EQ(Parse<v1::GetStatsResponse>(Client({"stats", "--json"}).out).counts().ready(), 1);
  Take("w", 1, absl::ZeroDuration());
  EXPECT_THAT(Client({"workers"}).out, HasSubstr("\n-     w "));
  EXPECT_EQ(Parse<v1::ListWorkersResponse>(Client({"workers", "--json"}).out).workers_size(), 1);
}

TEST_F(ClientCli, AFilterOfListIsAppliedByMasterAndClientAlike) {
  Client({"submit", "--type", "echo", "--label", "env=prod", "--key", "Deploy,1"});
  Client({"submit", "--type", "other", "--priority", "7", "--label", "env=test"});
  Client({"submit", "--type", "echo", "--delay", "1h"});
  const auto ids = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {"list", "--json"});
    std::vector<int64_t> found;
    for (const std::string& line : JsonLines(Client(args).out)) {
      found.push_back(Parse<v1::Task>(line).id());
    }
    return found;
  };
  EXPECT_THAT(ids({"--filter", "state=waiting,type=echo"}), ElementsAre(1, 3));
  EXPECT_THAT(ids({"--filter", "label.env=prod|test"}), ElementsAre(1, 2));
  EXPECT_THAT(ids({"--filter", "label.env!=test"}), ElementsAre(1, 3));
  EXPECT_THAT(ids({"--filter", "priority>=7"}), ElementsAre(2));
  EXPECT_THAT(ids({"--filter", "key~DEPLOY", "--filter", "task>0"}), ElementsAre(1));
  EXPECT_THAT(ids({"--state", "ready", "--filter", "state=scheduled"}), IsEmpty());
  EXPECT_THAT(ids({"--state", "waiting"}), ElementsAre(1, 2, 3));
  EXPECT_THAT(ids({"--state", "finished"}), IsEmpty());
  EXPECT_THAT(ids({"--filter", "batch=2"}), ElementsAre(2));
  EXPECT_THAT(ids({"--filter", "age>1h"}), IsEmpty());
}

TEST_F(ClientCli, AFilterThatThisClientAppliesFindsWhatIsBeyondTheLimit) {
  Client({"submit", "--type", "echo", "--count", "1500"});
  Client({"submit", "--type", "echo", "--key", "last"});
  const Ended ended = Client({"list", "--filter", "key=last", "--limit", "1", "--json"});
  EXPECT_EQ(Parse<v1::Task>(ended.out).id(), 1501);
  EXPECT_EQ(ended.err, "");
}

TEST_F(ClientCli, FiltersOfStatusWorkersAndQueuesChoose) {
  Client({"submit", "--type", "echo", "--name", "deploy 1", "--queue", "a"});
  Client({"submit", "--type", "other", "--name", "words", "--queue", "b", "--count", "2"});
  Client({"queues", "pause", "b"});
  EXPECT_THAT(Client({"status", "--filter", "name~deploy,tasks=1"}).out,
              AllOf(HasSubstr("deploy 1"), Not(HasSubstr("words"))));
  EXPECT_THAT(Client({"queues", "--filter", "state=paused,ready>1,type=other"}).out,
              AllOf(HasSubstr("\nb "), Not(HasSubstr("\na "))));
  EXPECT_EQ(Client({"queues", "--filter", "running>0", "--json"}).out, "{\"queues\":[]}\n");
  EXPECT_THAT(Client({"status", "--filter", "failed>0"}).err, HasSubstr("no batch matches"));

  v1::RequestTaskRequest poll;
  poll.mutable_worker()->set_id("w1");
  poll.mutable_worker()->set_name("north");
  poll.mutable_worker()->set_slots(4);
  v1::RequestTaskResponse none;
  ASSERT_TRUE(Call(&v1::TaskService::Stub::RequestTask, poll, none).ok());
  EXPECT_THAT(Client({"workers", "--filter", "slots>3,state=active,queue=default"}).out,
              HasSubstr("\nnorth  w1  active"));
  EXPECT_THAT(Client({"workers", "--filter", "name=w2"}).err, HasSubstr("no worker matches"));
}

TEST_F(ClientCli, ABatchOfWhichTasksWereOnlyCancelledIsCancelled) {
  Client({"submit", "--type", "echo", "--count", "2"});
  Client({"cancel", "--batch", "1"});
  EXPECT_THAT(Client({"status", "1"}).out,
              AllOf(HasSubstr("state     cancelled\n"), HasSubstr("--state cancelled\n")));
  EXPECT_THAT(Client({"status", "--filter", "state=cancelled"}).out, HasSubstr("  cancelled  "));
}

TEST_F(ClientCli, StatusOfABatchThatRunsShowsItsRateAndItsTasks) {
  Client({"submit", "--type", "echo", "--count", "3"});
  const std::vector<v1::LeasedTask> tasks = Take("w", 2);
  Report(tasks.at(0), v1::RESULT_OUTCOME_SUCCEEDED);
  v1::HeartbeatRequest request;
  request.mutable_worker()->set_id("w");
  v1::HeldTask* held = request.add_held();
  held->set_task_id(tasks.at(1).task_id());
  held->set_lease_id(tasks.at(1).lease_id());
  held->mutable_progress()->set_fraction(0.4);
  held->mutable_progress()->set_message("resizing");
  v1::HeartbeatResponse response;
  ASSERT_TRUE(Call(&v1::TaskService::Stub::Heartbeat, request, response).ok());
  const std::string out = Client({"status", "1"}).out;
  EXPECT_THAT(out, AllOf(HasSubstr("finished on average; at that, the rest takes "),
                         HasSubstr("\nRUNNING  FOR"), HasSubstr("  40% resizing\n")));
}

TEST_F(ClientCli, AnErrorFromBeforeIsMarkedAsSuch) {
  Client({"submit", "--type", "echo", "--retries", "0"});
  Client({"submit", "--type", "echo", "--delay", "1h"});
  Report(Take("w", 1).at(0), v1::RESULT_OUTCOME_FAILED);
  EXPECT_THAT(Client({"show", "1"}).out, HasSubstr("\nerror     UNKNOWN: broken\n"));
  Client({"cancel", "2", "--reason", "no need"});
  Client({"retry", "1", "2"});
  EXPECT_THAT(Client({"show", "1"}).out,
              HasSubstr("error     UNKNOWN: broken (of attempt 1, before this)"));
  EXPECT_THAT(Client({"show", "2"}).out, HasSubstr("no need (from before it was put back)"));
  EXPECT_THAT(Client({"list"}).out, HasSubstr("before: UNKNOWN: broken\n"));
}

TEST_F(ClientCli, PayloadsAndResultsAreThereWhereTheyWereAskedFor) {
  Client({"submit", "--type", "echo", "--payload", "in"});
  Report(Take("w", 1).at(0), v1::RESULT_OUTCOME_SUCCEEDED, "out");
  const v1::Task bare = Parse<v1::Task>(Client({"list", "--json"}).out);
  EXPECT_EQ(bare.spec().payload() + bare.result(), "");
  const v1::Task full = Parse<v1::Task>(Client({"list", "--json", "--payloads", "--results"}).out);
  EXPECT_EQ(full.spec().payload(), "in");
  EXPECT_EQ(full.result(), "out");
}

TEST_F(ClientCli, OneOutputSwitchMeansTheSameForEveryCommand) {
  Client({"submit", "--type", "echo", "--count", "2"});
  const std::vector<v1::LeasedTask> tasks = Take("w", 2);
  for (const v1::LeasedTask& task : tasks) Report(task, v1::RESULT_OUTCOME_SUCCEEDED);
  const Ended list = Client({"list", "-o", "json"});
  EXPECT_EQ(Parse<v1::ListTasksResponse>(list.out).tasks_size(), 2);
  EXPECT_EQ(JsonLines(list.out).size(), 1);
  EXPECT_EQ(JsonLines(Client({"list", "-o", "jsonl"}).out).size(), 2);
  EXPECT_EQ(Client({"list", "-o", "jsonl"}).out, Client({"list", "--json"}).out);
  EXPECT_THAT(Client({"list", "-o", "yaml"}).out, StartsWith("tasks:\n- id: \"1\"\n"));
  EXPECT_EQ(Parse<v1::Batch>(Client({"status", "-o", "jsonl"}).out).total(), 2);
  const auto watched = Parse<v1::WatchBatchResponse>(Client({"watch", "1", "-o", "json"}).out);
  EXPECT_EQ(watched.tasks_size(), 2);
  EXPECT_EQ(watched.batch().counts().succeeded(), 2);
  EXPECT_GT(watched.cursor(), 0);
  EXPECT_EQ(Client({"watch", "9", "-o", "json"}).out, "");
  EXPECT_THAT(Client({"list", "-o", "wide"}).out, HasSubstr("PRIORITY"));
}

TEST_F(ClientCli, TopWithoutATerminalIsOneSnapshot) {
  Client({"submit", "--type", "echo", "--name", "words", "--queue", "q", "--count", "2"});
  const Ended ended = Client({"top"});
  EXPECT_EQ(ended.exit, kExitOk);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("tasks     2 ready\n"), HasSubstr("\nq      active"),
                               HasSubstr("no workers; to start one"), HasSubstr("1  words")));
  EXPECT_THAT(Client({"top", "--json"}).out,
              AllOf(StartsWith(R"({"stats":{"counts":{)"), HasSubstr(R"("queues":[{"name":"q")"),
                    HasSubstr(R"("workers":[])"), HasSubstr(R"("batches":[{"id":"1")")));
}

// --- watch, cancel, retry
// -------------------------------------------------------------------------------

TEST_F(ClientCli, WatchShowsEachTaskAndEndsAsTheBatchDoes) {
  Client({"submit", "--type", "echo", "--payload", "hi", "--count", "2", "--retries", "0"});
  const std::vector<v1::LeasedTask> tasks = Take("w", 2);
  Report(tasks.at(1), v1::RESULT_OUTCOME_FAILED);
  Report(tasks.at(0), v1::RESULT_OUTCOME_SUCCEEDED, "out\x1b\n");
  const Ended ended = Client({"watch", "1", "--results"});
  EXPECT_THAT(ended.out, StartsWith("[1/2] task 2 failed after "));
  EXPECT_THAT(ended.out, AllOf(HasSubstr(": broken\n[2/2] task 1 succeeded after "),
                               HasSubstr("\n  out\\x1b\n2 tasks: 1 succeeded, 1 failed\n")));
  EXPECT_EQ(ended.exit, kExitFailed);

  const Ended json = Client({"watch", "1", "--json"});
  EXPECT_EQ(Parse<v1::WatchBatchResponse>(JsonLines(json.out).at(0)).tasks(0).id(), 2);
}

TEST_F(ClientCli, AnInterruptedWatchLeavesTheBatchAloneAndSaysHowToGoOn) {
  Submit(1);
  Interruption interruption;
  interruption.Raise();
  const Ended ended = Client({"watch", "1"}, "", &interruption);
  EXPECT_EQ(ended.exit, kExitInterrupted);
  EXPECT_THAT(ended.err, HasSubstr("client watch 1 --cursor 0"));
  EXPECT_EQ(Get(1).state(), v1::TASK_STATE_READY);
}

TEST_F(ClientCli, CancelAndRetrySayHowManyWereConcerned) {
  Client({"submit", "--type", "echo", "--count", "4"});
  Take("w", 1);
  EXPECT_EQ(Client({"cancel", "1", "2", "--reason", "no need"}).out,
            "1 cancelled, 1 running and told to stop, 0 finished already\n");
  EXPECT_EQ(Get(2).error().message(), "no need");
  EXPECT_EQ(Client({"retry", "2,3"}).out,
            "1 task put back; left alone: 1 unfinished, succeeded, or waiting for a parent "
            "that failed\n");
  const Ended batch = Client({"cancel", "--batch", "1", "--json"});
  EXPECT_EQ(Parse<v1::CancelTasksResponse>(batch.out).cancelled(), 3);
  EXPECT_EQ(Client({"retry", "--batch", "1"}).out,
            "0 tasks put back; left alone: 4 that did not fail\n");
  EXPECT_THAT(Client({"retry", "--batch", "1"}).err,
              HasSubstr("of these, 3 cancelled; to put some back: client retry ID...; which there "
                        "are: client list --batch 1 --state cancelled\n"));
}

// --- Without a command
// ----------------------------------------------------------------------------------

TEST_F(ClientCli, WithoutACommandItShowsThatTheWholeSystemWorks) {
  const auto worker = StartWorker();
  const Ended ended = Client({});
  EXPECT_EQ(ended.exit, kExitOk);
  EXPECT_THAT(ended.out, HasSubstr("task 1 accepted: echo \"hello 1\"\n"));
  EXPECT_THAT(ended.out, HasSubstr("task 10 succeeded: hello 10\n"));
  EXPECT_THAT(ended.out, HasSubstr("10 tasks: 10 succeeded\n"));
  EXPECT_THAT(ended.err, HasSubstr("Try next:\n  client status 1\n"));
}

TEST_F(ClientCli, WithoutAWorkerItSaysWhatToStart) {
  const Ended ended = Client({"--wait", "1s"});
  EXPECT_EQ(ended.exit, kExitFailed);
  EXPECT_THAT(ended.err, HasSubstr("no worker is connected; start "
                                   "one: worker --master 127.0.0.1:"));
  EXPECT_THAT(ended.err, HasSubstr("batch 1 was not finished within 1.0s"));
  EXPECT_THAT(ended.err, HasSubstr("client watch 1 --results"));
  EXPECT_THAT(ended.err, Not(HasSubstr("paused")));
}

TEST_F(ClientCli, SubmitAndWatchTellThatNoWorkerTakesTheTasksAndWhatWorkersDoTake) {
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("other-1");
  request.mutable_worker()->set_name("other");
  request.mutable_worker()->set_slots(2);
  request.add_types("echo");
  v1::RequestTaskResponse response;
  grpc::ClientContext call;
  ASSERT_TRUE(v1::TaskService::NewStub(channel_)->RequestTask(&call, request, &response).ok());
  const std::string reason = absl::StrCat(
      "client: no connected worker takes type 'exec' from queue 'x' (other takes echo from "
      "default); start one: worker --master ",
      Address(), " --queues x --exec\n");
  EXPECT_EQ(Client({"submit", "--type", "exec", "--queue", "x"}).err, reason);

  Interruption interruption;
  std::thread later([&] {
    absl::SleepFor(absl::Milliseconds(2500));
    interruption.Raise();
  });
  EXPECT_THAT(Client({"watch", "1"}, "", &interruption).err, HasSubstr(reason));
  later.join();
}

TEST_F(ClientCli, APausedQueueIsNamedAsTheReason) {
  Client({"queues", "pause", "default"});
  EXPECT_THAT(Client({"--wait", "100ms"}).err, HasSubstr("client queues resume default"));
}

// --- Mistakes
// -------------------------------------------------------------------------------------------

TEST_F(ClientCli, EachMistakeIsNamedWithItsValue) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{"show", "abc"}, "'abc' is not the id of a task"},
      {{"status", "0"}, "'0' is not the id of a batch"},
      {{"list", "--state", "redy"}, "--state: 'redy' is none of blocked, "},
      {{"list", "--filter", "stat=ready"}, "--filter: 'stat=ready': there is no field 'stat'"},
      {{"list", "--payloads"}, "--payloads goes with --output json, jsonl or yaml"},
      {{"status", "1", "--filter", "state=open"}, "--filter chooses among batches"},
      {{"queues", "pause", "q", "--filter", "state=paused"}, "pause goes without --filter"},
      {{"stats", "--output", "xml"}, "--output: 'xml' is none of table, wide"},
      {{"stats", "--color", "blue"}, "--color: 'blue' is none of auto, always, never"},
      {{"top", "--interval", "1ms"}, "--interval is 1ms; it must be 100ms or more"},
      {{"list", "--limit", "-3"}, "--limit: Value -3 not in range"},
      {{"submit", "--type", "t", "--count", "-3"}, "--count: Value -3 not in range"},
      {{"submit", "--type", "t", "--delay", "5"}, "--delay: '5' is not a duration"},
      {{"submit", "--type", "t", "--delay", "-5s"}, "--delay: is -5s; it must not be negative"},
      {{"submit", "--type", "t", "--label", "x"}, "--label: 'x' is not NAME=VALUE"},
      {{"submit", "--type", "t", "--payload-file", "/no"},
       "cannot read /no: No such file or directory"},
      {{"submit", "--type", "t", "--payload-file", "/"}, "cannot read /: Is a directory"},
      {{"submit", "--type", "t", "--key", "k", "--count", "2"}, "--key k can be that of one task"},
      {{"submit"}, "--type is required"},
      {{"cancel"}, "either ids of tasks or --batch"},
      {{"cancel", "1", "--batch", "1"}, "either ids of tasks or --batch"},
      {{"queues", "stop", "q"}, "action: 'stop' is none of pause, resume"},
      {{"queues", "pause"}, "which queue"},
      {{"watch", "1", "--cursor", "-1"}, "--cursor: Value -1"},
      {{"stats", "--connect-timeout", "0s"}, "--connect-timeout is 0"},
      {{"stats", "--master", "nowhere"}, "--master: 'nowhere' is not HOST:PORT"},
      {{"stats", "--wait", "1s"}, "--wait"},
      {{"bogus"}, "bogus"},
  };
  for (const auto& [args, text] : mistakes) {
    const Ended ended = Client(args);
    EXPECT_EQ(ended.exit, kExitUsage) << text;
    EXPECT_THAT(ended.err, AllOf(StartsWith("client: "), HasSubstr(text), HasSubstr(" --help\n")));
    EXPECT_THAT(ended.out, IsEmpty()) << text;
  }
}

TEST_F(ClientCli, WhatTheMasterRefusesIsToldInItsWords) {
  const Ended ended = Client({"submit", "--type", "bad type"});
  EXPECT_EQ(ended.exit, kExitFailed);
  EXPECT_THAT(ended.err, StartsWith("client: tasks[0].type is 'bad type'; it must be"));
}

TEST_F(ClientCli, AMasterThatIsNotThereIsToldWithinTheTimeout) {
  const std::string address = Address();
  master_->Shutdown();
  const absl::Time start = absl::Now();
  const Ended ended = Client({"stats", "--connect-timeout", "200ms"});
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  EXPECT_EQ(ended.exit, kExitUnreachable);
  EXPECT_THAT(ended.err, StartsWith(absl::StrCat("client: cannot reach the master at ", address)));
  EXPECT_THAT(ended.err, HasSubstr("(tried for 200ms); start it, or name another with --master"));
}

// --- What others wrote
// ----------------------------------------------------------------------------------

TEST_F(ClientCli, HostileTextsAreInertInEveryView) {
  const std::string hostile = "\x1b]0;owned\x07\u202etxt";
  v1::SubmitTasksRequest request;
  request.set_batch_name(hostile);
  v1::TaskSpec* task = request.add_tasks();
  task->set_type("echo");
  task->set_payload(hostile);
  task->set_key(hostile);
  (*task->mutable_labels())["l"] = hostile;
  Submit(request);
  v1::RequestTaskRequest poll;
  poll.mutable_worker()->set_id("w");
  poll.mutable_worker()->set_name(hostile);
  poll.mutable_worker()->set_host("h");
  poll.set_max_tasks(1);
  v1::RequestTaskResponse taken;
  ASSERT_TRUE(Call(&v1::TaskService::Stub::RequestTask, poll, taken).ok());
  Report(taken.tasks(0), v1::RESULT_OUTCOME_SUCCEEDED, hostile);

  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"status", "1"},
                                             {"list"},
                                             {"show", "1"},
                                             {"watch", "1", "--results"},
                                             {"workers"},
                                             {"queues"},
                                             {"stats"}}) {
    for (const bool json : {false, true}) {
      std::vector<std::string> all = args;
      if (json) all.emplace_back("--json");
      const Ended ended = Client(all);
      EXPECT_EQ(ended.exit, kExitOk) << args[0];
      EXPECT_THAT(ended.out,
                  AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\x07")), Not(HasSubstr("\u202e"))))
          << args[0];
    }
  }
  EXPECT_EQ(Parse<v1::Task>(Client({"show", "1", "--json"}).out).spec().key(), hostile);
}

}  // namespace
}  // namespace tarea
