#include "client/commands/ordered_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Task Done(int64_t id, const std::string& result) {
  v1::Task task;
  task.set_id(id);
  task.set_result(result);
  task.set_result_size(static_cast<int64_t>(result.size()));
  return task;
}

struct Emitted {
  std::vector<std::string> results;
  std::vector<int64_t> fetched;

  OrderedResults Make(int64_t max_bytes) {
    return OrderedResults(
        max_bytes,
        [this](int64_t id) -> absl::StatusOr<v1::Task> {
          fetched.push_back(id);
          return Done(id, "fetched");
        },
        [this](const v1::Task& task) {
          results.push_back(task.result());
          return absl::OkStatus();
        });
  }
};

TEST(OrderedResults, WhatComesTooEarlyWaitsForItsTurn) {
  Emitted emitted;
  OrderedResults results = emitted.Make(1000);
  EXPECT_TRUE(results.Add(2, Done(3, "c")).ok());
  EXPECT_TRUE(results.Add(1, Done(2, "b")).ok());
  EXPECT_THAT(emitted.results, IsEmpty());
  EXPECT_TRUE(results.Add(0, Done(1, "a")).ok());
  EXPECT_THAT(emitted.results, ElementsAre("a", "b", "c"));
  EXPECT_EQ(results.held(), 0);
}

TEST(OrderedResults, ATaskThatFinishesAgainIsShownOnce) {
  Emitted emitted;
  OrderedResults results = emitted.Make(1000);
  EXPECT_TRUE(results.Add(0, Done(1, "a")).ok());
  EXPECT_TRUE(results.Add(0, Done(1, "again")).ok());
  EXPECT_THAT(emitted.results, ElementsAre("a"));
}

TEST(OrderedResults, BeyondItsMemoryResultsAreFetchedInTheirTurn) {
  Emitted emitted;
  OrderedResults results = emitted.Make(5);
  EXPECT_TRUE(results.Add(1, Done(2, "four")).ok());
  EXPECT_TRUE(results.Add(2, Done(3, "too much")).ok());
  EXPECT_TRUE(results.Add(3, Done(4, "")).ok());
  EXPECT_TRUE(results.Add(0, Done(1, "a")).ok());
  EXPECT_THAT(emitted.results, ElementsAre("a", "four", "fetched", ""));
  EXPECT_THAT(emitted.fetched, ElementsAre(3));
}

TEST(OrderedResults, AnErrorOfTheReceiverEndsIt) {
  OrderedResults results(
      1000, [](int64_t) { return absl::NotFoundError("gone"); },
      [](const v1::Task&) { return absl::DataLossError("full"); });
  EXPECT_EQ(results.Add(0, Done(1, "a")), absl::DataLossError("full"));
}

}  // namespace
}  // namespace tarea
