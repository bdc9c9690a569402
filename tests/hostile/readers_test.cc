// Callers that ask for much and take little of it.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/e2e/tasks.h"
#include "tests/hostile/hostile_fixture.h"

namespace tarea {
namespace {

using http2::Peer;
using Readers = Hostile;

std::string WatchWithResults(int64_t batch) {
  v1::WatchBatchRequest request;
  request.set_batch_id(batch);
  request.set_with_result(true);
  return request.SerializeAsString();
}

std::string ListWithResults() {
  v1::ListTasksRequest request;
  request.set_page_size(1000);
  request.set_with_result(true);
  return request.SerializeAsString();
}

TEST_F(Readers, WhoNeverOpensTheWindowIsCutOffAndLeavesItsPlaceToOthers) {
  Start({.peak_megabytes = 700, .cpu_seconds = 15}, {"--max-unread", "2s", "--max-watchers", "20"});
  const int64_t batch = SubmitFinished(64, 100'000);
  std::vector<Peer> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(Greeted({{http2::kInitialWindowSize, 0}}));
    EXPECT_TRUE(
        peers.back().Send(absl::StrCat(http2::Call(1, "ListTasks", ListWithResults()),
                                       http2::Call(3, "WatchBatch", WatchWithResults(batch)))));
  }
  other_caller().ExpectToGoOn();
  for (const char* method : {"ListTasks", "WatchBatch"}) {
    EXPECT_TRUE(
        cluster_.master().AwaitLog(absl::StrCat("ended a call of /tarea.v1.TaskService/", method)));
  }
  // Their place is free for others, a moment after the log says so.
  EXPECT_TRUE(WaitFor([&] {
    return cluster_.client()
        .Watch(batch, {}, [](const v1::WatchBatchResponse&) { return absl::OkStatus(); })
        .ok();
  }));
}

TEST_F(Readers, WhoTakesAByteNowAndThenOfAStreamIsCutOff) {
  Start({.peak_megabytes = 150, .cpu_seconds = 6}, {"--max-unread", "2s"});
  const int64_t batch = SubmitFinished(64, 1'000'000);
  Peer peer = Greeted();
  EXPECT_TRUE(peer.Send(http2::Call(1, "WatchBatch", WatchWithResults(batch))));
  EXPECT_TRUE(WaitFor([&] {
    return !peer.Send(http2::WindowUpdate(1, 1) + http2::WindowUpdate(0, 1)) ||
           cluster_.master().AwaitLog("ended a call of /tarea.v1.TaskService/WatchBatch",
                                      absl::ZeroDuration());
  }));
  EXPECT_TRUE(
      cluster_.master().AwaitLog("its caller does not take the answer", absl::ZeroDuration()));
}

TEST_F(Readers, AStreamMayLastLongerThanAnAnswerMayBeUnread) {
  Start({.peak_megabytes = 200, .cpu_seconds = 6}, {"--max-unread", "1s", "--max-wait", "1s"});
  const int64_t big = SubmitFinished(64, 100'000);
  const int64_t batch = SubmitBatch(cluster_.client(), {EchoTask()});
  absl::Status status;
  std::thread watch([&] {
    status = cluster_.client().Watch(
        batch, {}, [](const v1::WatchBatchResponse&) { return absl::OkStatus(); });
  });
  // Tells that the time is over.
  for (int i = 0; i < 2; ++i) {
    Peer peer = Greeted({{http2::kInitialWindowSize, 0}});
    EXPECT_TRUE(peer.Send(http2::Call(1, "WatchBatch", WatchWithResults(big))));
    EXPECT_TRUE(peer.AwaitText(http2::Reset(1).substr(0, 9)));
  }
  FakeWorker worker(cluster_.connection(), "w");
  const std::vector<v1::LeasedTask> tasks = worker.Take(1);
  ASSERT_EQ(tasks.size(), 1);
  worker.Report(tasks[0], v1::RESULT_OUTCOME_SUCCEEDED);
  watch.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(cluster_.master().Log(), testing::Not(testing::HasSubstr("longer than any call")));
}

// A stream of gRPC's reflection, on which nothing is said.
std::string Reflection(uint32_t stream) {
  const std::string fields = absl::StrCat(
      http2::Field(":method", "POST"), http2::Field(":scheme", "http"),
      http2::Field(":path", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
      http2::Field(":authority", "localhost"), http2::Field("content-type", "application/grpc"),
      http2::Field("te", "trailers"));
  return http2::Frame(http2::kHeaders, http2::kEndHeaders, stream, fields);
}

TEST_F(Readers, AStreamOfReflectionThatSaysNothingDoesNotKeepItsThread) {
  Start({.peak_megabytes = 150, .cpu_seconds = 6});
  Peer peer = Greeted();
  EXPECT_TRUE(peer.Send(Reflection(1)));
  EXPECT_TRUE(cluster_.master().AwaitLog("it takes longer than any call should"));
}

// Each would wait on a thread, and there are not that many.
TEST_F(Readers, StreamsOfReflectionWithoutNumberLeaveTheOthersTheirThreads) {
  Start({.peak_megabytes = 200, .cpu_seconds = 10}, {"--max-workers", "100"});
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(Greeted());
    std::string bytes;
    for (uint32_t stream = 1; stream < 1200; stream += 2) bytes += Reflection(stream);
    EXPECT_TRUE(peers.back().Send(bytes));
    other_caller().ExpectToGoOn();
  }
  EXPECT_TRUE(cluster_.master().AwaitLog("there are more than 16 at a time"));
}

}  // namespace
}  // namespace tarea
