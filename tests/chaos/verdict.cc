#include "tests/chaos/verdict.h"

#include <iomanip>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/history/checker.h"
#include "tests/history/jsonl.h"
#include "tests/support/process.h"

namespace tarea {
namespace {

// Shorter runs need not have seen everything.
constexpr absl::Duration kLongEnough = absl::Minutes(1);

int64_t CountOf(const Verdict& verdict, const std::string& what) {
  const auto found = verdict.counts.find(what);
  return found == verdict.counts.end() ? 0 : found->second;
}

int64_t CountBeginning(const Verdict& verdict, const std::string& prefix) {
  int64_t count = 0;
  for (const auto& [what, number] : verdict.counts) {
    if (absl::StartsWith(what, prefix)) count += number;
  }
  return count;
}

}  // namespace

absl::Status CheckHistory(const std::vector<std::string>& files,
                          const std::vector<HistoryItem>& stored, bool forgets, Verdict& verdict) {
  std::vector<HistoryEvent> events;
  for (const std::string& file : files) {
    if (absl::Status status = ParseJsonLines(ReadFile(file), events); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
    }
  }
  SortByTime(events);
  HistoryChecker checker(forgets ? HistoryChecker::Retention::kForgets
                                 : HistoryChecker::Retention::kForever);
  for (const HistoryEvent& event : events) checker.Add(event);
  for (const HistoryItem& task : stored) checker.AddStored(task);
  const std::vector<std::string> broken = checker.Finish();
  verdict.broken.insert(verdict.broken.end(), broken.begin(), broken.end());
  verdict.counts.insert(checker.counts().begin(), checker.counts().end());
  verdict.counts["events"] = static_cast<int64_t>(events.size());
  return absl::OkStatus();
}

void RequireEvents(const ChaosOptions& options, Verdict& verdict) {
  const auto require = [&](const std::string& what, int64_t count) {
    if (count > 0) return;
    verdict.broken.push_back(
        absl::StrCat("nothing was proved: the run saw none of its \"", what, "\""));
  };
  if (!options.soak) require("fault: kill master", CountBeginning(verdict, "fault: kill master"));
  require("fault: kill worker", CountOf(verdict, "fault: kill worker"));
  require("unknown outcomes", CountOf(verdict, "unknown outcomes"));
  require("re-leases", CountOf(verdict, "re-leases"));
  require("recorded results", CountOf(verdict, "recorded results"));
  if (options.duration < kLongEnough) return;
  require("stale results", CountOf(verdict, "stale results"));
  require("disk-full refusals", CountOf(verdict, "disk-full refusals"));
}

void Print(const Verdict& verdict, std::ostream& out) {
  for (const auto& [what, count] : verdict.counts) {
    out << std::setw(10) << count << "  " << what << "\n";
  }
  for (const std::string& broken : verdict.broken) out << "BROKEN: " << broken << "\n";
  out << verdict.broken.size() << " violations" << std::endl;
}

}  // namespace tarea
