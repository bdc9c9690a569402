#include "client/commands/output.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/commands/command.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kEscape[] = "\x1b";
constexpr char kRightToLeft[] = "\u202e";

// --- Tables
// -------------------------------------------------------------------------------------------

TEST(Table, ColumnsAlignAndNothingTrails) {
  Table table({">ID", "NAME", "STATE"});
  table.Add({"7", "resize", "ready"});
  table.Add({"1234", "", "done"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "  ID  NAME    STATE\n"
            "   7  resize  ready\n"
            "1234  -       done\n");
}

TEST(Table, WideCharactersTakeTwoColumns) {
  Table table({"NAME", "X"});
  table.Add({"\u4e2d\u6587\u5b57", "1"});
  table.Add({"\u00fcber", "2"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "NAME    X\n\u4e2d\u6587\u5b57  1\n\u00fcber    2\n");
}

TEST(Table, ALongOneIsPrintedInPartsUnderOneHeading) {
  Table table({"A", "B"});
  std::ostringstream out;
  table.Add({"long", "1"});
  table.Print(out);
  table.Add({"x", "2"});
  table.Print(out);
  EXPECT_EQ(out.str(), "A     B\nlong  1\nx     2\n");
}

TEST(Table, WhatOthersWroteIsInert) {
  Table table({"NAME"});
  table.Add({std::string(kEscape) + "[31mred" + kRightToLeft + "\n"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "NAME\n\\x1b[31mred\\u202e\\n\n");
}

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

TEST(ParseState, TakesTheWordsThatAreShown) {
  for (int number = 1; number <= 7; ++number) {
    const auto state = static_cast<v1::TaskState>(number);
    EXPECT_EQ(*ParseState(StateName(state)), state);
  }
  EXPECT_EQ(ParseState("redy").status().message(),
            "'redy' is not a state of tasks; these are blocked, scheduled, ready, running, "
            "succeeded, failed, cancelled");
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
  EXPECT_THAT(Lines(std::string(5000, 'x'), "  "), HasSubstr("\n  ... (904 more bytes)\n"));
}

// --- JSON
// -----------------------------------------------------------------------------------------------

TEST(TaskJson, ParsesBackAndIsInert) {
  v1::Task task;
  task.set_id(7);
  task.mutable_spec()->set_type("echo");
  task.mutable_spec()->set_payload("\x1b raw");
  task.mutable_spec()->set_key(std::string(kEscape) + kRightToLeft);
  const std::string json = TaskJson(task);
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
