#include "master/task_followers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Follower = TaskFollowers::Follower;
using Parking = TaskFollowers::Parking;

constexpr OutputStream kOut = OutputStream::kStdout;
constexpr absl::Duration kLong = absl::Seconds(60);
constexpr size_t kAll = 1 << 30;

class Followers : public testing::Test {
 protected:
  static TaskCore Running(TaskId id, LeaseId lease, int attempt = 1) {
    TaskCore core;
    core.id = id;
    core.batch_id = 1;
    core.state = TaskState::kRunning;
    core.lease_id = lease;
    core.attempt = attempt;
    core.worker = "w";
    return core;
  }

  std::unique_ptr<Follower> Follow(TaskId id, LeaseId lease = 0, int64_t offset = 0) {
    OutputOffsets offsets;
    offsets[kOut] = offset;
    absl::StatusOr<std::unique_ptr<Follower>> follower = followers_.Add(id, 1, lease, offsets);
    EXPECT_TRUE(follower.ok()) << follower.status();
    return *std::move(follower);
  }

  // What a heartbeat says of a task whose worker has `text` at `offset`.
  static HeldLease Held(TaskId id, LeaseId lease, int64_t offset, const std::string& text) {
    HeldLease held;
    held.lease = {id, lease};
    held.output.emplace();
    if (!text.empty()) held.output->chunks = {{.stream = kOut, .offset = offset, .data = text}};
    held.output->sizes[kOut] = offset + static_cast<int64_t>(text.size());
    return held;
  }

  // All that is there to take, of stdout.
  static std::string TakeAll(Follower& follower) {
    std::string text;
    TaskFollowers::News news;
    do {
      news = follower.Take(kAll);
      for (const OutputChunk& chunk : news.chunks) text += chunk.data;
    } while (!news.drained);
    return text;
  }

  MonotonicClock clock_;
  TaskFollowers followers_{&clock_, 3, 8192};
};

TEST_F(Followers, TwoWhoFollowOneTaskSeeTheSameAlsoIfOneComesLater) {
  const auto first = Follow(7);
  EXPECT_TRUE(followers_.Saw(Running(7, 1)));
  followers_.Heard({Held(7, 1, 0, "ab")});
  EXPECT_EQ(TakeAll(*first), "ab");
  const auto second = Follow(7);
  EXPECT_FALSE(followers_.Saw(Running(7, 1))) << "its worker knows";
  followers_.Heard({Held(7, 1, 2, "cd")});
  EXPECT_EQ(TakeAll(*first), "cd");
  EXPECT_EQ(TakeAll(*second), "abcd");
}

TEST_F(Followers, WhoComesBackGetsOnlyWhatIsBehindItsOffsetOfTheSameRun) {
  const auto same = Follow(7, /*lease=*/1, /*offset=*/3);
  const auto other = Follow(7, /*lease=*/9, /*offset=*/3);
  followers_.Saw(Running(7, 1));
  followers_.Heard({Held(7, 1, 0, "abcde")});
  EXPECT_EQ(TakeAll(*same), "de");
  EXPECT_EQ(TakeAll(*other), "abcde");
}

TEST_F(Followers, OneWhoIsTooSlowSkipsAndSeesTheGap) {
  const auto follower = Follow(7);
  followers_.Saw(Running(7, 1));
  for (int i = 0; i < 100; ++i) followers_.Heard({Held(7, 1, i * 1000, std::string(1000, 'x'))});
  const TaskFollowers::News news = follower->Take(kAll);
  ASSERT_EQ(news.chunks.size(), 1);
  EXPECT_EQ(news.chunks[0].offset + static_cast<int64_t>(news.chunks[0].data.size()), 100'000);
  EXPECT_LT(news.chunks[0].data.size(), 8192 + RecentOutput::kPieceBytes);
}

TEST_F(Followers, TheEndOfARunIsReadBeforeTheBeginningOfTheNext) {
  const auto follower = Follow(7);
  followers_.Saw(Running(7, 1));
  followers_.Heard({Held(7, 1, 0, "first")});
  EXPECT_EQ(follower->Take(2).chunks.at(0).data, "fi");
  LeasedTask again;
  again.task_id = 7;
  again.lease_id = 2;
  again.attempt = 2;
  EXPECT_TRUE(followers_.Claimed("w2", {again}));
  followers_.Heard({Held(7, 2, 0, "second"), Held(7, 1, 5, "too late")});
  TaskFollowers::News news = follower->Take(kAll);
  EXPECT_EQ(news.attempt, 1);
  EXPECT_FALSE(news.drained);
  EXPECT_THAT(news.chunks, ElementsAre(OutputChunk{.stream = kOut, .offset = 2, .data = "rst"}));
  news = follower->Take(kAll);
  EXPECT_EQ(news.attempt, 2);
  EXPECT_THAT(news.chunks, ElementsAre(OutputChunk{.stream = kOut, .offset = 0, .data = "second"}));
}

TEST_F(Followers, WhatWasReadBeforeAClaimDoesNotUndoIt) {
  const auto follower = Follow(7);
  LeasedTask claimed;
  claimed.task_id = 7;
  claimed.lease_id = 2;
  followers_.Claimed("w2", {claimed});
  EXPECT_FALSE(followers_.Saw(Running(7, 1)));
  EXPECT_EQ(followers_.OrdersFor("w2").size(), 1);
  EXPECT_THAT(followers_.OrdersFor("w"), IsEmpty());
}

TEST_F(Followers, CaughtUpMeansThatTheWorkerHasSpokenAndAllOfItWasTaken) {
  const auto follower = Follow(7);
  followers_.Saw(Running(7, 1));
  EXPECT_FALSE(follower->Take(kAll).caught_up) << "nobody has spoken";
  HeldLease held = Held(7, 1, 0, "ab");
  held.output->sizes[kOut] = 4;
  followers_.Heard({held});
  EXPECT_FALSE(follower->Take(kAll).caught_up) << "there is more where that came from";
  followers_.Heard({Held(7, 1, 2, "cd")});
  EXPECT_FALSE(follower->Take(1).caught_up);
  EXPECT_TRUE(follower->Take(kAll).caught_up);
}

TEST_F(Followers, AHeartbeatIsAnsweredAtOnceUntilItsWorkerWasTold) {
  HeldLease untold;
  untold.lease = {7, 1};
  EXPECT_EQ(followers_.ParkingOf("w", {untold}), Parking::kLong);
  auto follower = Follow(7);
  EXPECT_EQ(followers_.ParkingOf("w", {untold}), Parking::kLong) << "nobody has the task";
  followers_.Saw(Running(7, 1));
  EXPECT_EQ(followers_.ParkingOf("other", {}), Parking::kLong);
  EXPECT_EQ(followers_.ParkingOf("w", {}), Parking::kShort) << "it is on its way to the worker";
  EXPECT_EQ(followers_.ParkingOf("w", {untold}), Parking::kNone);
  EXPECT_THAT(followers_.OrdersFor("w"), ElementsAre(FollowOrder{.lease_id = 1, .offsets = {}}));
  EXPECT_EQ(followers_.ParkingOf("w", {untold}), Parking::kShort)
      << "a worker that cannot send output must not be told without end";
  followers_.Heard({Held(7, 1, 0, "ab")});
  EXPECT_EQ(followers_.OrdersFor("w").at(0).offsets[kOut], 2);
  follower.reset();
  EXPECT_EQ(followers_.ParkingOf("w", {Held(7, 1, 2, "")}), Parking::kLong);
  EXPECT_THAT(followers_.OrdersFor("w"), IsEmpty());
}

TEST_F(Followers, AreBoundedAndOneWhoGoesMakesRoom) {
  auto first = Follow(1);
  const auto second = Follow(1);
  const auto third = Follow(2);
  const auto refused = followers_.Add(3, 1, 0, {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.status().message(), testing::HasSubstr("--max-followers"));
  first.reset();
  EXPECT_TRUE(followers_.IsFollowed(1));
  const auto fourth = Follow(3);
  EXPECT_TRUE(followers_.IsFollowed(3));
}

TEST_F(Followers, AreWokenByOutputByTheirBatchByProgressAndByTheEnd) {
  const auto follower = Follow(7);
  followers_.Saw(Running(7, 1));
  EXPECT_TRUE(follower->Await(kLong)) << "the run is new";
  TakeAll(*follower);
  std::thread worker([&] { followers_.Heard({Held(7, 1, 0, "ab")}); });
  EXPECT_FALSE(follower->Await(kLong)) << "output is no change of the task";
  worker.join();
  EXPECT_EQ(TakeAll(*follower), "ab");
  std::thread commit([&] { followers_.Changed({1}); });
  EXPECT_TRUE(follower->Await(kLong));
  commit.join();
  HeldLease half = Held(7, 1, 2, "");
  half.progress = TaskProgress{.fraction = 0.5, .message = "half"};
  std::thread progress([&] { followers_.Heard({half}); });
  EXPECT_TRUE(follower->Await(kLong));
  progress.join();
  followers_.Heard({half});
  followers_.Changed({2});
  EXPECT_FALSE(follower->Await(absl::ZeroDuration())) << "nothing of it is new";
  std::thread shutdown([&] { followers_.Shutdown(); });
  EXPECT_FALSE(follower->Await(kLong));
  shutdown.join();
  EXPECT_EQ(followers_.Add(7, 1, 0, {}).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace tarea
