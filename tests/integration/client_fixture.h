#ifndef TAREA_TESTS_INTEGRATION_CLIENT_FIXTURE_H_
#define TAREA_TESTS_INTEGRATION_CLIENT_FIXTURE_H_

#include <google/protobuf/util/json_util.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands/cli.h"
#include "tests/integration/awaited_output.h"
#include "tests/integration/master_fixture.h"

namespace tarea {

// A worker in a thread of this process: takes `gather` tasks, then reports on them, the last one
// first, and so on. Ends with this object.
class FakeWorker {
 public:
  // Nothing: keeps the task and says nothing about it.
  using Work = std::function<std::optional<v1::TaskResult>(const v1::LeasedTask&)>;

  FakeWorker(std::shared_ptr<grpc::Channel> channel, size_t gather, Work work)
      : stub_(v1::TaskService::NewStub(std::move(channel))),
        gather_(gather),
        work_(std::move(work)),
        thread_([this] { Loop(); }) {}
  ~FakeWorker() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Loop() {
    std::vector<v1::LeasedTask> taken;
    while (!stop_) {
      v1::RequestTaskRequest request;
      request.mutable_worker()->set_id("fake");
      request.set_max_tasks(static_cast<int32_t>(gather_ - taken.size()));
      *request.mutable_wait() = ToProto(absl::Milliseconds(100));
      v1::RequestTaskResponse response;
      grpc::ClientContext context;
      if (!stub_->RequestTask(&context, request, &response).ok()) continue;
      taken.insert(taken.end(), response.tasks().begin(), response.tasks().end());
      if (taken.size() < gather_) continue;
      for (; !taken.empty(); taken.pop_back()) Report(taken.back());
    }
  }

  void Report(const v1::LeasedTask& task) {
    std::optional<v1::TaskResult> result = work_(task);
    if (!result.has_value()) return;
    result->set_task_id(task.task_id());
    result->set_lease_id(task.lease_id());
    v1::SubmitResultRequest request;
    request.mutable_worker()->set_id("fake");
    *request.add_results() = *std::move(result);
    v1::SubmitResultResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->SubmitResult(&context, request, &response).ok());
  }

  const std::unique_ptr<v1::TaskService::Stub> stub_;
  const size_t gather_;
  const Work work_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// Works as the built-in handlers do: echo returns its payload; exec only says what it would have
// run, except that "false" fails.
inline std::optional<v1::TaskResult> Work(const v1::LeasedTask& task) {
  v1::TaskResult result;
  result.set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
  result.set_result(task.payload());
  v1::ExecPayload payload;
  if (task.type() != "exec" || !payload.ParseFromString(task.payload())) return result;
  v1::ExecResult ended;
  if (payload.argv(0) == "false") {
    ended.set_exit_code(1);
    ended.set_stderr_data("oops\n");
    result.set_outcome(v1::RESULT_OUTCOME_FAILED);
    result.mutable_error()->set_code(2);
    result.mutable_error()->set_message("exit code 1");
  } else {
    ended.set_stdout_data(absl::StrCat(absl::StrJoin(payload.argv(), " "), "\n"));
  }
  result.set_result(ended.SerializeAsString());
  return result;
}

// What JSON says beyond the message, like exec_result, is no matter here.
template <typename Message>
Message Parse(const std::string& json) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message, options);
  EXPECT_TRUE(status.ok()) << status.ToString() << " in " << json;
  return message;
}

inline std::vector<std::string> JsonLines(const std::string& out) {
  return absl::StrSplit(out, '\n', absl::SkipEmpty());
}

// The client's commands, run in this process against a master that is in it too.
class ClientFixture : public MasterFixture {
 protected:
  struct Ended {
    int exit = 0;
    std::string out;
    std::string err;
  };

  // Runs `client ARGS` with `input` as stdin; one at a time.
  Ended Client(std::vector<std::string> args, const std::string& input = "",
               Interruption* interruption = nullptr) {
    args.insert(args.begin(), {"client", "--master", Address()});
    std::vector<const char*> argv;
    for (const std::string& arg : args) argv.push_back(arg.c_str());
    std::istringstream in(input);
    std::ostringstream out;
    std::ostream err(&err_);
    const int exit = RunClient(
        static_cast<int>(argv.size()), argv.data(),
        {.in = in, .out = out, .err = err, .interruption = interruption, .clock = clock_});
    return {exit, out.str(), err_.Take()};
  }

  std::string Address() const { return absl::StrCat("127.0.0.1:", master_->port()); }

  std::unique_ptr<FakeWorker> StartWorker(size_t gather = 1, FakeWorker::Work work = Work) {
    return std::make_unique<FakeWorker>(channel_, gather, std::move(work));
  }

  // stderr of the client that runs.
  AwaitedOutput err_;
  // What clients go by; null: the machine's time.
  Clock* clock_ = nullptr;
};

}  // namespace tarea

#endif  // TAREA_TESTS_INTEGRATION_CLIENT_FIXTURE_H_
