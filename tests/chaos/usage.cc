#include "tests/chaos/usage.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tarea {

Usage UsageOf(pid_t pid) {
  Usage usage;
  const std::string proc = absl::StrCat("/proc/", pid);
  std::ifstream status(proc + "/status");
  for (std::string field; status >> field;) {
    if (field == "VmRSS:") {
      status >> usage.rss_bytes;
      usage.rss_bytes *= 1024;
    } else if (field == "Threads:") {
      status >> usage.threads;
    }
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  std::error_code ignored;
  const std::filesystem::directory_iterator fds(proc + "/fd", ignored);
  usage.descriptors = std::distance(begin(fds), end(fds));
  return usage;
}

int64_t BytesIn(const std::string& directory, const std::string& prefix) {
  int64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (!absl::StartsWith(entry.path().filename().string(), prefix)) continue;
    // Files come and go.
    const auto size = entry.file_size(error);
    if (!error) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

int64_t Series::Median(double from, double to) const {
  const auto size = static_cast<double>(values_.size());
  std::vector<int64_t> part(values_.begin() + static_cast<std::ptrdiff_t>(from * size),
                            values_.begin() + static_cast<std::ptrdiff_t>(to * size));
  if (part.empty()) return 0;
  const auto middle = part.begin() + static_cast<std::ptrdiff_t>(part.size() / 2);
  std::nth_element(part.begin(), middle, part.end());
  return *middle;
}

bool Series::IsFlat() const {
  const auto first = static_cast<double>(Median(0, 0.25));
  return static_cast<double>(Median(0.75, 1)) <= first * factor_ + static_cast<double>(slack_);
}

std::string Series::Show(int64_t value) const {
  if (slack_ < 1024) return absl::StrCat(value);
  return absl::StrFormat("%.1f MiB", static_cast<double>(value) / (1 << 20));
}

std::string Series::ToString() const {
  const int64_t peak = values_.empty() ? 0 : *std::max_element(values_.begin(), values_.end());
  return absl::StrCat(name_, ": ", Show(Median(0, 0.25)), " in the first quarter, ",
                      Show(Median(0.75, 1)), " in the last (peak ", Show(peak), ")",
                      IsFlat() ? "" : " NOT FLAT");
}

}  // namespace tarea
