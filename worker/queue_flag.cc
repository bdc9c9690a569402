#include "worker/queue_flag.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

void AddQueue(const std::string& text, WorkerOptions& options) {
  const size_t colon = text.rfind(':');
  const std::string weight = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool weighed = !weight.empty() && std::all_of(weight.begin(), weight.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  const std::string name = weighed ? text.substr(0, colon) : text;
  if (std::count(options.queues.begin(), options.queues.end(), name) > 0) {
    throw CLI::ValidationError("--queues",
                               absl::StrCat("'", Printable(name), "' is named more than once"));
  }
  options.queues.push_back(name);
  if (!weighed) return;
  int value = 0;
  if (!absl::SimpleAtoi(weight, &value) || value < 1 || value > kMaxQueueWeight) {
    throw CLI::ValidationError(
        "--queues", absl::StrCat("the weight of '", Printable(name), "' is ", Printable(weight),
                                 "; it must be 1 to ", kMaxQueueWeight));
  }
  options.queue_weights[name] = value;
}

}  // namespace

CLI::Option* AddQueues(CLI::App& app, WorkerOptions& options) {
  return app
      .add_option_function<std::vector<std::string>>(
          "--queues",
          [&options](const std::vector<std::string>& texts) {
            // Called again to find out which flag a mistake is in.
            options.queues.clear();
            options.queue_weights.clear();
            for (const std::string& text : texts) AddQueue(text, options);
          },
          "Queues to take tasks from, by priority; with weights in these proportions [default]")
      ->delimiter(',')
      ->type_name("NAME[:WEIGHT],...");
}

}  // namespace tarea
