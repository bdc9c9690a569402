#include "client/commands/task_flags.h"

#include <CLI/CLI.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "common/flags.h"
#include "common/logging.h"

namespace tarea {
namespace {

int64_t ParseId(absl::string_view text, absl::string_view what) {
  int64_t id = 0;
  if (absl::SimpleAtoi(text, &id) && id > 0) return id;
  throw CLI::ValidationError(absl::StrCat("'", Printable(text), "' is not the id of a ", what,
                                          "; ids are whole numbers from 1 up"));
}

}  // namespace

CLI::Option* AddId(CLI::App& app, const std::string& name, absl::string_view what, int64_t& id,
                   const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [&id, what = std::string(what)](const std::string& text) { id = ParseId(text, what); },
          help)
      ->type_name("ID");
}

CLI::Option* AddIds(CLI::App& app, const std::string& name, absl::string_view what,
                    std::vector<int64_t>& ids, const std::string& help) {
  CLI::Option* option = app.add_option_function<std::vector<std::string>>(
      name,
      [&ids, what = std::string(what)](const std::vector<std::string>& texts) {
        for (const std::string& text : texts) ids.push_back(ParseId(text, what));
      },
      help);
  // Positional ones follow each other; a flag takes one value each time.
  return option->delimiter(',')->allow_extra_args(option->get_positional())->type_name("ID");
}

CLI::Option* AddLabels(CLI::App& app, std::map<std::string, std::string>& labels,
                       const std::string& help) {
  return AddPairs(app, "--label", labels, help);
}

CLI::Option* TaskFlags::AddTo(CLI::App& app) {
  app.add_option("--name", batch_name, "Name of the batch, for people");
  app.add_option("--queue", queue, "Queue to put the tasks in; default when not given");
  app.add_option("--priority", priority, "Higher goes first")->check(CLI::Range(-100, 100));
  CLI::Option* option =
      app.add_option("--retries", retries, "Attempts after the first")->check(CLI::Range(0, 999));
  AddDuration(app, "--backoff", backoff,
              "Wait before the second attempt; doubles each time. 1s when not given");
  AddDuration(app, "--delay", delay, "Do not start before this time has passed");
  AddDuration(app, "--timeout", timeout, "Longest time of one attempt");
  AddDuration(app, "--expires-in", expires_in, "Cancel what has not started within this time");
  AddLabels(app, labels, "For finding the tasks again; may be given several times");
  AddIds(app, "--after", "task", after,
         "Tasks that must succeed first; may be given several times");
  return option;
}

void TaskFlags::ApplyTo(v1::TaskSpec& task) const {
  task.set_queue(queue);
  task.set_priority(priority);
  if (retries.has_value()) task.mutable_retry()->set_max_attempts(*retries + 1);
  if (backoff.has_value()) *task.mutable_retry()->mutable_initial_backoff() = ToProto(*backoff);
  if (delay.has_value()) *task.mutable_delay() = ToProto(*delay);
  if (timeout.has_value()) *task.mutable_timeout() = ToProto(*timeout);
  if (expires_in.has_value()) *task.mutable_expires_in() = ToProto(*expires_in);
  task.mutable_depends_on()->Assign(after.begin(), after.end());
  task.mutable_labels()->insert(labels.begin(), labels.end());
}

}  // namespace tarea
