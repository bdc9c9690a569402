#include "tests/chaos/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "tests/chaos/monotonic.h"
#include "tests/history/jsonl.h"

namespace tarea {

Journal::Journal(const std::string& path)
    : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)) {
  if (fd_ < 0) {
    std::cerr << "tarea_chaos: cannot write " << path << "\n";
    abort();
  }
}

Journal::~Journal() { close(fd_); }

void Journal::Write(HistoryEvent event) {
  absl::MutexLock lock(&mu_);
  // Under the lock, so that the order in the file is that of time.
  event.micros = MonotonicMicros();
  const std::string line = ToJsonLine(event);
  if (write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::cerr << "tarea_chaos: the history cannot be written; is the disk full?\n";
    abort();
  }
}

void Journal::Broken(std::string what) {
  std::cerr << "tarea_chaos: BROKEN: " << what << std::endl;
  absl::MutexLock lock(&mu_);
  broken_.push_back(std::move(what));
}

std::vector<std::string> Journal::broken() const {
  absl::MutexLock lock(&mu_);
  return broken_;
}

void Journal::Count(const std::string& what, int64_t more) {
  absl::MutexLock lock(&mu_);
  counts_[what] += more;
}

std::map<std::string, int64_t> Journal::counts() const {
  absl::MutexLock lock(&mu_);
  return counts_;
}

int64_t Scribe::Begin(HistoryEvent::Op op, std::vector<HistoryItem> items,
                      const std::string& request_id) {
  journal_.Write({.process = process_,
                  .call = ++calls_,
                  .op = op,
                  .phase = HistoryEvent::Phase::kInvoke,
                  .request_id = request_id,
                  .items = std::move(items)});
  return calls_;
}

void Scribe::End(int64_t call, HistoryEvent::Op op, HistoryEvent::Phase phase,
                 std::vector<HistoryItem> items, BatchId batch) {
  journal_.Write({.process = process_,
                  .call = call,
                  .op = op,
                  .phase = phase,
                  .batch = batch,
                  .items = std::move(items)});
}

}  // namespace tarea
