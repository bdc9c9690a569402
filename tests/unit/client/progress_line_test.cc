#include "client/commands/progress_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/commands/output.h"

namespace tarea {
namespace {

using testing::HasSubstr;
using testing::Not;

ProgressState State() {
  ProgressState state;
  state.counts.set_ready(249);
  state.counts.set_running(2);
  state.counts.set_succeeded(409);
  state.counts.set_failed(3);
  state.rate = 87.4;
  return state;
}

TEST(ProgressLine, TellsAllOnAWideTerminal) {
  EXPECT_EQ(ProgressLine(State(), 80, false),
            "[================>           ] 412/663 62%  2 running  3 failed  87/s  3s left");
}

TEST(ProgressLine, NeverIsWiderThanTheTerminal) {
  for (size_t columns = 1; columns < 120; ++columns) {
    EXPECT_LE(ProgressLine(State(), columns, false).size(), columns);
  }
}

TEST(ProgressLine, KeepsTheCountAndTheFailuresWhenThereIsLittleRoom) {
  EXPECT_EQ(ProgressLine(State(), 41, false), "412/663 62%  2 running  3 failed  3s left");
  EXPECT_EQ(ProgressLine(State(), 21, false), "412/663 62%  3 failed");
  EXPECT_EQ(ProgressLine(State(), 8, false), "412/663");
}

TEST(ProgressLine, ColoursOnlyFailuresAndOnlyIfAllowed) {
  EXPECT_THAT(ProgressLine(State(), 80, true), HasSubstr("\x1b[31m3 failed\x1b[0m"));
  EXPECT_THAT(ProgressLine(State(), 80, false), Not(HasSubstr("\x1b")));
}

TEST(ProgressLine, PromisesNoEndWhileInputsAreStillRead) {
  ProgressState state = State();
  state.open = true;
  EXPECT_EQ(ProgressLine(state, 80, false), "412/663+  2 running  3 failed  87/s");
}

TEST(ProgressLine, IsFullOnlyAtTheEnd) {
  ProgressState state;
  state.counts.set_succeeded(999);
  state.counts.set_running(1);
  EXPECT_THAT(ProgressLine(state, 60, false), HasSubstr("99%"));
  state.counts.set_succeeded(1000);
  state.counts.clear_running();
  EXPECT_THAT(ProgressLine(state, 60, false),
              HasSubstr("[============================] 1000/1000 100%"));
}

TEST(ProgressLine, WithoutTasksItIsStillALine) {
  EXPECT_EQ(ProgressLine(ProgressState(), 20, false), "[           ] 0/0 0%");
}

TEST(ProgressSentence, IsInWords) {
  EXPECT_EQ(ProgressSentence(State()),
            "412 of 663 tasks finished, 2 running, 3 failed, 87/s, 3s left");
  ProgressState slow = State();
  slow.rate = 0.05;
  EXPECT_THAT(ProgressSentence(slow), HasSubstr("3.0/min, 1h23m left"));
}

TEST(RateMeter, KnowsNothingAtFirst) {
  RateMeter meter;
  const absl::Time start = absl::UnixEpoch();
  EXPECT_EQ(meter.PerSecond(start), std::nullopt);
  meter.Add(start, 100);
  EXPECT_EQ(meter.PerSecond(start + absl::Milliseconds(100)), std::nullopt);
}

TEST(RateMeter, ForgetsWhatWasLongAgo) {
  RateMeter meter;
  const absl::Time start = absl::UnixEpoch();
  int64_t finished = 0;
  for (int second = 0; second <= 60; ++second) {
    meter.Add(start + absl::Seconds(second), finished);
    finished += second < 30 ? 100 : 10;
  }
  EXPECT_NEAR(*meter.PerSecond(start + absl::Seconds(60)), 10, 0.01);
}

TEST(RateMeter, APauseLowersIt) {
  RateMeter meter;
  const absl::Time start = absl::UnixEpoch();
  meter.Add(start, 0);
  meter.Add(start + absl::Seconds(1), 10);
  EXPECT_NEAR(*meter.PerSecond(start + absl::Seconds(1)), 10, 0.01);
  EXPECT_NEAR(*meter.PerSecond(start + absl::Seconds(5)), 2, 0.01);
}

}  // namespace
}  // namespace tarea
