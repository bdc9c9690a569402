// `client run` from inputs to outputs.

#include <gmock/gmock.h>

#include <filesystem>

#include "absl/time/clock.h"
#include "common/exit_codes.h"
#include "tests/integration/client_fixture.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ClientRun : public ClientFixture {};

TEST_F(ClientRun, OutputIsInTheOrderOfTheInputsWhenTasksFinishInReverse) {
  const auto worker = StartWorker(/*gather=*/3);
  const Ended ended = Client({"run", "--", "say", "{}", ":::", "a", "b", "c"});
  EXPECT_EQ(ended.out, "say a\nsay b\nsay c\n");
  EXPECT_EQ(ended.err, "client: 3 tasks: 3 succeeded\n");
  EXPECT_EQ(ended.exit, kExitOk);
}

TEST_F(ClientRun, EachInputBecomesATaskWithTheFlagsGiven) {
  const Ended ended =
      Client({"run",       "--detach", "--queue",   "q",  "--name",  "n",   "--env", "A=1",
              "--workdir", "/w",       "--timeout", "5s", "--label", "x=y", "cp",    "{1}",
              "{2}.{#}",   ":::",      "a",         "b",  ":::",     "c"});
  EXPECT_EQ(ended.out, "1\n");
  ASSERT_EQ(ended.exit, kExitOk) << ended.err;
  const v1::TaskSpec spec = Get(2).spec();
  EXPECT_EQ(spec.type(), "exec");
  EXPECT_EQ(spec.queue(), "q");
  EXPECT_EQ(spec.retry().max_attempts(), 3);
  EXPECT_EQ(spec.timeout().seconds(), 5);
  EXPECT_EQ(spec.labels().at("x"), "y");
  v1::ExecPayload payload;
  ASSERT_TRUE(payload.ParseFromString(spec.payload()));
  EXPECT_THAT(payload.argv(), testing::ElementsAre("cp", "b", "c.2"));
  EXPECT_EQ(payload.env().at("A"), "1");
  EXPECT_EQ(payload.working_directory(), "/w");
}

TEST_F(ClientRun, WithoutListsTheLinesOfStdinAreTheInputs) {
  const auto worker = StartWorker();
  EXPECT_EQ(Client({"run", "say"}, "a b\nc\n").out, "say a b\nsay c\n");
  EXPECT_EQ(Client({"run", "-0", "--", "say"}, std::string("a\nb\0", 4)).out, "say a\nb\n");
  EXPECT_EQ(Client({"run", "-a", "-", "say", "{2}{1}", ":::", "x"}, "a\n").out, "say xa\n");
}

TEST_F(ClientRun, NoInputsRunNothingAndOnceRunsWithoutAny) {
  const Ended none = Client({"run", "--", "make"}, "");
  EXPECT_EQ(none.exit, kExitOk);
  EXPECT_THAT(none.err, HasSubstr("no inputs, so nothing was run"));
  EXPECT_EQ(Stats().batches(), 0);
  const auto worker = StartWorker();
  EXPECT_EQ(Client({"run", "--once", "--", "make", "all"}, "ignored\n").out, "make all\n");
}

TEST_F(ClientRun, FailedTasksAreNamedAndTheOthersStillRun) {
  const auto worker = StartWorker();
  const Ended ended = Client({"run", "--retries", "0", "--", "{}", "x", ":::", "a", "false", "b"});
  EXPECT_EQ(ended.out, "a x\nb x\n");
  EXPECT_EQ(ended.err,
            "oops\n"
            "client: task 2 failed: UNKNOWN: exit code 1 (client show 2)\n"
            "client: 3 tasks: 2 succeeded, 1 failed\n");
  EXPECT_EQ(ended.exit, kExitFailed);
}

TEST_F(ClientRun, ManyFailuresAreCounted) {
  const auto worker = StartWorker();
  std::string inputs;
  for (int i = 0; i < 12; ++i) inputs += "x\n";
  const Ended ended = Client({"run", "--retries", "0", "--", "false"}, inputs);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("client: task 10 failed"), Not(HasSubstr("task 11")),
                               HasSubstr("and 2 more: client list --batch 1")));
}

TEST_F(ClientRun, InterruptedItLeavesTheBatchAlone) {
  Interruption interruption;
  const auto worker = StartWorker(1, [&](const v1::LeasedTask&) {
    interruption.Raise();
    return std::nullopt;
  });
  const Ended ended = Client({"run", "say", ":::", "a", "b", "c"}, "", &interruption);
  EXPECT_EQ(ended.exit, kExitInterrupted);
  EXPECT_THAT(ended.err, HasSubstr("client: interrupted; batch 1 goes on"));
  for (int64_t id = 1; id <= 3; ++id) {
    const v1::Task task = Get(id);
    EXPECT_TRUE(task.state() != v1::TASK_STATE_CANCELLED && !task.cancel_requested()) << id;
  }
}

TEST_F(ClientRun, InterruptedItCancelsWhatIsLeftIfToldSo) {
  Interruption interruption;
  const auto worker = StartWorker(1, [&](const v1::LeasedTask&) {
    interruption.Raise();
    return std::nullopt;
  });
  const Ended ended =
      Client({"run", "--cancel-on-interrupt", "say", ":::", "a", "b", "c"}, "", &interruption);
  EXPECT_EQ(ended.exit, kExitInterrupted);
  EXPECT_THAT(ended.err, HasSubstr("client: interrupted; batch 1: "));
  for (int64_t id = 1; id <= 3; ++id) {
    const v1::Task task = Get(id);
    EXPECT_TRUE(task.state() == v1::TASK_STATE_CANCELLED || task.cancel_requested()) << id;
  }
}

TEST_F(ClientRun, InterruptedBeforeItSubmittedAnythingItSubmitsNothing) {
  Interruption interruption;
  interruption.Raise();
  const Ended ended = Client({"run", "say", ":::", "a"}, "", &interruption);
  EXPECT_EQ(ended.exit, kExitInterrupted);
  EXPECT_EQ(ended.err, "client: interrupted before anything was submitted\n");
  EXPECT_EQ(Stats().batches(), 0);
}

TEST_F(ClientRun, JsonIsOneTaskPerLineInTheOrderOfTheInputs) {
  const auto worker = StartWorker(/*gather=*/2);
  const Ended ended = Client({"run", "--json", "say", ":::", "a", "b"});
  const std::vector<std::string> lines = JsonLines(ended.out);
  ASSERT_EQ(lines.size(), 2);
  EXPECT_THAT(lines[0], HasSubstr(R"("exec_result":{"exit_code":0,)"));
  EXPECT_EQ(Parse<v1::Task>(lines[1]).id(), 2);
}

TEST_F(ClientRun, AsCompletedPrintsWhatIsThere) {
  const auto worker = StartWorker(/*gather=*/3);
  EXPECT_EQ(Client({"run", "--as-completed", "--", "say", ":::", "a", "b", "c"}).out,
            "say c\nsay b\nsay a\n");
}

TEST_F(ClientRun, HaltCancelsTheOthersAfterSoManyFailures) {
  const auto worker = StartWorker();
  std::string inputs;
  for (int i = 0; i < 500; ++i) inputs += "x\n";
  const Ended ended = Client({"run", "--retries", "0", "--halt", "3", "--", "false"}, inputs);
  EXPECT_EQ(ended.exit, kExitFailed);
  EXPECT_THAT(ended.err, HasSubstr("failed: cancelling the others (--halt 3)\n"));
  EXPECT_GE(Stats().counts().failed(), 3);
  EXPECT_GE(Stats().counts().cancelled(), 1);
}

TEST_F(ClientRun, ResultsAreFilesOfEachTask) {
  const auto worker = StartWorker();
  TempDir dir;
  const std::string results = dir.path() + "/a/b";
  const Ended ended =
      Client({"run", "--retries", "0", "--results", results, "--", "{}", ":::", "x", "false"});
  EXPECT_EQ(ended.out, "x\n");
  EXPECT_EQ(ReadFile(results + "/1/stdout"), "x\n");
  EXPECT_EQ(ReadFile(results + "/1/stderr"), "");
  EXPECT_EQ(ReadFile(results + "/1/exit"), "0\n");
  EXPECT_EQ(ReadFile(results + "/2/stderr"), "oops\n");
  EXPECT_EQ(ReadFile(results + "/2/exit"), "1\n");
  EXPECT_THAT(ReadFile(results + "/2/task.json"), HasSubstr("TASK_STATE_FAILED"));

  const Ended again = Client({"run", "--results", results, "--", "say", ":::", "y"});
  EXPECT_EQ(again.exit, kExitUsage);
  EXPECT_THAT(again.err, HasSubstr("/a/b holds the results of another run"));
  EXPECT_EQ(Stats().batches(), 1);

  std::filesystem::remove_all(results + "/2");
  EXPECT_EQ(Client({"run", "--resume", "1", "--results", results}).exit, kExitFailed);
  EXPECT_EQ(ReadFile(results + "/2/stderr"), "oops\n");
}

TEST_F(ClientRun, EachInputCanGoToStdinInstead) {
  ASSERT_EQ(Client({"run", "--detach", "--stdin", "--", "wc", "-c", ":::", "a b"}).exit, kExitOk);
  v1::ExecPayload payload;
  ASSERT_TRUE(payload.ParseFromString(Get(1).spec().payload()));
  EXPECT_THAT(payload.argv(), testing::ElementsAre("wc", "-c"));
  EXPECT_EQ(payload.stdin_data(), "a b\n");
  const std::string bytes("\xff\n", 2);
  ASSERT_EQ(Client({"run", "--detach", "--stdin", "-0", "--", "wc"}, bytes).exit, kExitOk);
  ASSERT_TRUE(payload.ParseFromString(Get(2).spec().payload()));
  EXPECT_EQ(payload.stdin_data(), bytes);
}

TEST_F(ClientRun, LimitsAndWhatComesFirstAreSentAlong) {
  ASSERT_EQ(Client({"run", "--detach", "true", ":::", "a"}).exit, kExitOk);
  ASSERT_EQ(Client({"run", "--detach", "--memory", "1G", "--cpu-time", "10s", "--file-size", "5M",
                    "--fresh-dir", "--after", "1", "true", ":::", "a"})
                .exit,
            kExitOk);
  const v1::TaskSpec spec = Get(2).spec();
  EXPECT_THAT(spec.depends_on(), testing::ElementsAre(1));
  v1::ExecPayload payload;
  ASSERT_TRUE(payload.ParseFromString(spec.payload()));
  EXPECT_EQ(payload.limits().memory_bytes(), int64_t{1} << 30);
  EXPECT_EQ(payload.limits().cpu_time().seconds(), 10);
  EXPECT_EQ(payload.limits().file_bytes(), 5 << 20);
  EXPECT_TRUE(payload.fresh_directory());
}

TEST_F(ClientRun, ColumnsOfACsvFileGoWhereTheirNamesStand) {
  EXPECT_EQ(Client({"run", "--csv", "--dry-run", "--", "train", "--rate", "{rate}", "{name}.bin"},
                   "name,rate\n\"a b\",0.5\nc,1\n")
                .out,
            "train --rate 0.5 'a b.bin'\ntrain --rate 1 c.bin\n");
  EXPECT_EQ(
      Client({"run", "--csv", "--csv-delimiter", "tab", "--dry-run", "x"}, "a\tb\n1\t2\n").out,
      "x 1 2\n");
}

TEST_F(ClientRun, AMistakeInTheInputsEndsThemAndWhatCameBeforeIsRun) {
  const auto worker = StartWorker();
  const Ended ended = Client({"run", "--csv", "--", "say", "{a}"}, "a,b\n1,2\n3\n4,5\n");
  EXPECT_EQ(ended.out, "say 1\n");
  EXPECT_EQ(ended.exit, kExitFailed);
  EXPECT_THAT(ended.err, HasSubstr("client: stdin, line 3: 1 field instead of 2, the first of them "
                                   "'3'; batch 1 has the 1 task before that\n"));
}

TEST_F(ClientRun, AnInputThatIsNotUtf8EndsTheInputsAndWhatCameBeforeIsRun) {
  const Ended ended = Client({"run", "--detach", "--", "say"}, "a\n\xff\nb\n");
  EXPECT_EQ(ended.exit, kExitFailed);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("client: input 2: argv is '\\xff'"), HasSubstr("--stdin"),
                               HasSubstr("batch 1 has the 1 task before that")));
  EXPECT_EQ(Stats().counts().ready(), 1);

  EXPECT_EQ(Client({"run", "--", "say"}, "\xff\n").exit, kExitFailed);
  EXPECT_EQ(Stats().batches(), 1) << "nothing came before";
}

TEST_F(ClientRun, ABatchWithoutCommandsIsNotResumed) {
  Client({"submit", "--type", "echo"});
  const Ended ended = Client({"run", "--resume", "1"});
  EXPECT_EQ(ended.exit, kExitFailed);
  EXPECT_THAT(ended.err, HasSubstr("client: batch 1 has no commands, but tasks of type 'echo'"));
}

TEST_F(ClientRun, MapIsAnotherNameForIt) {
  EXPECT_EQ(Client({"map", "--dry-run", "--range", "08-10", "ls", "--json"}).out,
            "ls --json 08\nls --json 09\nls --json 10\n");
}

TEST_F(ClientRun, PlainProgressHasNoEscapeSequences) {
  const std::string line = "client: 1 of 3 tasks finished, 1 running";
  ManualClock clock(absl::Now());
  clock_ = &clock;
  // The second task takes until that is told: a minute at most.
  const auto worker = StartWorker(1, [&](const v1::LeasedTask& task) {
    for (int i = 0; task.task_id() == 2 && i < 600; ++i) {
      clock.Advance(absl::Seconds(5));
      if (err_.Await(line, absl::Milliseconds(100))) break;
    }
    return Work(task);
  });
  const Ended ended = Client({"run", "--progress", "plain", "--", "say", ":::", "1", "2", "3"});
  EXPECT_THAT(ended.err, HasSubstr(line));
  EXPECT_THAT(ended.err, Not(HasSubstr("\x1b")));
}

TEST_F(ClientRun, DryRunPrintsTheCommandsAndSubmitsNothing) {
  const Ended ended = Client({"run", "--dry-run", "--", "cp", "{}", "{.}.bak", ":::", "a b.c"});
  EXPECT_EQ(ended.out, "cp 'a b.c' 'a b.bak'\n");
  EXPECT_EQ(Stats().batches(), 0);
}

TEST_F(ClientRun, FlagsAfterTheCommandBelongToIt) {
  EXPECT_EQ(Client({"run", "--dry-run", "ls", "--json", "--queue", "-0", ":::", "a"}).out,
            "ls --json --queue -0 a\n");
}

TEST_F(ClientRun, GlobalFlagsGoBeforeAndAfterItsName) {
  EXPECT_EQ(Client({"--connect-timeout", "5s", "run", "--log-level", "error", "--dry-run", "ls",
                    ":::", "a"})
                .out,
            "ls a\n");
}

TEST_F(ClientRun, MistakesAreUsageErrors) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"run"},
                                             {"run", "--", ":::", "a"},
                                             {"run", "--quue", "q", "--", "ls", ":::", "a"},
                                             {"run", "ls", "{3}", ":::", "a"},
                                             {"run", "--once", "ls", "{}"},
                                             {"run", "--resume", "1", "ls"},
                                             {"run", "--resume", "x"},
                                             {"run", "--resume", "1", "--detach"},
                                             {"run", "--keep-order", "--as-completed", "ls"},
                                             {"run", "--detach", "--halt", "1", "ls"},
                                             {"run", "--halt", "0", "ls"},
                                             {"run", "--fresh-dir", "--workdir", "/", "ls"},
                                             {"run", "--csv", "-0", "ls"},
                                             {"run", "--csv-delimiter", "ab", "ls"},
                                             {"run", "--range", "9-1", "ls"},
                                             {"run", "--progress", "loud", "ls"},
                                             {"run", "ls", ":::+", "a"},
                                             {"run", "--retries", "-1", "ls"},
                                             {"run", "ls", "::::", "/no/such/file"}}) {
    const Ended ended = Client(args);
    EXPECT_EQ(ended.exit, kExitUsage) << absl::StrJoin(args, " ");
    EXPECT_THAT(ended.err, HasSubstr("Try: client run --help\n"));
  }
  EXPECT_EQ(Stats().batches(), 0);
}

}  // namespace
}  // namespace tarea
