#include "client/commands/task_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/commands/harmless_text.h"

namespace tarea {
namespace {

using testing::HasSubstr;

// --- On a terminal
// ---------------------------------------------------------------------------------------

TEST(HarmlessText, LeavesTextAndTheMovesOfALineAndEscapesTheRest) {
  HarmlessText text;
  EXPECT_EQ(text.Next("a\tb\r\nc"), "a\tb\r\nc");
  EXPECT_EQ(text.Next("\x1b[2J\x07"), "\\x1b[2J\\x07");
  EXPECT_EQ(text.Next(absl::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(text.Next("\u009b31m"), "\\x9b31m");
  EXPECT_EQ(text.Next("\xff!"), "\\xff!");
  EXPECT_EQ(text.Rest(), "");
}

TEST(HarmlessText, ACharacterThatIsCutInTwoIsPutTogether) {
  const std::string all = "größer 日本 😀";
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    HarmlessText text;
    std::string shown = text.Next(all.substr(0, cut));
    shown += text.Next(all.substr(cut));
    shown += text.Rest();
    EXPECT_EQ(shown, all) << cut;
  }
  HarmlessText cut_off;
  EXPECT_EQ(cut_off.Next("gr\xc3"), "gr");
  EXPECT_EQ(cut_off.Rest(), "\\xc3");
}

// --- The printer
// -----------------------------------------------------------------------------------------

class TaskOutput : public testing::Test {
 protected:
  static v1::WatchTaskResponse News(uint64_t run, int attempt = 1) {
    v1::WatchTaskResponse news;
    news.set_run_id(run);
    news.set_attempt(attempt);
    return news;
  }
  static v1::WatchTaskResponse Out(uint64_t run, int64_t offset, const std::string& data,
                                   int attempt = 1) {
    v1::WatchTaskResponse news = News(run, attempt);
    v1::OutputChunk* chunk = news.add_output();
    chunk->set_stream(v1::OUTPUT_STREAM_STDOUT);
    chunk->set_offset(offset);
    chunk->set_data(data);
    return news;
  }
  static v1::WatchTaskResponse Last(uint64_t run, const std::string& out, int attempt = 1,
                                    bool truncated = false) {
    v1::WatchTaskResponse news = News(run, attempt);
    news.mutable_task()->mutable_spec()->set_type("exec");
    v1::ExecResult result;
    result.set_stdout_data(out);
    result.set_stdout_truncated(truncated);
    news.mutable_task()->set_result(result.SerializeAsString());
    return news;
  }

  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Context context_{{.in = in_, .out = out_, .err = err_}};
};

TEST_F(TaskOutput, TheRestComesFromTheRecordedResultAndNothingTwice) {
  TaskOutputPrinter printer(context_, 5, {});
  printer.Add(Out(1, 0, "one\n"));
  printer.Add(Out(1, 2, "e\ntwo\n"));
  printer.Finish(Last(1, "one\ntwo\nthree\n"));
  EXPECT_EQ(out_.str(), "one\ntwo\nthree\n");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(TaskOutput, WhatIsMissingIsSaidWhereItIsMissing) {
  TaskOutputPrinter printer(context_, 5, {});
  printer.Add(Out(1, 100, "late"));
  printer.Add(Out(1, 105, "later"));
  EXPECT_EQ(out_.str(), "latelater");
  EXPECT_EQ(err_.str(),
            "client: 100 bytes of stdout left out: no longer kept\n"
            "client: 1 byte of stdout left out: no longer kept\n");
}

TEST_F(TaskOutput, AnAttemptThatBeginsAnewIsPrintedFromItsBeginning) {
  TaskOutputPrinter printer(context_, 5, {});
  printer.Add(Out(1, 0, "first\n"));
  printer.Add(Out(2, 0, "sec", 2));
  printer.Finish(Last(2, "second\n", 2));
  EXPECT_EQ(out_.str(), "first\nsecond\n");
  EXPECT_EQ(err_.str(), "client: task 5 begins anew: attempt 2\n");
}

TEST_F(TaskOutput, AnAttemptOfWhichNothingWasSeenIsPrintedWhole) {
  TaskOutputPrinter printer(context_, 5, {});
  printer.Add(Out(1, 0, "first\n"));
  printer.Finish(Last(2, "second\n", 2));
  EXPECT_EQ(out_.str(), "first\nsecond\n");
}

TEST_F(TaskOutput, TheTailIsOfWhatIsThereAtTheBeginningAndThenEverythingComes) {
  TaskOutputPrinter printer(context_, 5, {.tail = 4});
  printer.Add(Out(1, 1000, "abcdef"));
  printer.Add(Out(1, 1006, "gh"));
  EXPECT_EQ(out_.str(), "");
  v1::WatchTaskResponse caught_up = News(1);
  caught_up.set_caught_up(true);
  printer.Add(caught_up);
  EXPECT_EQ(out_.str(), "efgh");
  printer.Add(Out(1, 1008, "ijklmn"));
  EXPECT_EQ(out_.str(), "efghijklmn");
  EXPECT_EQ(err_.str(), "") << "who asks for the tail knows that there is more";
}

TEST_F(TaskOutput, OfAFinishedTaskTheTailIsTakenFromWhatIsRecorded) {
  TaskOutputPrinter printer(context_, 5, {.tail = 4});
  printer.Finish(Last(1, "abcdefgh"));
  EXPECT_EQ(out_.str(), "efgh");
}

TEST_F(TaskOutput, WhatWasFollowedBeyondWhatIsRecordedIsNotPrintedAgain) {
  TaskOutputPrinter printer(context_, 5, {});
  printer.Add(Out(1, 0, "0123456789"));
  printer.Finish(Last(1, "01234", 1, /*truncated=*/true));
  EXPECT_EQ(out_.str(), "0123456789");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(TaskOutput, OnlyATerminalIsSparedControlCharactersUnlessTheyAreWanted) {
  const auto print = [&](bool terminal, bool raw) {
    std::ostringstream out;
    Context context(
        {.in = in_, .out = out, .err = err_, .out_terminal = {.is_terminal = terminal}});
    TaskOutputPrinter printer(context, 5, {.tail = std::nullopt, .raw = raw});
    printer.Add(Out(1, 0, "\x1b[31mred\n"));
    return out.str();
  };
  EXPECT_EQ(print(true, false), "\\x1b[31mred\n");
  EXPECT_EQ(print(true, true), "\x1b[31mred\n");
  EXPECT_EQ(print(false, false), "\x1b[31mred\n");
}

}  // namespace
}  // namespace tarea
