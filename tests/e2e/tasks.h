#ifndef TAREA_TESTS_E2E_TASKS_H_
#define TAREA_TESTS_E2E_TASKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/client.h"
#include "proto/tasks.pb.h"

// Tasks as these tests submit them, and what becomes of them. Each function fails the test if the
// master refuses.
namespace tarea {

v1::TaskSpec EchoTask(const std::string& payload = "");

// Runs `script` in a shell, in `directory` of the worker's machine. Attempts follow each other
// without a pause.
v1::TaskSpec ShellTask(const std::string& script, const std::string& directory);

// Stores tasks as one batch. Answers its id.
int64_t SubmitBatch(Client& client, const std::vector<v1::TaskSpec>& tasks);

// The same with one task. Answers the id of the task.
int64_t SubmitTask(Client& client, const v1::TaskSpec& task);

v1::Task GetTask(Client& client, int64_t task_id);

// Waits until the task is in this state and answers it; as it is if it does not get there.
v1::Task AwaitState(Client& client, int64_t task_id, v1::TaskState state);

// What a command wrote to stdout.
std::string OutputOf(const v1::Task& task);

// Waits until a file holds a whole line, and answers it without the newline; empty if none comes.
std::string AwaitLine(const std::string& path);

// Waits until there is no process of this id, which is a line that the process itself has written.
bool AwaitGone(const std::string& pid);

}  // namespace tarea

#endif  // TAREA_TESTS_E2E_TASKS_H_
