#include "tests/chaos/soak.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace tarea {
namespace {

constexpr absl::Duration kEvery = absl::Seconds(3);
constexpr int64_t kMiB = int64_t{1} << 20;
// The log grows while the disk is full or nobody may bring it over, and keeps its size until it is
// longer than 64 MiB; whoever commits then has to bring it over first.
constexpr int64_t kMostLog = 80 * kMiB;

}  // namespace

Soak::Soak(std::string data, const Program& master, const Program& worker, const std::string& csv,
           absl::Duration warm_up)
    : data_(std::move(data)),
      master_(master),
      worker_(worker),
      csv_(csv),
      counts_from_(absl::Now() + warm_up) {
  // How much goes on at once differs: hence a tenth, or a few.
  for (const std::string who : {"master", "worker"}) {
    series_.emplace_back(who + "'s memory", 1.1, 8 * kMiB);
    series_.emplace_back(who + "'s descriptors", 1.1, 8);
    series_.emplace_back(who + "'s threads", 1.1, 8);
  }
  series_.emplace_back("database", 1.2, 8 * kMiB);
  csv_ << "seconds,log";
  for (const Series& series : series_) csv_ << "," << series.name();
  csv_ << "\n";
}

void Soak::Tick() {
  const absl::Time now = absl::Now();
  if (stopped_ || now < next_ || !master_.running() || !worker_.running()) return;
  next_ = now + kEvery;
  const Usage master = UsageOf(master_.pid());
  const Usage worker = UsageOf(worker_.pid());
  const int64_t log = BytesIn(data_, "tarea.db-wal");
  longest_log_ = std::max(longest_log_, log);
  const int64_t values[] = {master.rss_bytes,
                            master.descriptors,
                            master.threads,
                            worker.rss_bytes,
                            worker.descriptors,
                            worker.threads,
                            BytesIn(data_, "tarea.db") - log};
  csv_ << absl::ToUnixSeconds(now) << "," << log;
  for (size_t i = 0; i < series_.size(); ++i) {
    if (now >= counts_from_) series_[i].Add(values[i]);
    csv_ << "," << values[i];
  }
  csv_ << std::endl;
}

void Soak::Judge(Verdict& verdict) const {
  for (const Series& series : series_) {
    std::cout << series.ToString() << "\n";
    if (!series.IsFlat()) verdict.broken.push_back(series.ToString());
  }
  const std::string log =
      absl::StrFormat("log: %.1f MiB at most", static_cast<double>(longest_log_) / kMiB);
  std::cout << log << "\n";
  if (longest_log_ > kMostLog) verdict.broken.push_back(log + ", which is too long");
  if (master_.starts() != 1 || worker_.starts() != 1) {
    verdict.broken.push_back("the master or the worker that is looked at was started again");
  }
}

}  // namespace tarea
