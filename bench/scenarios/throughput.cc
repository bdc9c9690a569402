#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/measure.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"
#include "bench/sqlite_floor.h"
#include "bench/whole.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

constexpr int64_t kMostFloorTasks = 100'000;
constexpr int kFloorPerCommit = 256;

absl::Status Measure(const std::string& master, int64_t count, const std::string& type,
                     const std::string& kind, Findings& findings) {
  Load load{.master = master, .tasks = MakeTasks(count, type), .attempts = count};
  if (type == "echo") load.result = load.tasks.front().payload();
  const absl::StatusOr<Whole> whole = MeasureWhole(std::move(load), findings);
  if (!whole.ok()) return whole.status();
  const std::string what = absl::StrCat(", ", WithCommas(count), kind);
  findings.Add("submit" + what, whole->submit_rate(), "/s");
  findings.Add("drain" + what, whole->drain_rate(), "/s");
  findings.Add("whole" + what, whole->whole_rate(), "/s");
  findings.Add("master's CPU per task" + what, whole->cpu_us(whole->master_cpu), "us");
  findings.Add("workers' CPU per task" + what, whole->cpu_us(whole->workers_cpu), "us");
  findings.Add("client's CPU per task" + what, whole->cpu_us(whole->client_cpu), "us");
  return absl::OkStatus();
}

}  // namespace

absl::Status RunThroughput(const ScenarioOptions& options, Findings& findings) {
  const TempDir dir;
  findings.Say("bare SQLite");
  const auto floor_tasks = static_cast<int>(std::min(options.tasks, kMostFloorTasks));
  const absl::StatusOr<SqliteFloor> floor = MeasureSqlite(dir.path(), floor_tasks, kFloorPerCommit);
  if (!floor.ok()) return floor.status();
  findings.Add("bare SQLite, 256 a commit", floor->lives_per_second, "/s");
  findings.Add("bare SQLite's CPU per task", absl::ToDoubleMicroseconds(floor->cpu_per_life), "us");
  const int64_t fewer = std::max<int64_t>(options.tasks / 5, 1);
  if (absl::Status status = Measure(options.master, options.tasks, "noop", "", findings);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = Measure(options.master, fewer, "noop", "", findings); !status.ok())
    return status;
  return Measure(options.master, options.tasks, "echo", " with results", findings);
}

}  // namespace tarea
