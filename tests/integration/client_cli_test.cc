// The client's commands as a person or a script sees them; `run`, and those that show what is
// there, have files of their own.

#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "common/exit_codes.h"
#include "tests/integration/client_fixture.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ClientCli : public ClientFixture {};

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
    err_.Await(reason);
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
      {{"stats", "--master", "h\xd6st:1"}, "--master: 'h\\xd6st:1' is not HOST:PORT"},
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

}  // namespace
}  // namespace tarea
