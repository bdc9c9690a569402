#include "worker/fair_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::Pair;

// Plays the master: shares first, in their order, then the rest from the queues by name.
class FairShareTest : public testing::Test {
 protected:
  // Asks for `wanted`, of which the master gives at most `limit`; answers what came by queue.
  std::map<std::string, int> Ask(FairShare& fair, int wanted, int limit = 1'000'000) {
    v1::RequestTaskResponse response;
    std::map<std::string, int> came;
    const auto take = [&](const std::string& queue, int count) {
      for (; count > 0 && backlog_[queue] > 0 && response.tasks_size() < std::min(wanted, limit);
           --count) {
        --backlog_[queue];
        ++came[queue];
        response.add_tasks()->set_queue(queue);
      }
    };
    for (const v1::QueueShare& share : fair.Divide(wanted)) take(share.queue(), share.tasks());
    for (const auto& [queue, left] : std::map<std::string, int>(backlog_)) take(queue, left);
    fair.Received(wanted, response);
    for (const auto& [queue, count] : came) total_[queue] += count;
    return came;
  }

  std::map<std::string, int> backlog_;
  std::map<std::string, int> total_;
};

std::vector<std::pair<std::string, int>> Pairs(const std::vector<v1::QueueShare>& shares) {
  std::vector<std::pair<std::string, int>> pairs;
  for (const v1::QueueShare& share : shares) pairs.emplace_back(share.queue(), share.tasks());
  return pairs;
}

TEST_F(FairShareTest, DividesOneCallByTheWeights) {
  const FairShare fair({{"a", 3}, {"b", 1}});
  EXPECT_THAT(Pairs(fair.Divide(8)), ElementsAre(Pair("a", 6), Pair("b", 2)));
}

TEST_F(FairShareTest, OneTaskAtATimeKeepsTheProportions) {
  FairShare fair({{"a", 3}, {"b", 1}});
  backlog_ = {{"a", 1000}, {"b", 1000}};
  for (int i = 0; i < 100; ++i) Ask(fair, 1);
  EXPECT_THAT(total_, ElementsAre(Pair("a", 75), Pair("b", 25)));
}

TEST_F(FairShareTest, EveryStretchIsMixedNotOnlyTheWhole) {
  FairShare fair({{"a", 2}, {"b", 1}, {"c", 1}});
  backlog_ = {{"a", 1000}, {"b", 1000}, {"c", 1000}};
  for (int i = 0; i < 20; ++i) {
    total_.clear();
    for (int j = 0; j < 4; ++j) Ask(fair, 1);
    EXPECT_THAT(total_, ElementsAre(Pair("a", 2), Pair("b", 1), Pair("c", 1))) << i;
  }
}

TEST_F(FairShareTest, ManyAtATimeInChangingNumbersKeepTheProportions) {
  FairShare fair({{"a", 3}, {"b", 1}});
  backlog_ = {{"a", 100'000}, {"b", 100'000}};
  for (const int wanted : {1, 2, 1000, 3, 17, 500, 1, 1, 999}) Ask(fair, wanted);
  EXPECT_NEAR(total_["a"], 3 * total_["b"], 3);
}

TEST_F(FairShareTest, AnswersThatAreCutShortKeepTheProportions) {
  FairShare fair({{"a", 3}, {"b", 1}});
  backlog_ = {{"a", 100'000}, {"b", 100'000}};
  for (int i = 0; i < 100; ++i) Ask(fair, 100, 7);
  EXPECT_EQ(total_["a"] + total_["b"], 700);
  EXPECT_NEAR(total_["a"], 3 * total_["b"], 50);
}

TEST_F(FairShareTest, TheShareOfAnIdleQueueGoesToTheOthers) {
  FairShare fair({{"a", 3}, {"b", 1}});
  backlog_ = {{"b", 100}};
  EXPECT_THAT(Ask(fair, 8), ElementsAre(Pair("b", 8)));
}

TEST_F(FairShareTest, AQueueThatWasIdleDoesNotCatchUpOnWhatItMissed) {
  FairShare fair({{"a", 1}, {"b", 1}});
  backlog_ = {{"a", 100'000}};
  for (int i = 0; i < 1000; ++i) Ask(fair, 4);
  backlog_["b"] = 100'000;
  total_.clear();
  for (int i = 0; i < 25; ++i) Ask(fair, 4);
  // Half of the 100, and one round and one answer at most that it was behind.
  EXPECT_GE(total_["b"], 50);
  EXPECT_LE(total_["b"], 50 + 5);
}

TEST_F(FairShareTest, AQueueOfSmallWeightIsNotStarvedByOneOfLargeWeight) {
  FairShare fair({{"a", 100}, {"b", 1}});
  backlog_ = {{"a", 100'000}, {"b", 100'000}};
  for (int i = 0; i < 1010; ++i) Ask(fair, 1);
  EXPECT_THAT(total_, ElementsAre(Pair("a", testing::Ge(999)), Pair("b", testing::Ge(9))));
}

}  // namespace
}  // namespace tarea
