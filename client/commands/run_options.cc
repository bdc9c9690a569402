#include "client/commands/run_options.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/convert.h"
#include "common/flags.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr char kFooter[] =
    R"(client run [OPTIONS] -- CMD [ARG...] [::: INPUT...] [:::: FILE...]

Submits one task per input and prints what they write, in the order of the inputs. They run on any
worker that was started with --exec, or --exec-shell for shells.

In CMD and ARG, {} is the input, {.} the input without extension, {/} without directory, {//} its
directory, {/.} without both, {#} the number of the task, {1} the input of the first list, and so
on; with --csv, {name} is the field of that column. Without any of these the input is the last
argument. No shell takes part; for pipes write sh -c 'CMD | CMD'. Without ::: inputs are the lines
of stdin.

Ctrl-C leaves, and the batch goes on: client run --resume BATCH prints what was not printed yet.

Examples:
  client run -- gzip -k {} ::: *.log
  client run -- sh -c 'wc -l < {1} > {2}' ::: a b ::: x y     every pair
  client run -- mv {1} {2} ::: a b :::+ x y                   a to x, b to y
  client run --range 1-1000 -- ./simulate --seed {}
  client run --csv -a jobs.csv -- ./train --rate {rate} --out {name}.bin
  find . -name '*.wav' -print0 | client run -0 -- lame {} {.}.mp3
  client run --once -- make
)";

}  // namespace

void RunOptions::AddTo(CLI::App& app) {
  app.footer(kFooter);
  task.retries = 2;
  task.AddTo(app)->default_str("2");
  app.add_option("-a,--arg-file", files, "Inputs are the lines of this file; - is stdin")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_option_function<std::vector<std::string>>(
         "--range",
         [this](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             const absl::StatusOr<InputRange> range = ParseRange(text);
             if (!range.ok()) {
               throw CLI::ValidationError("--range", std::string(range.status().message()));
             }
             ranges.push_back(*range);
           }
         },
         "Inputs are the numbers 1-1000, every tenth with 1-1000:10; 001-100 keeps zeros")
      ->allow_extra_args(false)
      ->type_name("FIRST-LAST");
  app.add_flag("--csv", csv, "Files are CSV; the first line names the columns: {name}");
  app.add_option_function<std::string>(
         "--csv-delimiter",
         [this](const std::string& text) {
           if (text == "\\t" || text == "tab") {
             csv_delimiter = '\t';
           } else if (text.size() == 1 && text != "\"" && text != "\n" && text != "\r") {
             csv_delimiter = text[0];
           } else {
             throw CLI::ValidationError(
                 "--csv-delimiter",
                 absl::StrCat("'", Printable(text), "' is not one character, nor the word tab"));
           }
         },
         "What stands between its fields; a comma when not given, tab for a tab")
      ->type_name("CHAR");
  app.add_flag("-0,--null", null, "Inputs in files end with NUL instead of a newline");
  app.add_flag("--stdin", to_stdin, "The command reads its input from stdin");
  app.add_flag("--once", once, "Run the command once, without inputs; leave stdin alone");
  AddPairs(app, "--env", env, "Variable for the command; may be given several times");
  app.add_option("--workdir", working_directory, "Directory on the worker to run it in")
      ->type_name("DIR");
  app.add_flag("--fresh-dir", fresh_directory,
               "Run it in a new empty directory, removed afterwards");
  AddBytes(app, "--memory", memory, "Limit of each process's memory, for instance 1G");
  AddDuration(app, "--cpu-time", cpu_time, "Limit of each process's time on the processor");
  AddBytes(app, "--file-size", file_size, "Limit of each file that it writes");
  app.add_flag("--keep-order", keep_order, "Show outputs in the order of the inputs; the default");
  app.add_flag("--as-completed", as_completed, "Show outputs as the tasks finish");
  app.add_option("--results", results, "Also keep each task's output in files in this directory")
      ->type_name("DIR");
  app.add_option("--halt", halt_after, "When this many tasks have failed, cancel the others")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->type_name("N");
  app.add_option("--progress", progress,
                 "On stderr: auto (a line if it is a terminal), plain (sentences), none")
      ->check(CLI::IsMember({"auto", "plain", "none"}))
      ->type_name("HOW")
      ->capture_default_str();
  AddId(app, "--resume", "batch", resume, "Print what an earlier run of this batch did not");
  app.add_flag("--cancel-on-interrupt", cancel_on_interrupt, "Ctrl-C cancels the batch");
  app.add_flag("--dry-run", dry_run, "Only print what would be run");
  app.add_flag("--detach", detach, "Submit, print the id of the batch, and end");
  for (const char* rare : {"--priority", "--backoff", "--delay", "--expires-in", "--label",
                           "--csv-delimiter", "--env", "--fresh-dir", "--memory", "--cpu-time",
                           "--file-size", "--keep-order", "--progress", "--cancel-on-interrupt"}) {
    app.get_option(rare)->group(kMoreOptions);
  }
}

absl::Status RunOptions::Check(bool words) const {
  if (keep_order && as_completed) {
    return absl::InvalidArgumentError("--keep-order and --as-completed exclude each other");
  }
  if (resume != 0 && words) {
    return absl::InvalidArgumentError(
        absl::StrCat("--resume goes without a command: batch ", resume, " has its tasks already"));
  }
  if (resume != 0 &&
      (detach || dry_run || once || to_stdin || !files.empty() || !ranges.empty() || csv)) {
    return absl::InvalidArgumentError(
        "--resume submits nothing, so it goes without --detach, --dry-run and flags for inputs");
  }
  if (detach && (!results.empty() || halt_after > 0)) {
    return absl::InvalidArgumentError(
        "--detach does not wait, so it goes without --results and --halt; both go with --resume");
  }
  if (fresh_directory && !working_directory.empty()) {
    return absl::InvalidArgumentError("--fresh-dir and --workdir exclude each other");
  }
  if (csv && null) {
    return absl::InvalidArgumentError("--csv and --null are two ways to read a file; give one");
  }
  if (once && to_stdin) {
    return absl::InvalidArgumentError("--once goes without inputs, and so without --stdin");
  }
  return absl::OkStatus();
}

InputFormat RunOptions::Format() const {
  return {.delimiter = null ? '\0' : '\n', .csv = csv, .csv_delimiter = csv_delimiter};
}

v1::ExecPayload RunOptions::Payload(const CommandTemplate& command,
                                    const std::vector<std::string>& inputs, int64_t number) const {
  v1::ExecPayload payload;
  for (std::string& word : command.Fill(inputs, number, /*append=*/!to_stdin)) {
    payload.add_argv(std::move(word));
  }
  if (to_stdin) {
    payload.set_stdin_data(absl::StrCat(absl::StrJoin(inputs, "\t"), null ? "" : "\n"));
  }
  payload.mutable_env()->insert(env.begin(), env.end());
  payload.set_working_directory(working_directory);
  payload.set_fresh_directory(fresh_directory);
  if (memory > 0) payload.mutable_limits()->set_memory_bytes(memory);
  if (file_size > 0) payload.mutable_limits()->set_file_bytes(file_size);
  if (cpu_time.has_value()) *payload.mutable_limits()->mutable_cpu_time() = ToProto(*cpu_time);
  return payload;
}

absl::StatusOr<v1::TaskSpec> RunOptions::Task(const CommandTemplate& command,
                                              const std::vector<std::string>& inputs,
                                              int64_t number) const {
  const v1::ExecPayload payload = Payload(command, inputs, number);
  if (absl::Status status = CheckUtf8(payload); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("input ", number, ": ", status.message(),
                     to_stdin ? "" : "; the command can have any bytes on its stdin (--stdin)"));
  }
  v1::TaskSpec spec;
  spec.set_type("exec");
  spec.set_payload(payload.SerializeAsString());
  task.ApplyTo(spec);
  return spec;
}

ProgressStyle RunOptions::Style(bool terminal) const {
  if (progress == "plain") return ProgressStyle::kPlain;
  return progress == "auto" && terminal ? ProgressStyle::kLine : ProgressStyle::kNone;
}

}  // namespace tarea
