#include "tests/e2e/tasks.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/e2e/cluster.h"

namespace tarea {

v1::TaskSpec EchoTask(const std::string& payload) {
  v1::TaskSpec task;
  task.set_type("echo");
  task.set_payload(payload);
  return task;
}

v1::TaskSpec ShellTask(const std::string& script, const std::string& directory) {
  v1::ExecPayload payload;
  for (const std::string& word : {std::string("sh"), std::string("-c"), script}) {
    payload.add_argv(word);
  }
  payload.set_working_directory(directory);
  v1::TaskSpec task;
  task.set_type("exec");
  task.set_payload(payload.SerializeAsString());
  task.mutable_retry()->mutable_initial_backoff();  // 0 s
  return task;
}

int64_t SubmitBatch(Client& client, const std::vector<v1::TaskSpec>& tasks) {
  const absl::StatusOr<Submission> batch = client.Submit("test", tasks);
  EXPECT_TRUE(batch.ok()) << batch.status();
  return batch.ok() ? batch->batch_id : 0;
}

int64_t SubmitTask(Client& client, const v1::TaskSpec& task) {
  const absl::StatusOr<Submission> batch = client.Submit("test", {task});
  EXPECT_TRUE(batch.ok()) << batch.status();
  return batch.ok() ? batch->task_ids[0] : 0;
}

v1::Task GetTask(Client& client, int64_t task_id) {
  absl::StatusOr<v1::Task> task = client.Get(task_id);
  EXPECT_TRUE(task.ok()) << task.status();
  return task.ok() ? *std::move(task) : v1::Task();
}

v1::Task AwaitState(Client& client, int64_t task_id, v1::TaskState state) {
  v1::Task task;
  EXPECT_TRUE(WaitFor([&] {
    task = GetTask(client, task_id);
    return task.state() == state || task.id() == 0;  // 0: refused
  })) << "task "
      << task_id << " is not " << v1::TaskState_Name(state) << ": " << task.ShortDebugString();
  return task;
}

std::string OutputOf(const v1::Task& task) {
  v1::ExecResult result;
  EXPECT_TRUE(result.ParseFromString(task.result())) << task.ShortDebugString();
  return result.stdout_data();
}

std::string AwaitLine(const std::string& path) {
  std::string content;
  EXPECT_TRUE(WaitFor([&] {
    content = ReadFile(path);
    return absl::StrContains(content, '\n');
  })) << "no line in "
      << path;
  return content.substr(0, content.find('\n'));
}

bool AwaitGone(const std::string& pid) {
  EXPECT_NE(pid, "");
  return WaitFor([&] { return !std::filesystem::exists(absl::StrCat("/proc/", pid)); });
}

}  // namespace tarea
