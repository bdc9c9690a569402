#ifndef TAREA_TESTS_UNIT_WORKER_EXEC_FIXTURE_H_
#define TAREA_TESTS_UNIT_WORKER_EXEC_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/temp_dir.h"
#include "worker/handlers/exec.h"
#include "worker/testing/fake_context.h"

namespace tarea {

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs commands through the handler as a worker does.
class ExecFixture : public testing::Test {
 protected:
  struct Outcome {
    absl::Status status;
    v1::ExecResult result;
  };

  static v1::ExecPayload Argv(std::initializer_list<std::string> argv) {
    v1::ExecPayload payload;
    for (const std::string& arg : argv) payload.add_argv(arg);
    return payload;
  }
  // Every process of it is found by Alive(), and finds the test's directory in $DIR.
  v1::ExecPayload Script(const std::string& script) const {
    v1::ExecPayload payload = Argv({"sh", "-c", script});
    (*payload.mutable_env())["DIR"] = dir_.path();
    return payload;
  }

  static v1::LeasedTask Task(const std::string& payload) {
    v1::LeasedTask task;
    task.set_task_id(17);
    task.set_batch_id(5);
    task.set_attempt(2);
    task.set_payload(payload);
    return task;
  }

  Outcome Run(const v1::ExecPayload& payload) {
    FakeContext context;
    return Run(payload, context);
  }
  Outcome Run(const v1::ExecPayload& payload, FakeContext& context) {
    return RunBytes(payload.SerializeAsString(), context);
  }
  Outcome RunBytes(const std::string& payload, FakeContext& context) {
    const absl::StatusOr<std::string> returned = ExecHandler(options_)(Task(payload), context);
    Outcome outcome;
    outcome.status = returned.status();
    const std::string bytes = returned.ok() ? *returned : context.output();
    EXPECT_TRUE(outcome.result.ParseFromString(bytes));
    return outcome;
  }

  // Waits until the command has written a line to $DIR/`name`, and returns it.
  std::string WaitForLine(const std::string& name) const {
    while (true) {
      const std::string text = ReadFile(absl::StrCat(dir_.path(), "/", name));
      if (const size_t end = text.find('\n'); end != std::string::npos) return text.substr(0, end);
      std::this_thread::yield();
    }
  }

  // How many processes of scripts of this test there are.
  int Alive() const {
    int alive = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      int pid = 0;
      if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
      const std::string environment = ReadFile(entry.path() / "environ");
      if (absl::StrContains(environment, absl::StrCat("DIR=", dir_.path()))) ++alive;
    }
    return alive;
  }

  const TempDir dir_;
  ExecOptions options_ = {.policy = {.shells = true}};
};

}  // namespace tarea

#endif  // TAREA_TESTS_UNIT_WORKER_EXEC_FIXTURE_H_
