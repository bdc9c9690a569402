// Many workers at once, more than there may be.
#include <gmock/gmock.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "tests/e2e/tasks.h"
#include "tests/hostile/hostile_fixture.h"

namespace tarea {
namespace {

using http2::Peer;
using Workers = Hostile;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr int kWorkers = 300;
#else
constexpr int kWorkers = 2000;
#endif
#else
constexpr int kWorkers = 2000;
#endif

std::string Poll(int worker) {
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id(absl::StrCat("w", worker));
  request.add_queues("empty");
  *request.mutable_wait() = ToProto(absl::Seconds(60));
  return request.SerializeAsString();
}

int ParkedPolls(Cluster& cluster) {
  const absl::StatusOr<v1::GetStatsResponse> stats = cluster.client().Stats();
  EXPECT_TRUE(stats.ok()) << stats.status();
  return stats.ok() ? stats->parked_polls() : -1;
}

// One more is the caller that means well, whose poll may be parked or not.
testing::Matcher<int> About(int parked) { return testing::AnyOf(parked, parked + 1); }

TEST_F(Workers, TwoThousandOfThemMayGoAndComeBackAtOnce) {
  ASSERT_GT(RaiseDescriptorLimit(), kWorkers + 200);
  Start({.peak_megabytes = 300, .cpu_seconds = 20}, {"--max-workers", absl::StrCat(kWorkers + 1)});
  for (int storm = 0; storm < 2; ++storm) {
    std::vector<Peer> workers;
    for (int i = 0; i < kWorkers; ++i) {
      workers.push_back(Connect());
      // All at once, without waiting for the master's settings.
      EXPECT_TRUE(workers.back().Send(absl::StrCat(
          http2::Preface(), http2::Settings(), http2::Frame(http2::kSettings, http2::kAck, 0, ""),
          http2::Call(1, "RequestTask", Poll(i)))));
    }
    EXPECT_TRUE(WaitFor([&] { return ParkedPolls(cluster_) >= kWorkers; }));
    EXPECT_THAT(ParkedPolls(cluster_), About(kWorkers));
    other_caller().ExpectToGoOn();
  }
  EXPECT_TRUE(WaitFor([&] { return ParkedPolls(cluster_) <= 1; }));
}

TEST_F(Workers, OneMoreThanMayParkIsRefusedAndEverythingElseGoesOn) {
  constexpr int kMost = 20;
  Start({.peak_megabytes = 150, .cpu_seconds = 6}, {"--max-workers", absl::StrCat(kMost)});
  // Before all places are taken.
  const int64_t id = SubmitTask(cluster_.client(), EchoTask());
  FakeWorker worker(cluster_.connection(), "w0");
  const std::vector<v1::LeasedTask> tasks = worker.Take(1);
  ASSERT_EQ(tasks.size(), 1);
  std::vector<Peer> workers;
  // The caller that means well is one, too.
  for (int i = 0; i < kMost - 1; ++i) {
    workers.push_back(Greeted());
    EXPECT_TRUE(workers.back().Send(http2::Call(1, "RequestTask", Poll(i))));
  }
  EXPECT_TRUE(WaitFor([&] { return ParkedPolls(cluster_) >= kMost - 1; }));
  for (int i = 0; i < 50; ++i) {
    Peer more = Greeted();
    EXPECT_TRUE(more.Send(http2::Call(1, "RequestTask", Poll(1000 + i))));
    EXPECT_TRUE(more.AwaitText("the limit is 20 (--max-workers); try again later"));
  }
  EXPECT_EQ(worker.Report(tasks[0], v1::RESULT_OUTCOME_SUCCEEDED), v1::RESULT_STATUS_RECORDED);
  EXPECT_EQ(GetTask(cluster_.client(), id).state(), v1::TASK_STATE_SUCCEEDED);
  other_caller().ExpectToGoOn();
}

}  // namespace
}  // namespace tarea
