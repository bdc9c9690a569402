// A worker of one's own: counts the words of text files. One function does the work, one line
// registers it; flags, logging, leases, retries and shutdown come with WorkerMain.
//
//   build/bin/word_count_worker --master 127.0.0.1:50051 --slots 2
//
// The payload of a task of type "word_count" is the path of a file, the result one line with the
// number of words, of different words, and the most frequent one with its number.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "worker/handler.h"
#include "worker/worker_main.h"

namespace {

absl::StatusOr<std::string> WordCount(const tarea::v1::LeasedTask& task,
                                      tarea::TaskContext& context) {
  if (task.payload().empty()) {
    // Nothing that another attempt could mend.
    return tarea::NonRetryable(
        absl::InvalidArgumentError("the payload is empty; it must be a path"));
  }
  std::ifstream file(task.payload());
  if (!file) {
    // May work later, or on another machine: the task's retry policy decides.
    return absl::NotFoundError(
        absl::StrCat("cannot read ", task.payload(), ": ",
                     std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
  }
  std::map<std::string, int64_t> counts;
  int64_t words = 0;
  for (std::string line; std::getline(file, line);) {
    if (context.stopped()) return absl::CancelledError("told to stop");
    std::string word;
    for (const char c : line + "\n") {
      if (absl::ascii_isalpha(static_cast<unsigned char>(c))) {
        word += absl::ascii_tolower(static_cast<unsigned char>(c));
      } else if (!word.empty()) {
        ++counts[word];
        ++words;
        word.clear();
      }
    }
  }
  std::pair<std::string, int64_t> most;
  for (const auto& [word, count] : counts) {
    if (count > most.second) most = {word, count};
  }
  return absl::StrCat(words, " words, ", counts.size(), " different, most often '", most.first,
                      "' (", most.second, ")");
}

}  // namespace

int main(int argc, char** argv) {
  return tarea::WorkerMain(argc, argv, {{"word_count", WordCount}});
}
