#include "master/parked_polls.h"

#include <gtest/gtest.h>

#include <thread>

namespace tarea {
namespace {

using Wake = ParkedPolls::Wake;

ClaimRequest Request(const std::string& worker, int max_tasks,
                     std::vector<std::string> types = {"a"}) {
  ClaimRequest request;
  request.worker = worker;
  request.queues = {"q"};
  request.types = std::move(types);
  request.max_tasks = max_tasks;
  return request;
}

std::vector<LeasedTask> Leased(const std::string& type, int count) {
  std::vector<LeasedTask> tasks(count);
  for (LeasedTask& task : tasks) {
    task.queue = "q";
    task.type = type;
  }
  return tasks;
}

MonotonicClock clock;
constexpr absl::Duration kLong = absl::Minutes(5);

TEST(ParkedPolls, SharesWorkAmongThoseThatWait) {
  ParkedPolls polls(&clock, 10);
  std::vector<ClaimRequest> requests;
  for (int i = 0; i < 4; ++i) requests.push_back(Request("w" + std::to_string(i), 100));
  std::vector<std::unique_ptr<ParkedPolls::Poll>> parked;
  for (const ClaimRequest& request : requests) parked.push_back(*polls.Park(request));
  polls.WakeFor({{{"q", "a"}, 100}});
  for (const auto& poll : parked) {
    EXPECT_EQ(poll->Wait(kLong), Wake::kReady);
    EXPECT_EQ(poll->share(), 25);
    poll->Claimed(Leased("a", 25));
  }
}

TEST(ParkedPolls, WakesTheOneThatHasWaitedLongestForOneTask) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest first = Request("w1", 1);
  const ClaimRequest second = Request("w2", 1);
  const auto poll1 = *polls.Park(first);
  const auto poll2 = *polls.Park(second);
  polls.WakeFor({{{"q", "a"}, 1}});
  EXPECT_EQ(poll2->Wait(absl::ZeroDuration()), Wake::kTimeout);
  EXPECT_EQ(poll1->Wait(kLong), Wake::kReady);
  poll1->Claimed(Leased("a", 1));
}

TEST(ParkedPolls, OnlyWhoTakesTheTypeIsWoken) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest a = Request("w1", 1, {"a"});
  const ClaimRequest b = Request("w2", 1, {"b"});
  const ClaimRequest any = Request("w3", 1, {});
  const auto poll_a = *polls.Park(a);
  const auto poll_b = *polls.Park(b);
  const auto poll_any = *polls.Park(any);
  polls.WakeFor({{{"q", "b"}, 5}});
  EXPECT_EQ(poll_a->Wait(absl::ZeroDuration()), Wake::kTimeout);
  EXPECT_EQ(poll_b->Wait(kLong), Wake::kReady);
  EXPECT_EQ(poll_any->Wait(kLong), Wake::kReady);
  polls.WakeFor({{{"other queue", "b"}, 5}});
  EXPECT_EQ(poll_any->Wait(absl::ZeroDuration()), Wake::kTimeout);
}

TEST(ParkedPolls, WorkThatComesBeforeTheWaitIsNotMissed) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest request = Request("w1", 1);
  const auto poll = *polls.Park(request);
  polls.WakeFor({{{"q", "a"}, 1}});  // between the first claim and the wait
  EXPECT_EQ(poll->Wait(kLong), Wake::kReady);
}

TEST(ParkedPolls, APollThatEndsHandsOnWhatItWasWokenFor) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest first = Request("w1", 1);
  const ClaimRequest second = Request("w2", 1);
  auto poll1 = *polls.Park(first);
  const auto poll2 = *polls.Park(second);
  polls.WakeFor({{{"q", "a"}, 1}});
  poll1.reset();  // its caller has gone
  EXPECT_EQ(poll2->Wait(kLong), Wake::kReady);
}

TEST(ParkedPolls, APollThatTookSomethingElseHandsOnWhatItWasWokenFor) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest both = Request("w1", 1, {"a", "b"});
  const ClaimRequest only_a = Request("w2", 1, {"a"});
  auto poll1 = *polls.Park(both);
  const auto poll2 = *polls.Park(only_a);
  polls.WakeFor({{{"q", "a"}, 1}});
  EXPECT_EQ(poll1->Wait(kLong), Wake::kReady);
  poll1->Claimed(Leased("b", 1));  // of higher priority
  poll1.reset();
  EXPECT_EQ(poll2->Wait(kLong), Wake::kReady);
}

TEST(ParkedPolls, AClaimThatFoundNothingLeftEndsTheHandingOn) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest first = Request("w1", 5);
  const ClaimRequest second = Request("w2", 5);
  auto poll1 = *polls.Park(first);
  const auto poll2 = *polls.Park(second);
  polls.WakeFor({{{"q", "a"}, 1}});
  EXPECT_EQ(poll1->Wait(kLong), Wake::kReady);
  poll1->Claimed({});
  poll1.reset();
  EXPECT_EQ(poll2->Wait(absl::ZeroDuration()), Wake::kTimeout);
}

TEST(ParkedPolls, AClaimThatWasCutForItsSizeLeavesTheRestToOthers) {
  ParkedPolls polls(&clock, 10);
  ClaimRequest first = Request("w1", 100);
  first.max_bytes = 1000;
  const ClaimRequest second = Request("w2", 100);
  auto poll1 = *polls.Park(first);
  polls.WakeFor({{{"q", "a"}, 10}});
  EXPECT_EQ(poll1->Wait(kLong), Wake::kReady);
  const auto poll2 = *polls.Park(second);
  std::vector<LeasedTask> large = Leased("a", 1);
  large[0].payload = std::string(1000, 'x');
  poll1->Claimed(large);
  poll1.reset();
  EXPECT_EQ(poll2->Wait(kLong), Wake::kReady);
  poll2->Claimed(Leased("a", 9));
}

TEST(ParkedPolls, APollThatIsEndedIsWokenForNothingMore) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest first = Request("w1", 10);
  const ClaimRequest second = Request("w2", 10);
  const auto poll1 = *polls.Park(first);
  const auto poll2 = *polls.Park(second);
  polls.End("w1");
  polls.WakeFor({{{"q", "a"}, 1}});
  EXPECT_EQ(poll2->Wait(kLong), Wake::kReady);
  poll2->Claimed(Leased("a", 1));
  EXPECT_EQ(poll1->Wait(kLong), Wake::kSuperseded);
}

TEST(ParkedPolls, ANewPollOfAWorkerEndsItsOldOne) {
  ParkedPolls polls(&clock, 1);
  const ClaimRequest request = Request("w1", 1);
  const auto old_poll = *polls.Park(request);
  const auto new_poll = polls.Park(request);  // also where there is room for one only
  ASSERT_TRUE(new_poll.ok());
  EXPECT_EQ(old_poll->Wait(kLong), Wake::kSuperseded);
}

TEST(ParkedPolls, WhatBecomesReadyWhileOneThatWasWokenClaimsWakesItAgain) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest request = Request("w", 1);
  const auto poll = *polls.Park(request);
  polls.WakeFor({{{"q", "a"}, 1}});
  EXPECT_EQ(poll->Wait(kLong), Wake::kReady);
  polls.WakeFor({{{"q", "a"}, 1}});
  poll->Claimed({});  // somebody else was quicker with the first
  EXPECT_EQ(poll->Wait(absl::Minutes(1)), Wake::kReady);
}

TEST(ParkedPolls, WhatBecomesReadyWhileOneClaimsIsHandedOnIfItLeaves) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest first = Request("w1", 1);
  const ClaimRequest second = Request("w2", 1);
  auto claims = *polls.Park(first);
  polls.WakeFor({{{"q", "a"}, 1}});
  EXPECT_EQ(claims->Wait(kLong), Wake::kReady);
  polls.WakeFor({{{"q", "a"}, 1}});
  const auto waits = *polls.Park(second);
  claims->Claimed(Leased("a", 1));
  claims.reset();
  EXPECT_EQ(waits->Wait(absl::Minutes(1)), Wake::kReady);
}

TEST(ParkedPolls, RefusesOneTooMany) {
  ParkedPolls polls(&clock, 1);
  const ClaimRequest first = Request("w1", 1);
  const ClaimRequest second = Request("w2", 1);
  const auto poll = *polls.Park(first);
  EXPECT_EQ(polls.Park(second).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ParkedPolls, ShutdownEndsEveryWait) {
  ParkedPolls polls(&clock, 10);
  const ClaimRequest request = Request("w1", 1);
  const auto poll = *polls.Park(request);
  std::thread waiter([&] { EXPECT_EQ(poll->Wait(kLong), Wake::kShutdown); });
  polls.Shutdown();
  waiter.join();
  EXPECT_EQ(polls.Park(request).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace tarea
