#include "master/group_commit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "master/store/memory_store.h"
#include "tests/dispatch/faulty_store.h"

namespace tarea {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

InsertRequest OneTask(const std::string& queue = "q") {
  InsertRequest request;
  request.tasks.resize(1);
  request.tasks[0].type = "echo";
  request.tasks[0].queue = queue;
  return request;
}

class GroupCommitTest : public testing::Test {
 protected:
  absl::Status Insert(const InsertRequest& request) {
    return commits_.Run(Sync::kNow, [&](Store::Transaction& transaction) {
      return transaction.Insert(kNow, request).status();
    });
  }

  // Runs `operations` so that all of them wait while the first is being committed, and share the
  // next transaction.
  void RunTogether(const std::vector<std::function<void()>>& operations) {
    absl::Notification first_inside;
    absl::Notification go_on;
    std::thread first([&] {
      const absl::Status status = commits_.Run(Sync::kNow, [&](Store::Transaction&) {
        first_inside.Notify();
        go_on.WaitForNotification();
        return absl::OkStatus();
      });
      EXPECT_TRUE(status.ok()) << status;
    });
    first_inside.WaitForNotification();
    std::vector<std::thread> threads;
    for (const auto& operation : operations) threads.emplace_back(operation);
    while (commits_.waiting() < static_cast<int>(operations.size()) + 1) std::this_thread::yield();
    go_on.Notify();
    first.join();
    for (std::thread& thread : threads) thread.join();
  }

  FaultyStore store_{std::make_unique<MemoryStore>()};
  std::atomic<int> broken_calls_ = 0;
  MonotonicClock clock_;
  GroupCommit commits_{&store_, &clock_, [](const Effects&) {},
                       [this](const absl::Status&) { broken_calls_++; }};
};

TEST_F(GroupCommitTest, OperationsThatWaitShareOneTransaction) {
  std::vector<std::function<void()>> inserts(20, [&] { EXPECT_TRUE(Insert(OneTask()).ok()); });
  RunTogether(inserts);
  EXPECT_EQ(store_.commits, 2);  // the one that held them up, and theirs
  EXPECT_EQ(store_.ListQueues()->at(0).counts[TaskState::kReady], 20);
}

TEST_F(GroupCommitTest, OneThatMustBeOnTheDiskTakesItsGroupThere) {
  std::vector<std::function<void()>> operations(5, [&] {
    EXPECT_TRUE(
        commits_.Run(Sync::kLater, [](Store::Transaction&) { return absl::OkStatus(); }).ok());
  });
  operations.push_back([&] { EXPECT_TRUE(Insert(OneTask()).ok()); });
  RunTogether(operations);
  EXPECT_EQ(store_.commits, 2);
  EXPECT_EQ(store_.unsynced_promises, 0);
}

TEST_F(GroupCommitTest, OneThatIsRefusedDoesNotFailItsNeighbours) {
  InsertRequest bad = OneTask();
  bad.tasks[0].depends_on = {999};
  absl::Status refused;
  std::vector<std::function<void()>> operations(5, [&] { EXPECT_TRUE(Insert(OneTask()).ok()); });
  operations.push_back([&] { refused = Insert(bad); });
  RunTogether(operations);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_.commits, 2);
  EXPECT_EQ(store_.ListQueues()->at(0).counts[TaskState::kReady], 5);
}

TEST_F(GroupCommitTest, OnAFullDiskWhatStillFitsIsStored) {
  // Room for one insert in a transaction, not for three.
  store_.before_commit = [](int inserts) {
    return inserts > 1 ? absl::ResourceExhaustedError("full") : absl::OkStatus();
  };
  RunTogether(std::vector<std::function<void()>>(3, [&] { EXPECT_TRUE(Insert(OneTask()).ok()); }));
  EXPECT_EQ(store_.ListQueues()->at(0).counts[TaskState::kReady], 3);
  EXPECT_EQ(broken_calls_, 0);
}

TEST_F(GroupCommitTest, AfterAFullDiskItGoesOn) {
  store_.before_commit = [](int) { return absl::ResourceExhaustedError("full"); };
  EXPECT_EQ(Insert(OneTask()).code(), absl::StatusCode::kResourceExhausted);
  store_.before_commit = [](int) { return absl::OkStatus(); };
  EXPECT_TRUE(Insert(OneTask()).ok());
}

TEST_F(GroupCommitTest, AfterAFailedSyncNothingIsWrittenOrSyncedAgain) {
  store_.before_commit = [](int) { return absl::InternalError("fsync: Input/output error"); };
  EXPECT_EQ(Insert(OneTask()).code(), absl::StatusCode::kUnavailable);
  const int commits = store_.commits;
  store_.before_commit = [](int) { return absl::OkStatus(); };
  EXPECT_EQ(Insert(OneTask()).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_.commits, commits);
  EXPECT_EQ(broken_calls_, 1);
}

TEST_F(GroupCommitTest, AfterASyncThatFailsByItselfNothingIsWrittenOrSyncedAgain) {
  store_.on_sync = [] { return absl::InternalError("fsync: Input/output error"); };
  EXPECT_EQ(Insert(OneTask()).code(), absl::StatusCode::kUnavailable);
  store_.on_sync = [] { return absl::OkStatus(); };
  const int commits = store_.commits;
  const int syncs = store_.syncs;
  EXPECT_EQ(Insert(OneTask()).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_.commits, commits);
  EXPECT_EQ(store_.syncs, syncs);
  EXPECT_EQ(broken_calls_, 1);
}

TEST_F(GroupCommitTest, NoneOfAGroupReturnsBeforeItIsOnTheDisk) {
  std::atomic<bool> durable = false;
  std::atomic<int> early = 0;
  absl::Notification one_was_early;
  store_.on_sync = [&] {
    if (store_.commits < 2) return absl::OkStatus();  // only the one that held them up
    // None may come; one that does ends the wait.
    one_was_early.WaitForNotificationWithTimeout(absl::Milliseconds(50));
    durable = true;
    return absl::OkStatus();
  };
  RunTogether(std::vector<std::function<void()>>(5, [&] {
    EXPECT_TRUE(Insert(OneTask()).ok());
    if (!durable && early++ == 0) one_was_early.Notify();
  }));
  EXPECT_EQ(early, 0);
}

// Makes the next sync take until it is told to end.
class SlowSync {
 public:
  explicit SlowSync(FaultyStore& store) {
    store.on_sync = [this] {
      if (used_.exchange(true)) return absl::OkStatus();
      begun_.Notify();
      end_.WaitForNotification();
      return absl::OkStatus();
    };
  }
  void AwaitBegin() { begun_.WaitForNotification(); }
  void End() { end_.Notify(); }

 private:
  std::atomic<bool> used_ = false;
  absl::Notification begun_;
  absl::Notification end_;
};

TEST_F(GroupCommitTest, TheNextGroupIsWrittenWhileOneIsSynced) {
  SlowSync sync(store_);
  std::atomic<bool> first_returned = false;
  std::thread first([&] {
    EXPECT_TRUE(Insert(OneTask()).ok());
    first_returned = true;
  });
  sync.AwaitBegin();
  EXPECT_TRUE(Insert(OneTask()).ok());
  EXPECT_EQ(store_.commits, 2);
  EXPECT_FALSE(first_returned);
  sync.End();
  first.join();
}

TEST_F(GroupCommitTest, OneThatNeedsNoSyncDoesNotWaitForThatOfItsGroup) {
  SlowSync sync(store_);
  std::atomic<int> returned = 0;
  const auto later = [&] {
    EXPECT_TRUE(
        commits_.Run(Sync::kLater, [](Store::Transaction&) { return absl::OkStatus(); }).ok());
    returned++;
  };
  std::thread first([&] { EXPECT_TRUE(Insert(OneTask()).ok()); });
  sync.AwaitBegin();
  later();
  EXPECT_EQ(returned, 1);
  sync.End();
  first.join();
}

TEST_F(GroupCommitTest, ManyThreadsLoseNothing) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) EXPECT_TRUE(Insert(OneTask()).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_.ListQueues()->at(0).counts[TaskState::kReady], 1600);
}

}  // namespace
}  // namespace tarea
