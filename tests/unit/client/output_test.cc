#include "client/commands/output.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/commands/command.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kEscape[] = "\x1b";
constexpr char kRightToLeft[] = "\u202e";

// --- Times
// ----------------------------------------------------------------------------------------------

TEST(ShortDuration, HasTwoUnitsAtMost) {
  EXPECT_EQ(ShortDuration(absl::ZeroDuration()), "0s");
  EXPECT_EQ(ShortDuration(absl::Microseconds(20)), "<1ms");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(12)), "12ms");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(999)), "999ms");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(1590)), "1.5s");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(9999)), "9.9s");
  EXPECT_EQ(ShortDuration(absl::Seconds(42)), "42s");
  EXPECT_EQ(ShortDuration(absl::Seconds(60)), "1m");
  EXPECT_EQ(ShortDuration(absl::Seconds(310)), "5m10s");
  EXPECT_EQ(ShortDuration(absl::Minutes(125)), "2h5m");
  EXPECT_EQ(ShortDuration(absl::Hours(76)), "3d4h");
  EXPECT_EQ(ShortDuration(-absl::Seconds(42)), "-42s");
}

TEST(Ago, SaysHowLongBeforeOrAfter) {
  const absl::Time now = absl::FromUnixSeconds(1'790'000'000);
  EXPECT_EQ(Ago(now, now), "now");
  EXPECT_EQ(Ago(now + absl::Milliseconds(900), now), "now");
  EXPECT_EQ(Ago(now - absl::Milliseconds(3900), now), "3s ago");
  EXPECT_EQ(Ago(now - absl::Minutes(5), now), "5m ago");
  EXPECT_EQ(Ago(now + absl::Minutes(5), now), "in 5m");
}

// --- Words
// ----------------------------------------------------------------------------------------------

TEST(ParseStates, TakesTheWordsThatAreShownAndThoseForSeveral) {
  for (int number = 1; number <= 7; ++number) {
    const auto state = static_cast<v1::TaskState>(number);
    EXPECT_THAT(*ParseStates(StateName(state)), ElementsAre(state));
  }
  EXPECT_THAT(*ParseStates("waiting"),
              ElementsAre(v1::TASK_STATE_BLOCKED, v1::TASK_STATE_SCHEDULED, v1::TASK_STATE_READY));
  EXPECT_EQ(ParseStates("unfinished")->size(), 4);
  EXPECT_THAT(*ParseStates("finished"), ElementsAre(v1::TASK_STATE_SUCCEEDED, v1::TASK_STATE_FAILED,
                                                    v1::TASK_STATE_CANCELLED));
  EXPECT_EQ(ParseStates("redy").status().message(),
            "'redy' is not a state of tasks; these are blocked, scheduled, ready, running, "
            "succeeded, failed, cancelled; and waiting, unfinished, finished");
}

TEST(BatchState, IsFailedOnlyIfATaskFailed) {
  v1::Batch batch;
  batch.set_open(true);
  EXPECT_EQ(BatchState(batch), "open");
  batch.set_open(false);
  EXPECT_EQ(BatchState(batch), "running");
  batch.mutable_finished_at()->set_seconds(1);
  batch.mutable_counts()->set_succeeded(5);
  EXPECT_EQ(BatchState(batch), "succeeded");
  batch.mutable_counts()->set_cancelled(1);
  EXPECT_EQ(BatchState(batch), "cancelled");
  batch.mutable_counts()->set_failed(1);
  EXPECT_EQ(BatchState(batch), "failed");
}

TEST(Rate, HasAUnitThatFits) {
  EXPECT_EQ(Rate(1234.4), "1234 tasks/s");
  EXPECT_EQ(Rate(1.25), "1.2 tasks/s");
  EXPECT_EQ(Rate(0.5), "30 tasks/min");
}

TEST(Summary, NamesOnlyWhatThereIs) {
  v1::Batch batch;
  batch.set_total(12);
  batch.mutable_counts()->set_succeeded(11);
  batch.mutable_counts()->set_failed(1);
  EXPECT_EQ(Summary(batch), "12 tasks: 11 succeeded, 1 failed");
}

TEST(ShellQuoted, CanBePastedAndIsInert) {
  google::protobuf::RepeatedPtrField<std::string> argv;
  for (const char* word : {"ls", "a b", "it's", "", "*.c", "a=1", "x\ny", "\x1b'\\"}) {
    argv.Add(word);
  }
  EXPECT_EQ(ShellQuoted(argv), R"(ls 'a b' 'it'\''s' '' '*.c' a=1 $'x\ny' $'\x1b\'\\')");
}

TEST(Lines, AreIndentedInertAndCut) {
  EXPECT_EQ(Lines("a\nb\x1b\n", "  "), "  a\n  b\\x1b\n");
  EXPECT_EQ(Lines("", "  "), "");
  EXPECT_EQ(Lines("one two three\nx", "  ", 8), "  one two\n  three\n  x\n");
  EXPECT_THAT(Lines(std::string(5000, 'x'), "  "), HasSubstr("\n  ... (904 more bytes)\n"));
}

// --- JSON
// -----------------------------------------------------------------------------------------------

TEST(TaskJson, ParsesBackAndIsInert) {
  v1::Task task;
  task.set_id(7);
  task.mutable_spec()->set_type("echo");
  task.mutable_spec()->set_payload("\x1b raw");
  // U+2066 and U+E0041 are not among what protobuf escapes.
  task.mutable_spec()->set_key(std::string(kEscape) + kRightToLeft + "\u2066\U000e0041\u00fc");
  const std::string json = TaskJson(task);
  EXPECT_THAT(json, HasSubstr("\\u2066\\udb40\\udc41\u00fc"));
  EXPECT_THAT(json, Not(HasSubstr(kEscape)));
  EXPECT_THAT(json, Not(HasSubstr(kRightToLeft)));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
  v1::Task back;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &back).ok());
  EXPECT_EQ(back.SerializeAsString(), task.SerializeAsString());
}

TEST(TaskJson, DecodesWhatExecTakesAndReturns) {
  v1::ExecPayload payload;
  payload.add_argv("ls");
  v1::ExecResult result;
  result.set_exit_code(2);
  v1::Task task;
  task.mutable_spec()->set_type("exec");
  task.mutable_spec()->set_payload(payload.SerializeAsString());
  task.set_result(result.SerializeAsString());
  EXPECT_THAT(TaskJson(task), HasSubstr(R"("exec_payload":{"argv":["ls"],)"));
  EXPECT_THAT(TaskJson(task), HasSubstr(R"("exec_result":{"exit_code":2,)"));
}

TEST(WatchJson, IsTheMessageWithItsTasksDecoded) {
  v1::WatchBatchResponse news;
  news.set_cursor(7);
  news.mutable_batch()->set_id(3);
  v1::Task* task = news.add_tasks();
  task->mutable_spec()->set_type("exec");
  v1::ExecResult result;
  result.set_exit_code(2);
  task->set_result(result.SerializeAsString());
  const std::string json = WatchJson(news);
  EXPECT_THAT(json, HasSubstr(R"("exec_result":{"exit_code":2,)"));
  v1::WatchBatchResponse back;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &back, options).ok()) << json;
  EXPECT_EQ(back.SerializeAsString(), news.SerializeAsString());
}

// --- Errors
// ---------------------------------------------------------------------------------------------

TEST(Context, TheExitCodeTellsWhatKindOfErrorItWas) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Context context({.in = in, .out = out, .err = err});
  EXPECT_EQ(context.Fail(absl::NotFoundError("x")), kExitFailed);
  EXPECT_EQ(context.Fail(absl::UnavailableError("x")), kExitUnreachable);
  EXPECT_EQ(context.Fail(absl::DeadlineExceededError("x")), kExitUnreachable);
  EXPECT_EQ(context.Fail(absl::PermissionDeniedError("x")), kExitDenied);
  EXPECT_EQ(context.Fail(absl::UnauthenticatedError("x")), kExitDenied);
  EXPECT_EQ(context.Usage("x"), kExitUsage);
  err.str("");
  context.Fail(absl::NotFoundError(std::string("no task ") + kEscape));
  EXPECT_EQ(err.str(), "client: no task \\x1b\n");
}

}  // namespace
}  // namespace tarea
