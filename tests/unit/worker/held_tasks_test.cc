#include "worker/held_tasks.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "common/convert.h"

namespace tarea {
namespace {

class HeldTasksTest : public testing::Test {
 protected:
  // Adds tasks with leases `first` and up.
  void Add(uint64_t first, int count, absl::Duration timeout = absl::InfiniteDuration()) {
    v1::RequestTaskResponse response;
    for (int i = 0; i < count; ++i) {
      v1::LeasedTask* task = response.add_tasks();
      task->set_task_id(static_cast<int64_t>(first) + i);
      task->set_lease_id(first + i);
      if (timeout < absl::InfiniteDuration()) *task->mutable_timeout() = ToProto(timeout);
    }
    held_.Add(count, std::move(response));
  }

  ManualClock clock_{absl::FromUnixSeconds(1'000'000)};
  Prefetch prefetch_{4, 100};
  HeldTasks held_{4, &clock_, &prefetch_};
};

TEST_F(HeldTasksTest, WantsOneTaskForEachFreeSlot) {
  EXPECT_EQ(held_.AwaitRoom(), 4);
  Add(1, 3);
  EXPECT_EQ(held_.AwaitRoom(), 1);
}

TEST_F(HeldTasksTest, WantsNoneWhileEverySlotIsBusyAndOneAsSoonAsOneIsFree) {
  Add(1, 4);
  std::shared_ptr<HeldTask> task = held_.Next();
  std::thread room([this] { EXPECT_EQ(held_.AwaitRoom(), 1); });
  held_.Ran(*task, absl::Seconds(5));
  room.join();
}

TEST_F(HeldTasksTest, FetchesQuickTasksManyAtATime) {
  prefetch_.Record(absl::Milliseconds(1));  // 200 ahead, but no more than 100
  for (int i = 0; i < 10; ++i) prefetch_.Fetched(1, 1);
  EXPECT_EQ(held_.AwaitRoom(), 104);
  Add(1, 104);
  std::thread room([this] { EXPECT_GE(held_.AwaitRoom(), 50); });
  for (int i = 0; i < 104; ++i) held_.Ran(*held_.Next(), absl::Milliseconds(1));
  room.join();
}

TEST_F(HeldTasksTest, WantsNoMoreThanAreLeftOfMaxTasksAndEndsWhenTheyWereProcessed) {
  HeldTasks held(4, &clock_, &prefetch_, {.max_tasks = 3});
  EXPECT_EQ(held.AwaitRoom(), 3);
  v1::RequestTaskResponse response;
  for (int i = 1; i <= 2; ++i) response.add_tasks()->set_lease_id(i);
  held.Add(3, response);
  EXPECT_EQ(held.AwaitRoom(), 1);
  held.Ran(*held.Next(), absl::Seconds(1));
  EXPECT_EQ(held.AwaitRoom(), 1);
  // One that is given back before it was started does not count.
  EXPECT_EQ(held.TakeWaiting().size(), 1);
  EXPECT_EQ(held.AwaitRoom(), 2);
  held.Add(2, response);
  EXPECT_FALSE(held.Exhausted());
  for (int i = 0; i < 2; ++i) held.Ran(*held.Next(), absl::Seconds(1));
  EXPECT_TRUE(held.Exhausted());
  EXPECT_EQ(held.AwaitRoom(), 0);
}

TEST_F(HeldTasksTest, IsIdleOnceNothingWasHeldForIdleExit) {
  HeldTasks held(4, &clock_, &prefetch_, {.idle_exit = absl::Seconds(30)});
  v1::RequestTaskResponse response;
  response.add_tasks()->set_lease_id(1);
  held.Add(1, response);
  std::shared_ptr<HeldTask> task = held.Next();
  held.Ran(*task, absl::Seconds(1));
  clock_.Advance(absl::Minutes(1));  // its result has not been recorded: not idle
  held.Forget(1);
  absl::Notification told;
  std::thread timer([&] {
    EXPECT_TRUE(held.AwaitOverdue().idle);
    told.Notify();
    const HeldTasks::Overdue closed = held.AwaitOverdue();
    EXPECT_FALSE(closed.idle) << "told twice";
  });
  EXPECT_FALSE(told.WaitForNotificationWithTimeout(absl::Milliseconds(50)));
  clock_.Advance(absl::Seconds(31));
  held.Add(0, {});  // has it look at the clock
  told.WaitForNotification();
  held.Close();
  timer.join();
}

TEST_F(HeldTasksTest, WantsNoneWhileTenThousandResultsWaitToBeSent) {
  Add(1, 10'000);
  for (int i = 0; i < 10'000; ++i) held_.Ran(*held_.Next(), absl::Seconds(1));
  absl::Notification has_room;
  std::thread room([&] {
    EXPECT_EQ(held_.AwaitRoom(), 4);
    has_room.Notify();
  });
  EXPECT_FALSE(has_room.WaitForNotificationWithTimeout(absl::Milliseconds(100)));
  held_.Forget(1);
  room.join();
}

TEST_F(HeldTasksTest, WhoWaitsForRoomIsWokenWhenNoMoreIsToBeFetched) {
  Add(1, 4);
  const std::shared_ptr<HeldTask> task = held_.Next();
  std::thread room([this] { EXPECT_EQ(held_.AwaitRoom(), 0); });
  held_.StopFetching();
  room.join();
  EXPECT_NE(held_.Next(), nullptr);  // what was fetched is still worked on
}

TEST_F(HeldTasksTest, ATaskIsHeldUntilItsResultIsRecorded) {
  Add(1, 1);
  held_.Ran(*held_.Next(), absl::Seconds(1));
  ASSERT_EQ(held_.Report().size(), 1);
  EXPECT_FALSE(held_.AwaitNothingHeld(absl::ZeroDuration()));
  held_.Forget(1);
  EXPECT_TRUE(held_.Report().empty());
  EXPECT_TRUE(held_.AwaitNothingHeld(absl::ZeroDuration()));
}

TEST_F(HeldTasksTest, ATaskThatWaitsIsTakenOutWhenItIsStoppedAndARunningOneIsTold) {
  Add(1, 2);
  const std::shared_ptr<HeldTask> running = held_.Next();
  std::shared_ptr<HeldTask> stopped;
  EXPECT_EQ(held_.Stop(2, StopCause::kCancelled, stopped), HeldTasks::Stopped::kUnstarted);
  EXPECT_EQ(stopped->lease_id(), 2);
  EXPECT_EQ(held_.Stop(1, StopCause::kCancelled, stopped), HeldTasks::Stopped::kRunning);
  EXPECT_EQ(running->stop_cause(), StopCause::kCancelled);
  EXPECT_EQ(held_.Stop(99, StopCause::kLost, stopped), HeldTasks::Stopped::kNothing);
  EXPECT_TRUE(held_.TakeWaiting().empty());
}

TEST_F(HeldTasksTest, ATaskWhoseResultIsUnderWayIsReportedAsStoppingOnceItWasStopped) {
  Add(1, 1);
  held_.Ran(*held_.Next(), absl::Seconds(1));
  std::shared_ptr<HeldTask> stopped;
  EXPECT_EQ(held_.Stop(1, StopCause::kLost, stopped), HeldTasks::Stopped::kNothing);
  EXPECT_TRUE(held_.Report().at(0).stopping());
}

TEST_F(HeldTasksTest, ReportsProgressAndWhatIsStopping) {
  Add(1, 1);
  const std::shared_ptr<HeldTask> task = held_.Next();
  EXPECT_FALSE(held_.Report().at(0).has_progress());
  EXPECT_FALSE(held_.Report().at(0).stopping());
  task->SetProgress(0.5, "half");
  task->Stop(StopCause::kCancelled);
  EXPECT_EQ(held_.Report().at(0).progress().message(), "half");
  EXPECT_TRUE(held_.Report().at(0).stopping());
}

TEST_F(HeldTasksTest, AnAttemptThatIsLongerThanItsTimeoutIsOverdue) {
  Add(1, 1, absl::Milliseconds(900));
  const std::shared_ptr<HeldTask> task = held_.Next();
  clock_.Advance(absl::Milliseconds(900));
  const HeldTasks::Overdue overdue = held_.AwaitOverdue();
  ASSERT_EQ(overdue.timed_out.size(), 1);
  EXPECT_EQ(overdue.timed_out[0], task);
  EXPECT_TRUE(overdue.stale.empty());
}

TEST_F(HeldTasksTest, WhatWaitsTooLongForASlotIsGivenBackAndNoMoreIsFetchedAhead) {
  prefetch_.Record(absl::Milliseconds(1));
  Add(1, 10);
  const std::shared_ptr<HeldTask> running = held_.Next();
  clock_.Advance(HeldTasks::kPatience);
  EXPECT_EQ(held_.AwaitOverdue().stale.size(), 9);
  EXPECT_EQ(prefetch_.Wanted(), 0);
}

TEST_F(HeldTasksTest, HurryingEndsTheWaitForRunningTasks) {
  Add(1, 1);
  const std::shared_ptr<HeldTask> running = held_.Next();
  std::thread hurry([this] { held_.Hurry(); });
  EXPECT_EQ(held_.AwaitRunning(0, absl::Minutes(5)), 1);
  EXPECT_TRUE(held_.hurried());
  hurry.join();
  EXPECT_EQ(held_.Running().size(), 1);
  held_.Ran(*running, absl::Seconds(1));
  EXPECT_TRUE(held_.AwaitStopped(absl::Minutes(5)));
}

TEST_F(HeldTasksTest, ClosingEndsEveryWait) {
  Add(1, 4);
  for (int i = 0; i < 4; ++i) held_.Ran(*held_.Next(), absl::Seconds(1));
  for (uint64_t lease = 1; lease <= 4; ++lease) held_.Forget(lease);
  std::thread slot([this] { EXPECT_EQ(held_.Next(), nullptr); });
  std::thread beat([this] { EXPECT_FALSE(held_.AwaitHeld()); });
  std::thread timer([this] { EXPECT_TRUE(held_.AwaitOverdue().timed_out.empty()); });
  held_.Close();
  slot.join();
  beat.join();
  timer.join();
  EXPECT_EQ(held_.AwaitRoom(), 0);
}

}  // namespace
}  // namespace tarea
