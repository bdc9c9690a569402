// Following what a task writes while it runs: master, worker and client library in one process.

#include <gmock/gmock.h>

#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "tests/integration/master_fixture.h"
#include "worker/worker.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::Pair;

// What a follower was told.
struct Seen {
  absl::Status status;
  std::map<int, std::string> out;  // by attempt
  std::map<int, std::string> err;
  int64_t missing = 0;
  v1::Task last;
};

class FollowTest : public MasterFixture {
 protected:
  ~FollowTest() override { StopWorker(); }

  ClientOptions Options() const {
    ClientOptions options;
    options.masters = {absl::StrCat("127.0.0.1:", master_->port())};
    return options;
  }

  void RunWorker(Handler handler) {
    WorkerOptions options;
    options.masters = Options().masters;
    options.slots = 2;
    worker_ = std::make_unique<Worker>(options);
    worker_->Handle("talk", std::move(handler));
    thread_ = std::thread([this] { EXPECT_TRUE(worker_->Run().ok()); });
  }

  void StopWorker() {
    if (worker_ == nullptr) return;
    worker_->Drain();
    worker_->Drain();
    thread_.join();
    worker_.reset();
  }

  int64_t SubmitTalk() {
    v1::SubmitTasksRequest request;
    v1::TaskSpec* task = request.add_tasks();
    task->set_type("talk");
    *task->mutable_retry()->mutable_initial_backoff() = ToProto(absl::ZeroDuration());
    return Submit(request).first_task_id();
  }

  // Follows a task to its end; `on_news` sees each message, and all that was seen until then.
  static Seen Follow(
      Client& client, int64_t id,
      const std::function<void(const v1::WatchTaskResponse&, const Seen&)>& on_news = nullptr) {
    Seen seen;
    seen.status = client.WatchTask(id, {}, [&](const v1::WatchTaskResponse& news) {
      if (news.has_task()) seen.last = news.task();
      for (const v1::OutputChunk& chunk : news.output()) {
        auto& text = chunk.stream() == v1::OUTPUT_STREAM_STDOUT ? seen.out[news.attempt()]
                                                                : seen.err[news.attempt()];
        seen.missing += chunk.offset() - static_cast<int64_t>(text.size()) - seen.missing;
        text += chunk.data();
      }
      if (on_news) on_news(news, seen);
      return absl::OkStatus();
    });
    return seen;
  }

  std::unique_ptr<Worker> worker_;
  std::thread thread_;
};

TEST_F(FollowTest, SeesWhatAHandlerWritesWhileItRunsAndAllOfItInTheEnd) {
  absl::Notification seen_first;
  RunWorker([&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    context.AppendOutput(OutputStream::kStdout, "one\n");
    context.AppendOutput(OutputStream::kStderr, "oops\n");
    seen_first.WaitForNotification();
    context.AppendOutput(OutputStream::kStdout, "two\n");
    return "result";
  });
  Client client(Options());
  const Seen seen = Follow(client, SubmitTalk(), [&](const auto&, const Seen& so_far) {
    if (so_far.out.contains(1) && !seen_first.HasBeenNotified()) seen_first.Notify();
  });
  EXPECT_TRUE(seen.status.ok()) << seen.status;
  EXPECT_THAT(seen.out, ElementsAre(Pair(1, "one\ntwo\n")));
  EXPECT_THAT(seen.err, ElementsAre(Pair(1, "oops\n")));
  EXPECT_EQ(seen.last.state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(seen.last.result(), "result");
  EXPECT_EQ(seen.last.attempts_size(), 1);
}

TEST_F(FollowTest, MissesNothingOfAQuickTaskIfItWasThereBefore) {
  const int64_t id = SubmitTalk();
  Client client(Options());
  const Seen seen = Follow(client, id, [&](const v1::WatchTaskResponse& news, const Seen&) {
    if (news.task().state() != v1::TASK_STATE_READY || worker_ != nullptr) return;
    RunWorker([](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
      context.AppendOutput(OutputStream::kStdout, "quick");
      return "";
    });
  });
  EXPECT_THAT(seen.out, ElementsAre(Pair(1, "quick")));
}

TEST_F(FollowTest, TellsOneWhoComesLateWhatIsNoLongerKeptAndIsBoundedAtTheWorker) {
  absl::Notification written;
  absl::Notification end;
  RunWorker([&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    for (int i = 0; i < 1000; ++i) {
      context.AppendOutput(OutputStream::kStdout, std::string(1000, 'x'));
    }
    context.AppendOutput(OutputStream::kStdout, "the end");
    written.Notify();
    end.WaitForNotification();
    return "";
  });
  const int64_t id = SubmitTalk();
  written.WaitForNotification();
  Client client(Options());
  bool caught_up_at_the_end = false;
  const Seen seen = Follow(client, id, [&](const v1::WatchTaskResponse& news, const Seen& so_far) {
    if (!news.caught_up() || end.HasBeenNotified()) return;
    caught_up_at_the_end = absl::EndsWith(so_far.out.at(1), "xthe end");
    end.Notify();
  });
  EXPECT_TRUE(caught_up_at_the_end);
  const std::string& out = seen.out.at(1);
  EXPECT_GE(out.size(), 256 << 10);
  EXPECT_LE(out.size(), (256 << 10) + 4096);
  EXPECT_EQ(seen.missing + out.size(), 1'000'007);
}

TEST_F(FollowTest, TwoFollowersSeeTheSame) {
  absl::Notification both;
  RunWorker([&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    context.AppendOutput(OutputStream::kStdout, "one\n");
    both.WaitForNotification();
    context.AppendOutput(OutputStream::kStdout, "two\n");
    return "";
  });
  const int64_t id = SubmitTalk();
  Client client(Options());
  std::atomic<int> there = 0;
  const auto watch = [&] {
    bool counted = false;
    const Seen seen = Follow(client, id, [&](const auto&, const Seen& so_far) {
      if (so_far.out.empty() || std::exchange(counted, true)) return;
      if (++there == 2) both.Notify();
    });
    EXPECT_THAT(seen.out, ElementsAre(Pair(1, "one\ntwo\n")));
  };
  std::thread other(watch);
  watch();
  other.join();
}

TEST_F(FollowTest, ARetriedAttemptBeginsItsOutputAnew) {
  absl::Notification seen_second;
  RunWorker([&](const v1::LeasedTask& task, TaskContext& context) -> absl::StatusOr<std::string> {
    context.AppendOutput(OutputStream::kStdout, absl::StrCat("attempt ", task.attempt()));
    if (task.attempt() == 1) return absl::UnavailableError("not yet");
    // Both attempts may be over before anybody follows.
    seen_second.WaitForNotification();
    return "";
  });
  const int64_t id = SubmitTalk();
  Client client(Options());
  const Seen seen = Follow(client, id, [&](const auto&, const Seen& so_far) {
    if (so_far.out.contains(2) && !seen_second.HasBeenNotified()) seen_second.Notify();
  });
  ASSERT_FALSE(seen.out.empty());
  // Who comes between two attempts sees the second one only.
  EXPECT_EQ(seen.out.rbegin()->first, 2);
  EXPECT_EQ(seen.out.rbegin()->second, "attempt 2");
  EXPECT_EQ(seen.last.attempt(), 2);
}

TEST_F(FollowTest, ThatATaskIsReadyAgainIsToldIfNobodyTakesIt) {
  const int64_t id = SubmitTalk();
  const std::vector<v1::LeasedTask> taken = Take("w", 1);
  ASSERT_EQ(taken.size(), 1u);
  Client client(Options());
  bool reported = false;
  const absl::Status status = client.WatchTask(id, {}, [&](const v1::WatchTaskResponse& news) {
    if (news.task().state() == v1::TASK_STATE_RUNNING && !std::exchange(reported, true)) {
      EXPECT_EQ(Report(taken[0], v1::RESULT_OUTCOME_FAILED), v1::RESULT_STATUS_RECORDED);
    }
    const bool ready = reported && news.task().state() == v1::TASK_STATE_READY;
    return ready ? absl::AbortedError("that is it") : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::AbortedError("that is it"));
}

TEST_F(FollowTest, FollowersAreBoundedAndOneThatHasGoneMakesRoom) {
  options_.dispatcher.max_followers = 1;
  Start();
  const int64_t id = SubmitTalk();
  Client client(Options());
  absl::Notification there;
  std::thread first([&] {
    const Seen seen = Follow(client, id, [&](const auto&, const auto&) {
      if (!there.HasBeenNotified()) there.Notify();
    });
    EXPECT_TRUE(absl::IsCancelled(seen.status)) << seen.status;
  });
  there.WaitForNotification();
  Client other(Options());
  const auto look = [&] {
    return other.WatchTask(id, {}, [](const auto&) { return absl::AbortedError("seen"); });
  };
  EXPECT_TRUE(absl::IsResourceExhausted(look())) << look();
  client.Interrupt();
  first.join();
  absl::Status status = look();
  while (absl::IsResourceExhausted(status)) status = look();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
}

TEST_F(FollowTest, AParkedHeartbeatIsAnsweredAsSoonAsSomebodyFollows) {
  SubmitTalk();
  const v1::LeasedTask task = Take("w", 1).at(0);
  EXPECT_FALSE(task.follow());
  v1::HeartbeatRequest request;
  request.mutable_worker()->set_id("w");
  request.add_held()->set_task_id(task.task_id());
  request.mutable_held(0)->set_lease_id(task.lease_id());
  v1::HeartbeatResponse response;
  ASSERT_TRUE(Call(&v1::TaskService::Stub::Heartbeat, request, response).ok());
  EXPECT_EQ(response.follow_size(), 0) << "nobody follows";

  *request.mutable_wait() = ToProto(absl::Seconds(10));
  Client client(Options());
  std::thread follower([&] { Follow(client, task.task_id()); });
  const absl::Time begin = absl::Now();
  ASSERT_TRUE(Call(&v1::TaskService::Stub::Heartbeat, request, response).ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(8));
  ASSERT_EQ(response.follow_size(), 1);
  EXPECT_EQ(response.follow(0).lease_id(), task.lease_id());
  Report(task, v1::RESULT_OUTCOME_SUCCEEDED);
  follower.join();
}

TEST_F(FollowTest, OutputThatTheMasterDoesNotTakeCostsNeitherTheLeaseNorTheResult) {
  options_.limits.max_payload = 1000;
  options_.limits.max_result = 1000;
  options_.limits.max_message = 20'000;
  options_.dispatcher.lease = absl::Seconds(1);
  Start();
  RunWorker([](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    const absl::Time end = absl::Now() + absl::Seconds(3);
    while (absl::Now() < end && context.SleepFor(absl::Milliseconds(20))) {
      context.AppendOutput(OutputStream::kStdout, std::string(50'000, 'x'));
    }
    return "done";
  });
  Client client(Options());
  const Seen seen = Follow(client, SubmitTalk());
  EXPECT_EQ(seen.last.state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(seen.last.result(), "done");
  EXPECT_EQ(seen.last.attempt(), 1);
}

TEST_F(FollowTest, ProgressIsToldWhenItChanges) {
  absl::Notification seen_half;
  RunWorker([&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    context.SetProgress(0.5, "half");
    seen_half.WaitForNotification();
    return "";
  });
  Client client(Options());
  const Seen seen = Follow(client, SubmitTalk(), [&](const auto& news, const auto&) {
    if (news.task().progress().message() != "half" || seen_half.HasBeenNotified()) return;
    seen_half.Notify();
  });
  EXPECT_EQ(seen.last.state(), v1::TASK_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace tarea
