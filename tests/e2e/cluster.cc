#include "tests/e2e/cluster.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/convert.h"

namespace tarea {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(5);
// More than what FakeWorker parks.
constexpr absl::Duration kLongestCall = absl::Seconds(45);

void Append(std::vector<std::string>& arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
}

}  // namespace

bool WaitFor(absl::FunctionRef<bool()> condition, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(kPoll);
  }
  return true;
}

Cluster::~Cluster() {
  if (!testing::Test::HasFailure()) return;
  if (master_ != nullptr) std::cerr << "--- log of the master\n" << master_->Log();
  for (const auto& [name, worker] : workers_) {
    std::cerr << "--- log of worker " << name << "\n" << worker->Log();
  }
}

void Cluster::StartMaster(const std::vector<std::string>& flags) {
  if (!flags.empty()) master_flags_ = flags;
  const std::string port_file = dir_.path() + "/port";
  std::filesystem::remove(port_file);
  std::vector<std::string> arguments = {"--listen",    address_.empty() ? "127.0.0.1:0" : address_,
                                        "--data-dir",  data_dir(),
                                        "--port-file", port_file};
  Append(arguments, master_flags_);
  // While the master was away, a connection of some other process may have been given its port.
  const bool started = WaitFor([&] {
    master_ = std::make_unique<Process>(BinPath("master"), arguments);
    return AwaitPort(port_file) || !absl::StrContains(master_->Log(), "cannot listen on");
  });
  const std::string port(absl::StripAsciiWhitespace(ReadFile(port_file)));
  ASSERT_TRUE(started && !port.empty()) << "the master did not start:\n" << master_->Log();
  if (!address_.empty()) return;
  address_ = absl::StrCat("127.0.0.1:", port);
  client_ = std::make_unique<Client>(
      ClientOptions{.masters = {address_}, .retry_time = Process::kPatience});
  connection_ = std::make_unique<Connection>(ConnectionOptions{
      .masters = {address_}, .call_timeout = kLongestCall, .retry_time = Process::kPatience});
}

bool Cluster::AwaitPort(const std::string& port_file) {
  bool ended = false;
  const bool known = WaitFor([&] {
    ended = master_->Wait(absl::ZeroDuration()).has_value();
    return ended || std::filesystem::exists(port_file);
  });
  return known && !ended;
}

ProcessEnd Cluster::KillMaster(int signal) {
  master_->Kill(signal);
  const std::optional<ProcessEnd> end = master_->Wait();
  EXPECT_TRUE(end.has_value()) << "the master did not end after signal " << signal;
  return end.value_or(ProcessEnd{});
}

Process& Cluster::StartWorker(const std::string& name, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {"--master", address_, "--name", name};
  Append(arguments, flags);
  std::unique_ptr<Process>& worker = workers_[name];
  worker = std::make_unique<Process>(BinPath("worker"), arguments);
  return *worker;
}

CommandResult Cluster::RunClient(const std::vector<std::string>& arguments,
                                 const std::string& input) {
  std::vector<std::string> all = {"--master", address_};
  Append(all, arguments);
  Process client(BinPath("client"), all, {.input = input});
  const std::optional<ProcessEnd> end = client.Wait();
  EXPECT_TRUE(end.has_value()) << "the client did not end; it wrote:\n" << client.Log();
  return {end.value_or(ProcessEnd{}), client.Output(), client.Log()};
}

std::vector<v1::LeasedTask> FakeWorker::Take(int max_tasks, absl::Duration wait) {
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id(id_);
  request.set_max_tasks(max_tasks);
  *request.mutable_wait() = ToProto(wait);
  v1::RequestTaskResponse response;
  const absl::Status status = connection_.Call([&](Stub& stub, grpc::ClientContext& context) {
    return stub.RequestTask(&context, request, &response);
  });
  EXPECT_TRUE(status.ok()) << status;
  return {response.tasks().begin(), response.tasks().end()};
}

v1::ResultStatus FakeWorker::Report(const v1::LeasedTask& task, v1::ResultOutcome outcome,
                                    absl::string_view result) {
  v1::SubmitResultRequest request;
  request.mutable_worker()->set_id(id_);
  v1::TaskResult* item = request.add_results();
  item->set_task_id(task.task_id());
  item->set_lease_id(task.lease_id());
  item->set_outcome(outcome);
  item->set_result(result.data(), result.size());
  if (outcome == v1::RESULT_OUTCOME_FAILED) item->mutable_error()->set_message("broken");
  v1::SubmitResultResponse response;
  const absl::Status status = connection_.Call([&](Stub& stub, grpc::ClientContext& context) {
    return stub.SubmitResult(&context, request, &response);
  });
  EXPECT_TRUE(status.ok()) << status;
  return response.statuses_size() == 1 ? response.statuses(0) : v1::RESULT_STATUS_UNSPECIFIED;
}

}  // namespace tarea
