// The commands that show what is there: to a person, to a script, and when the texts are hostile.

#include <gmock/gmock.h>

#include "common/exit_codes.h"
#include "tests/integration/client_fixture.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ClientReading : public ClientFixture {};

TEST_F(ClientReading, StatusOfABatchHasItsCountsAndOfNoneTheLatestFirst) {
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

TEST_F(ClientReading, ListShowsWhatMatchesAndSaysIfThereIsMore) {
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

TEST_F(ClientReading, ShowTellsAllAboutATaskThatFailed) {
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

TEST_F(ClientReading, ShowResultIsTheBytesAndNothingElse) {
  Client({"submit", "--type", "t"});
  EXPECT_EQ(Client({"show", "1", "--result"}).exit, kExitFailed);
  const std::string bytes("\x1b\0\xff", 3);
  Report(Take("w", 1).at(0), v1::RESULT_OUTCOME_SUCCEEDED, bytes);
  EXPECT_EQ(Client({"show", "1", "--result"}).out, bytes);
  EXPECT_THAT(Client({"show", "1"}).out, HasSubstr("result (3 bytes):\n  \\x1b\\x00\\xff\n"));
}

TEST_F(ClientReading, TheOperatorsCommandsShowQueuesWorkersAndTotals) {
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

TEST_F(ClientReading, AFilterOfListIsAppliedByMasterAndClientAlike) {
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

TEST_F(ClientReading, AFilterThatThisClientAppliesFindsWhatIsBeyondTheLimit) {
  Client({"submit", "--type", "echo", "--count", "1500"});
  Client({"submit", "--type", "echo", "--key", "last"});
  const Ended ended = Client({"list", "--filter", "key=last", "--limit", "1", "--json"});
  EXPECT_EQ(Parse<v1::Task>(ended.out).id(), 1501);
  EXPECT_EQ(ended.err, "");
}

TEST_F(ClientReading, FiltersOfStatusWorkersAndQueuesChoose) {
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

TEST_F(ClientReading, ABatchOfWhichTasksWereOnlyCancelledIsCancelled) {
  Client({"submit", "--type", "echo", "--count", "2"});
  Client({"cancel", "--batch", "1"});
  EXPECT_THAT(Client({"status", "1"}).out,
              AllOf(HasSubstr("state     cancelled\n"), HasSubstr("--state cancelled\n")));
  EXPECT_THAT(Client({"status", "--filter", "state=cancelled"}).out, HasSubstr("  cancelled  "));
}

TEST_F(ClientReading, StatusOfABatchThatRunsShowsItsRateAndItsTasks) {
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

TEST_F(ClientReading, AnErrorFromBeforeIsMarkedAsSuch) {
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

TEST_F(ClientReading, PayloadsAndResultsAreThereWhereTheyWereAskedFor) {
  Client({"submit", "--type", "echo", "--payload", "in"});
  Report(Take("w", 1).at(0), v1::RESULT_OUTCOME_SUCCEEDED, "out");
  const v1::Task bare = Parse<v1::Task>(Client({"list", "--json"}).out);
  EXPECT_EQ(bare.spec().payload() + bare.result(), "");
  const v1::Task full = Parse<v1::Task>(Client({"list", "--json", "--payloads", "--results"}).out);
  EXPECT_EQ(full.spec().payload(), "in");
  EXPECT_EQ(full.result(), "out");
}

TEST_F(ClientReading, OneOutputSwitchMeansTheSameForEveryCommand) {
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

TEST_F(ClientReading, TopWithoutATerminalIsOneSnapshot) {
  Client({"submit", "--type", "echo", "--name", "words", "--queue", "q", "--count", "2"});
  const Ended ended = Client({"top"});
  EXPECT_EQ(ended.exit, kExitOk);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("tasks     2 ready\n"), HasSubstr("\nq      active"),
                               HasSubstr("no workers; to start one"), HasSubstr("1  words")));
  EXPECT_THAT(Client({"top", "--json"}).out,
              AllOf(StartsWith(R"({"stats":{"counts":{)"), HasSubstr(R"("queues":[{"name":"q")"),
                    HasSubstr(R"("workers":[])"), HasSubstr(R"("batches":[{"id":"1")")));
}

// --- What others wrote
// ----------------------------------------------------------------------------------

TEST_F(ClientReading, HostileTextsAreInertInEveryView) {
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
