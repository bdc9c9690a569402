#ifndef TAREA_TESTS_CHAOS_TASKS_H_
#define TAREA_TESTS_CHAOS_TASKS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/tasks.pb.h"
#include "tests/chaos/known.h"
#include "tests/history/history.h"

namespace tarea {

// Tasks of this type are taken by workers that are part of the harness (hand_worker.h).
inline constexpr char kHandType[] = "hand";
inline constexpr char kHandQueue[] = "by-hand";
// In the environment of each process that came of a task; the value is that of the run.
inline constexpr char kRunVariable[] = "CHAOS_RUN";

// Makes the tasks of a run: what they do, and how often and how long they may.
class TaskMaker {
 public:
  // `log`: where tasks write down when they begin and end. `run` tells this run from others.
  TaskMaker(std::string log, std::string run, absl::Duration lease)
      : log_(std::move(log)), run_(std::move(run)), lease_(lease) {}

  // A task like no other; `nonce` makes sure of it. Without key and dependencies.
  v1::TaskSpec Make(Random& random, const std::string& nonce) const;

  // Whether the history tells when it succeeds, so that others may depend on it.
  static bool MayBeParent(const v1::TaskSpec& spec) { return spec.type() != "echo"; }

 private:
  v1::TaskSpec Command(const std::string& behaviour, absl::Duration time,
                       const std::string& nonce) const;
  v1::TaskSpec RandomCommand(Random& random, const std::string& nonce) const;

  const std::string log_;
  const std::string run_;
  const absl::Duration lease_;
};

// As it goes into a history. `spec` is as it was sent: dependencies by position are left out.
HistoryItem ItemOf(const v1::TaskSpec& spec);

// As the master tells of it. The hash of a command's result is that of its first line, as its run
// wrote it down.
HistoryItem ItemOf(const v1::Task& task);

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_TASKS_H_
