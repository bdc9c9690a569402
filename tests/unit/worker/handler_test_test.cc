#include "worker/testing/handler_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/convert.h"

namespace tarea {
namespace {

using testing::ElementsAre;

// Works for ten minutes, and reports each.
absl::StatusOr<std::string> TenMinutes(const v1::LeasedTask&, TaskContext& context) {
  for (int i = 0; i < 10; ++i) {
    context.SetProgress(i / 10.0, absl::StrCat("minute ", i));
    if (!context.SleepFor(absl::Minutes(1))) {
      context.SetOutput(absl::StrCat("stopped in minute ", i));
      return absl::CancelledError("told to stop");
    }
  }
  context.Log("done");
  context.AppendOutput(OutputStream::kStdout, "ten ");
  context.AppendOutput(OutputStream::kStdout, "minutes\n");
  return "ten minutes";
}

TEST(HandlerTest, RunsAHandlerAndKeepsWhatItSaid) {
  HandlerTest test(TenMinutes);
  EXPECT_EQ(*test.Run(), "ten minutes");
  EXPECT_EQ(test.context().elapsed(), absl::Minutes(10));
  EXPECT_EQ(test.context().progress().size(), 10);
  EXPECT_EQ(test.context().progress().back().fraction(), 0.9);
  EXPECT_EQ(test.context().progress().back().message(), "minute 9");
  EXPECT_THAT(test.context().logs(), ElementsAre("done"));
  EXPECT_EQ(test.context().written(OutputStream::kStdout), "ten minutes\n");
  EXPECT_EQ(test.context().written(OutputStream::kStderr), "");
  EXPECT_EQ(test.context().output(), "");
}

TEST(HandlerTest, GivesTheHandlerTheTaskOfTheTest) {
  HandlerTest test([](const v1::LeasedTask& task, TaskContext&) -> absl::StatusOr<std::string> {
    return absl::StrCat(task.payload(), task.attempt(), task.labels().at("zone"), task.queue());
  });
  test.task().set_payload("p");
  test.task().set_attempt(2);
  (*test.task().mutable_labels())["zone"] = "z";
  EXPECT_EQ(*test.Run(), "p2zdefault");
}

TEST(HandlerTest, StopsAHandlerThatSleepsAtTheMomentSaid) {
  HandlerTest test(TenMinutes);
  test.context().StopAfter(absl::Seconds(150), StopCause::kCancelled);
  EXPECT_EQ(test.Run().status(), absl::CancelledError("told to stop"));
  EXPECT_EQ(test.context().elapsed(), absl::Seconds(150));
  EXPECT_EQ(test.context().output(), "stopped in minute 2");
  EXPECT_EQ(test.context().stop_cause(), StopCause::kCancelled);
}

TEST(HandlerTest, StopsAHandlerThatHasNotStarted) {
  HandlerTest test(TenMinutes);
  test.context().StopAfter(absl::ZeroDuration(), StopCause::kDraining);
  EXPECT_TRUE(test.context().stopped());
  test.Run();
  EXPECT_EQ(test.context().elapsed(), absl::ZeroDuration());
}

TEST(HandlerTest, StopsAHandlerWhenItIsSoFar) {
  HandlerTest test(TenMinutes);
  test.context().StopAtProgress(0.5, StopCause::kLost);
  test.Run();
  EXPECT_EQ(test.context().output(), "stopped in minute 5");
  EXPECT_EQ(test.context().stop_cause(), StopCause::kLost);
}

TEST(HandlerTest, TheTimeoutOfTheTaskCounts) {
  absl::Duration left;
  HandlerTest test([&left](const v1::LeasedTask& task, TaskContext& context) {
    context.SleepFor(absl::Seconds(10));
    left = context.time_left();
    return TenMinutes(task, context);
  });
  *test.task().mutable_timeout() = ToProto(absl::Minutes(1));
  EXPECT_FALSE(test.Run().ok());
  EXPECT_EQ(left, absl::Seconds(50));
  EXPECT_EQ(test.context().elapsed(), absl::Minutes(1));
  EXPECT_EQ(test.context().stop_cause(), StopCause::kTimedOut);
}

TEST(HandlerTest, WithoutATimeoutThereIsTimeWithoutEnd) {
  HandlerTest test([](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    return absl::FormatDuration(context.time_left());
  });
  EXPECT_EQ(*test.Run(), "inf");
}

TEST(HandlerTest, AHandlerThatWorksIsStoppedWhenTimeIsMovedOn) {
  HandlerTest* self = nullptr;
  HandlerTest test([&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    while (!context.stopped()) self->context().Advance(absl::Hours(1));  // its work
    return absl::CancelledError("");
  });
  self = &test;
  test.context().StopAfter(absl::Hours(5), StopCause::kCancelled);
  EXPECT_FALSE(test.Run().ok());
  EXPECT_EQ(test.context().elapsed(), absl::Hours(5));
}

TEST(HandlerTest, AnotherThreadOfTheTestMayStopTheHandler) {
  absl::Notification called;
  absl::Notification ready;
  HandlerTest test([&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    context.OnStop([&called] { called.Notify(); });
    ready.Notify();
    called.WaitForNotification();
    return absl::CancelledError("called back");
  });
  std::thread stopper([&] {
    ready.WaitForNotification();
    test.context().Stop(StopCause::kCancelled);
  });
  EXPECT_EQ(test.Run().status().message(), "called back");
  stopper.join();
}

TEST(HandlerTest, ACallbackIsNotCalledOnceItWasTakenBack) {
  bool called = false;
  HandlerTest test([&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    context.OnStop([&called] { called = true; });
    context.OnStop(nullptr);
    context.SleepFor(absl::Minutes(1));
    return "";
  });
  test.context().StopAfter(absl::Seconds(1), StopCause::kCancelled);
  test.Run();
  EXPECT_FALSE(called);
}

TEST(HandlerTest, SaysIfAnErrorIsNotToBeTriedAgain) {
  HandlerTest test([](const v1::LeasedTask&, TaskContext&) {
    return NonRetryable(absl::InvalidArgumentError("never"));
  });
  EXPECT_FALSE(test.non_retryable()) << "before it ran";
  test.Run();
  EXPECT_TRUE(test.non_retryable());
}

}  // namespace
}  // namespace tarea
