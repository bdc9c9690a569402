#include "worker/middleware.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "worker/testing/handler_test.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Handler Returns(const absl::StatusOr<std::string>& result) {
  return [result](const v1::LeasedTask&, TaskContext&) { return result; };
}

absl::StatusOr<std::string> Throws(const v1::LeasedTask&, TaskContext&) {
  throw std::runtime_error("oops");
}

// Puts its letter around the result.
Middleware Around(const std::string& letter) {
  return [letter](const v1::LeasedTask& task, TaskContext& context,
                  const Handler& next) -> absl::StatusOr<std::string> {
    const absl::StatusOr<std::string> result = next(task, context);
    if (!result.ok()) return result;
    return absl::StrCat(letter, *result, letter);
  };
}

TEST(Middleware, TheFirstIsTheOutermost) {
  HandlerTest test(Returns("x"), {Around("a"), Around("b")});
  EXPECT_EQ(*test.Run(), "abxba");
}

TEST(Middleware, MayAnswerWithoutTheHandler) {
  HandlerTest test(Throws, {[](const v1::LeasedTask&, TaskContext&, const Handler&) {
                     return absl::StatusOr<std::string>("from the cache");
                   }});
  EXPECT_EQ(*test.Run(), "from the cache");
}

TEST(Middleware, MayCallTheHandlerAgain) {
  int calls = 0;
  HandlerTest test(
      [&calls](const v1::LeasedTask&, TaskContext&) -> absl::StatusOr<std::string> {
        if (++calls == 1) return absl::UnavailableError("not yet");
        return "now";
      },
      {[](const v1::LeasedTask& task, TaskContext& context, const Handler& next) {
        absl::StatusOr<std::string> result = next(task, context);
        return result.ok() ? result : next(task, context);
      }});
  EXPECT_EQ(*test.Run(), "now");
}

TEST(Middleware, SeesAnExceptionOfTheHandlerAsAnError) {
  absl::Status seen;
  HandlerTest test(Throws,
                   {[&seen](const v1::LeasedTask& task, TaskContext& context, const Handler& next) {
                     absl::StatusOr<std::string> result = next(task, context);
                     seen = result.status();
                     return result;
                   }});
  const absl::Status expected = absl::UnknownError("the handler threw an exception: oops");
  EXPECT_EQ(test.Run().status(), expected);
  EXPECT_EQ(seen, expected);
}

TEST(Middleware, AnExceptionOfItsOwnIsAnErrorToo) {
  HandlerTest test(Returns("x"), {Around("a"),
                                  [](const v1::LeasedTask&, TaskContext&,
                                     const Handler&) -> absl::StatusOr<std::string> { throw 42; }});
  EXPECT_EQ(test.Run().status(), absl::UnknownError("the middleware threw an exception"));
}

class ObserverTest : public testing::Test {
 protected:
  Observer Notes() {
    Observer observer;
    observer.before = [this](const v1::LeasedTask& task) {
      notes_.push_back(absl::StrCat("before ", task.task_id()));
    };
    observer.after = [this](const v1::LeasedTask& task, const std::string& result,
                            absl::Duration took) {
      notes_.push_back(
          absl::StrCat("after ", task.task_id(), ": ", result, " in ", absl::FormatDuration(took)));
    };
    observer.on_error = [this](const v1::LeasedTask& task, const absl::Status& error,
                               absl::Duration took) {
      notes_.push_back(absl::StrCat("error ", task.task_id(), ": ", error.message(), " in ",
                                    absl::FormatDuration(took)));
    };
    return observer;
  }

  ManualClock clock_{absl::FromUnixSeconds(1'000'000)};
  std::vector<std::string> notes_;
};

TEST_F(ObserverTest, IsToldBeforeAndAfterWithTheTimeItTook) {
  HandlerTest test(
      [this](const v1::LeasedTask&, TaskContext&) -> absl::StatusOr<std::string> {
        notes_.push_back("handler");
        clock_.Advance(absl::Seconds(3));
        return "x";
      },
      {Observe(Notes(), &clock_)});
  EXPECT_EQ(*test.Run(), "x");
  EXPECT_THAT(notes_, ElementsAre("before 1", "handler", "after 1: x in 3s"));
}

TEST_F(ObserverTest, IsToldOfErrorsAndExceptions) {
  HandlerTest error(Returns(NonRetryable(absl::DataLossError("bad"))), {Observe(Notes(), &clock_)});
  error.Run();
  EXPECT_TRUE(error.non_retryable());
  EXPECT_THAT(notes_, ElementsAre("before 1", "error 1: bad in 0"));
  notes_.clear();
  HandlerTest exception(Throws, {Observe(Notes(), &clock_)});
  exception.Run();
  EXPECT_THAT(notes_,
              ElementsAre("before 1", "error 1: the handler threw an exception: oops in 0"));
}

TEST_F(ObserverTest, WhatItThrowsMakesNoDifferenceToTheTask) {
  Observer observer;
  observer.before = [](const v1::LeasedTask&) { throw std::runtime_error("before"); };
  observer.after = [](const v1::LeasedTask&, const std::string&, absl::Duration) { throw 42; };
  HandlerTest test(Returns("x"), {Observe(observer)});
  EXPECT_EQ(*test.Run(), "x");
}

TEST_F(ObserverTest, MayLeaveOutWhatDoesNotInterestIt) {
  HandlerTest test(Returns("x"), {Observe({})});
  EXPECT_EQ(*test.Run(), "x");
  EXPECT_THAT(notes_, IsEmpty());
}

}  // namespace
}  // namespace tarea
