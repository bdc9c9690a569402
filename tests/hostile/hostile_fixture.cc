#include "tests/hostile/hostile_fixture.h"

#include <sys/resource.h>
#include <unistd.h>

#include <iostream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/convert.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCountsMemory = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kCountsMemory = false;
#else
constexpr bool kCountsMemory = true;
#endif
#else
constexpr bool kCountsMemory = true;
#endif

// Instrumented code takes longer.
constexpr double kCpuFactor = kCountsMemory ? 1 : 5;

// The number behind "NAME:" in /proc/PID/status.
int StatusField(pid_t pid, absl::string_view name) {
  const std::string status = ReadFile(absl::StrCat("/proc/", pid, "/status"));
  for (const absl::string_view line : absl::StrSplit(status, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    int value = 0;
    if (words.size() > 1 && words[0] == name && absl::SimpleAtoi(words[1], &value)) return value;
  }
  return 0;
}

}  // namespace

Cost CostOf(pid_t pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  // "pid (name) state ...": the name may hold anything, so count from its end; utime and stime are
  // the 14th and 15th of all.
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::string_view(stat).substr(stat.rfind(')') + 1), ' ', absl::SkipEmpty());
  int user = 0;
  int system = 0;
  EXPECT_TRUE(words.size() > 12 && absl::SimpleAtoi(words[11], &user) &&
              absl::SimpleAtoi(words[12], &system))
      << stat;
  return {.peak_megabytes = StatusField(pid, "VmHWM") / 1024,
          .cpu_seconds = static_cast<double>(user + system) / sysconf(_SC_CLK_TCK)};
}

bool IsInstrumented() { return !kCountsMemory; }

int RaiseDescriptorLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  return static_cast<int>(limit.rlim_cur);
}

WellBehaved::WellBehaved(const std::string& master)
    : connection_({.masters = {master}, .call_timeout = kDeadline, .retry_time = kDeadline}),
      thread_([this] {
        for (int64_t round = 1;; ++round) {
          const absl::Status status = GoAround(round);
          absl::MutexLock lock(&mu_);
          rounds_ = round;
          status_.Update(status);
          if (stop_ || !status_.ok()) return;
        }
      }) {}

WellBehaved::~WellBehaved() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  thread_.join();
}

absl::Status WellBehaved::GoAround(int64_t round) {
  v1::SubmitTasksRequest submit;
  submit.set_request_id(absl::StrCat("round ", round));
  submit.add_tasks()->set_type("echo");
  submit.mutable_tasks(0)->set_queue("well-behaved");
  v1::SubmitTasksResponse submitted;
  absl::Status status = connection_.Call([&](Stub& stub, grpc::ClientContext& context) {
    return stub.SubmitTasks(&context, submit, &submitted);
  });
  if (!status.ok()) return status;

  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("well-behaved");
  request.add_queues("well-behaved");
  *request.mutable_wait() = ToProto(kDeadline / 2);
  v1::RequestTaskResponse taken;
  // As a worker does: an answer without a task is one, too.
  const absl::Time deadline = connection_.clock().Now() + kDeadline;
  while (taken.tasks().empty() && connection_.clock().Now() < deadline) {
    status = connection_.Call([&](Stub& stub, grpc::ClientContext& context) {
      return stub.RequestTask(&context, request, &taken);
    });
    if (!status.ok()) return status;
  }
  if (taken.tasks_size() != 1) return absl::InternalError(absl::StrCat(round, ": got no task"));

  v1::SubmitResultRequest report;
  *report.mutable_worker() = request.worker();
  v1::TaskResult* const result = report.add_results();
  result->set_task_id(taken.tasks(0).task_id());
  result->set_lease_id(taken.tasks(0).lease_id());
  result->set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
  v1::SubmitResultResponse reported;
  status = connection_.Call([&](Stub& stub, grpc::ClientContext& context) {
    return stub.SubmitResult(&context, report, &reported);
  });
  if (!status.ok()) return status;
  return reported.statuses_size() == 1 && reported.statuses(0) == v1::RESULT_STATUS_RECORDED
             ? absl::OkStatus()
             : absl::InternalError(absl::StrCat(round, ": the result was not recorded"));
}

void WellBehaved::ExpectToGoOn() {
  absl::MutexLock lock(&mu_);
  // The one that is under way has begun before now.
  const int64_t wanted = rounds_ + 2;
  const auto over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return rounds_ >= wanted || !status_.ok();
  };
  EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&over), 6 * kDeadline));
  EXPECT_TRUE(status_.ok()) << "in round " << rounds_ << ": " << status_;
}

void Hostile::Start(const Cost& ceiling, const std::vector<std::string>& flags) {
  ceiling_ = ceiling;
  cluster_.StartMaster(flags);
  ASSERT_FALSE(cluster_.address().empty());
  const std::string& address = cluster_.address();
  ASSERT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port_));
  other_caller_ = std::make_unique<WellBehaved>(address);
  other_caller_->ExpectToGoOn();
}

void Hostile::TearDown() {
  if (other_caller_ == nullptr) return;
  other_caller_->ExpectToGoOn();
  other_caller_.reset();
  const Cost cost = CostOf(cluster_.master().pid());
  std::cout << "the master took " << cost.peak_megabytes << " MB at its peak and "
            << cost.cpu_seconds << " s of processor time\n";
  if (kCountsMemory) {
    EXPECT_LE(cost.peak_megabytes, ceiling_.peak_megabytes);
  }
  EXPECT_LE(cost.cpu_seconds, ceiling_.cpu_seconds * kCpuFactor);
  EXPECT_EQ(cluster_.KillMaster(SIGTERM), ProcessEnd{});
}

http2::Peer Hostile::Greeted(const std::vector<std::pair<uint16_t, uint32_t>>& settings) const {
  http2::Peer peer(port_);
  EXPECT_TRUE(peer.Greet(settings));
  return peer;
}

int64_t Hostile::SubmitFinished(int tasks, int result_bytes) {
  const int64_t batch =
      SubmitBatch(cluster_.client(), std::vector<v1::TaskSpec>(tasks, EchoTask()));
  FakeWorker worker(cluster_.connection(), "finisher");
  for (int left = tasks; left > 0;) {
    const std::vector<v1::LeasedTask> taken = worker.Take(left);
    for (const v1::LeasedTask& task : taken) {
      EXPECT_EQ(worker.Report(task, v1::RESULT_OUTCOME_SUCCEEDED, std::string(result_bytes, 'x')),
                v1::RESULT_STATUS_RECORDED);
    }
    if (taken.empty()) break;
    left -= static_cast<int>(taken.size());
  }
  return batch;
}

}  // namespace tarea
