#include "common/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "common/exit_codes.h"
#include "common/logging.h"

namespace tarea {
namespace {

// For use in a command that a worker runs; asks no master.
class Progress : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    CLI::App* sub =
        app.add_subcommand("progress", "In a command that a worker runs: say how far it is");
    sub->add_option("progress", words_, "0% to 100%, or 0.0 to 1.0, and then any text")
        ->required()
        ->type_name("42% TEXT...");
    return sub;
  }

  int Run(Context& context) override {
    std::string line = absl::StrJoin(words_, " ");
    std::replace(line.begin(), line.end(), '\n', ' ');
    const absl::StatusOr<ProgressLine> progress = ParseProgress(line);
    if (!progress.ok()) return context.Usage(progress.status().message());
    const char* text = std::getenv(kProgressVariable);  // NOLINT(concurrency-mt-unsafe)
    if (text == nullptr) {
      return context.Fail(absl::FailedPreconditionError(
          absl::StrCat("this is not a task: ", kProgressVariable,
                       " is not set. Use it in a command that 'client run' has a worker run")));
    }
    int fd = -1;
    if (!absl::SimpleAtoi(text, &fd) || fcntl(fd, F_GETFD) < 0) {
      return context.Fail(absl::FailedPreconditionError(absl::StrCat(
          "descriptor ", Printable(text), " (", kProgressVariable,
          ") is not open; leave it open for the client, do not close or redirect it")));
    }
    // In one piece, so that lines of several processes do not mix.
    line.push_back('\n');
    ssize_t size = 0;
    do {
      size = write(fd, line.data(), line.size());
    } while (size < 0 && errno == EINTR);
    if (size != static_cast<ssize_t>(line.size())) {
      return context.Fail(absl::ErrnoToStatus(errno, "cannot write the progress"));
    }
    return kExitOk;
  }

 private:
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Command> MakeProgress() { return std::make_unique<Progress>(); }

}  // namespace tarea
