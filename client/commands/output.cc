#include "client/commands/output.h"

#include <google/protobuf/util/json_util.h>
#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/commands/layout.h"
#include "common/convert.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr size_t kMaxTextBytes = 4096;

// "TASK_STATE_READY" becomes "ready".
std::string EnumWord(absl::string_view name, absl::string_view prefix) {
  absl::ConsumePrefix(&name, prefix);
  return absl::AsciiStrToLower(name);
}

std::string TwoUnits(int64_t big, absl::string_view big_unit, int64_t small,
                     absl::string_view small_unit) {
  std::string text = absl::StrCat(big, big_unit);
  if (small > 0) absl::StrAppend(&text, small, small_unit);
  return text;
}

// JSON with escapes for what acts on a terminal; protobuf knows only some of it. Beyond ASCII there
// is nothing but texts in JSON.
std::string Inert(std::string json) {
  // Nearly always; results may be long.
  if (std::all_of(json.begin(), json.end(), absl::ascii_isprint)) return json;
  std::string out;
  for (size_t i = 0; i < json.size();) {
    int32_t code = 0;
    const utf8proc_ssize_t length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(json.data() + i),
                         static_cast<utf8proc_ssize_t>(json.size() - i), &code);
    const absl::string_view character(json.data() + i, length > 0 ? length : 1);
    i += character.size();
    if (length <= 0 || Printable(character) == character) {
      absl::StrAppend(&out, character);
    } else if (code < 0x10000) {
      absl::StrAppendFormat(&out, "\\u%04x", code);
    } else {
      absl::StrAppendFormat(&out, "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10),
                            0xDC00 + ((code - 0x10000) & 0x3FF));
    }
  }
  return out;
}

std::string ShellWord(const std::string& word) {
  constexpr absl::string_view kPlain = "%+,-./:=@_";
  const auto plain = [&](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           kPlain.find(c) != absl::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  const size_t no_limit = 4 * word.size() + 16;
  if (Printable(word, no_limit) == word) {
    return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", R"('\'')"}}), "'");
  }
  // The escapes of Printable are those of $'...'.
  return absl::StrCat(
      "$'", Printable(absl::StrReplaceAll(word, {{"\\", R"(\\)"}, {"'", R"(\')"}}), 2 * no_limit),
      "'");
}

}  // namespace

std::string StateName(v1::TaskState state) {
  return EnumWord(v1::TaskState_Name(state), "TASK_STATE_");
}

absl::StatusOr<std::vector<v1::TaskState>> ParseStates(absl::string_view name) {
  const std::string word = absl::AsciiStrToLower(name);
  std::vector<std::string> known;
  std::vector<v1::TaskState> states;
  for (int number = v1::TASK_STATE_BLOCKED; number <= v1::TASK_STATE_CANCELLED; ++number) {
    const auto state = static_cast<v1::TaskState>(number);
    known.push_back(StateName(state));
    const bool finished = IsFinished(state);
    const bool running = state == v1::TASK_STATE_RUNNING;
    if (word == known.back() || (word == "waiting" && !finished && !running) ||
        (word == "unfinished" && !finished) || (word == "finished" && finished)) {
      states.push_back(state);
    }
  }
  if (!states.empty()) return states;
  return absl::InvalidArgumentError(
      absl::StrCat("'", Printable(name), "' is not a state of tasks; these are ",
                   absl::StrJoin(known, ", "), "; and waiting, unfinished, finished"));
}

std::string OutcomeName(v1::AttemptOutcome outcome) {
  return absl::StrReplaceAll(EnumWord(v1::AttemptOutcome_Name(outcome), "ATTEMPT_OUTCOME_"),
                             {{"_", " "}});
}

bool IsFinished(v1::TaskState state) {
  return state == v1::TASK_STATE_SUCCEEDED || state == v1::TASK_STATE_FAILED ||
         state == v1::TASK_STATE_CANCELLED;
}

std::string BatchState(const v1::Batch& batch) {
  if (batch.open()) return "open";
  if (!batch.has_finished_at()) return "running";
  if (batch.counts().failed() > 0) return "failed";
  return batch.counts().cancelled() > 0 ? "cancelled" : "succeeded";
}

std::string WorkerState(const v1::Worker& worker) {
  return worker.draining() ? "draining" : "active";
}

std::string ShortDuration(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) return absl::StrCat("-", ShortDuration(-duration));
  if (duration == absl::InfiniteDuration()) return "for ever";
  if (duration < absl::Milliseconds(1)) {
    return duration == absl::ZeroDuration() ? "0s" : "<1ms";
  }
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds == 0) return absl::StrCat(absl::ToInt64Milliseconds(duration), "ms");
  if (seconds < 10) {
    return absl::StrFormat("%.1fs",
                           absl::ToDoubleSeconds(absl::Floor(duration, absl::Milliseconds(100))));
  }
  if (seconds < 60) return absl::StrCat(seconds, "s");
  const int64_t minutes = seconds / 60;
  if (minutes < 60) return TwoUnits(minutes, "m", seconds % 60, "s");
  const int64_t hours = minutes / 60;
  if (hours < 24) return TwoUnits(hours, "h", minutes % 60, "m");
  return TwoUnits(hours / 24, "d", hours % 24, "h");
}

std::string Ago(absl::Time when, absl::Time now) {
  const absl::Duration passed = absl::Trunc(now - when, absl::Seconds(1));
  if (passed == absl::ZeroDuration()) return "now";
  // Whole seconds are enough for "some time ago".
  const absl::Duration distance = absl::AbsDuration(passed);
  const std::string text = distance < absl::Seconds(10)
                               ? absl::StrCat(absl::ToInt64Seconds(distance), "s")
                               : ShortDuration(distance);
  return passed > absl::ZeroDuration() ? absl::StrCat(text, " ago") : absl::StrCat("in ", text);
}

std::string When(const google::protobuf::Timestamp& time, absl::Time now) {
  const absl::Time when = FromProto(time);
  return absl::StrCat(absl::FormatTime("%Y-%m-%d %H:%M:%S", when, absl::LocalTimeZone()), " (",
                      Ago(when, now), ")");
}

std::string Rate(double per_second) {
  if (per_second >= 9.95) return absl::StrFormat("%.0f tasks/s", per_second);
  if (per_second >= 0.95) return absl::StrFormat("%.1f tasks/s", per_second);
  return absl::StrFormat("%.2g tasks/min", 60 * per_second);
}

std::string ProgressText(const v1::Progress& progress) {
  std::string text = absl::StrFormat("%.0f%%", 100 * progress.fraction());
  if (!progress.message().empty()) {
    absl::StrAppend(&text, " ", Printable(progress.message(), 1024));
  }
  return text;
}

std::string CountsText(const v1::Counts& counts) {
  std::vector<std::string> parts;
  const auto add = [&](int64_t count, absl::string_view what) {
    if (count > 0) parts.push_back(absl::StrCat(count, " ", what));
  };
  add(counts.blocked(), "blocked");
  add(counts.scheduled(), "scheduled");
  add(counts.ready(), "ready");
  add(counts.running(), "running");
  add(counts.succeeded(), "succeeded");
  add(counts.failed(), "failed");
  add(counts.cancelled(), "cancelled");
  return parts.empty() ? "none" : absl::StrJoin(parts, ", ");
}

std::string Summary(const v1::Batch& batch) {
  return absl::StrCat(CountOf(batch.total(), "task"), ": ", CountsText(batch.counts()));
}

int64_t Finished(const v1::Counts& counts) {
  return counts.succeeded() + counts.failed() + counts.cancelled();
}

int64_t Waiting(const v1::Counts& counts) {
  return counts.blocked() + counts.scheduled() + counts.ready();
}

std::string ErrorText(const v1::TaskError& error) {
  std::string code = absl::StatusCodeToString(static_cast<absl::StatusCode>(error.code()));
  std::string message = Printable(error.message(), kMaxTextBytes);
  if (error.code() == 0) return message;
  if (code.empty()) return absl::StrCat("code ", error.code(), ": ", message);
  return message.empty() ? code : absl::StrCat(code, ": ", message);
}

std::string Pairs(const google::protobuf::Map<std::string, std::string>& map) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : map) sorted[Printable(name)] = Printable(value);
  return absl::StrJoin(sorted, " ", absl::PairFormatter("="));
}

std::string ShellQuoted(const google::protobuf::RepeatedPtrField<std::string>& argv) {
  return absl::StrJoin(
      argv, " ", [](std::string* out, const std::string& word) { out->append(ShellWord(word)); });
}

std::string Lines(absl::string_view text, absl::string_view indent, int columns) {
  if (text.empty()) return "";
  const size_t size = text.size();
  text = text.substr(0, kMaxTextBytes);
  std::string out;
  absl::ConsumeSuffix(&text, "\n");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    for (const std::string& part : Wrap(Printable(line, 4 * kMaxTextBytes), columns)) {
      absl::StrAppend(&out, indent, part, "\n");
    }
  }
  if (size > kMaxTextBytes) {
    absl::StrAppend(&out, indent, "... (", size - kMaxTextBytes, " more bytes)\n");
  }
  return out;
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (status.ok()) return Inert(std::move(json));
  // Strings that are no UTF-8 do not get through the parser, so there is nothing it could be.
  return "{}";
}

std::string WithField(std::string json, absl::string_view name, absl::string_view value) {
  json.pop_back();
  if (json.size() > 1) json += ',';
  absl::StrAppend(&json, "\"", name, "\":", value, "}");
  return json;
}

std::string TaskJson(const v1::Task& task) {
  std::string json = ToJson(task);
  if (task.spec().type() != "exec") return json;
  if (v1::ExecPayload payload;
      !task.spec().payload().empty() && payload.ParseFromString(task.spec().payload())) {
    json = WithField(std::move(json), "exec_payload", ToJson(payload));
  }
  if (v1::ExecResult result; !task.result().empty() && result.ParseFromString(task.result())) {
    json = WithField(std::move(json), "exec_result", ToJson(result));
  }
  return json;
}

std::string WatchJson(const v1::WatchBatchResponse& news) {
  const std::string tasks =
      absl::StrJoin(news.tasks(), ",",
                    [](std::string* out, const v1::Task& task) { out->append(TaskJson(task)); });
  return absl::StrCat("{\"tasks\":[", tasks, "],\"cursor\":\"", news.cursor(),
                      "\",\"batch\":", ToJson(news.batch()), "}");
}

std::string SubmissionJson(const Submission& batch) {
  v1::SubmitTasksResponse answer;
  answer.set_batch_id(batch.batch_id);
  for (const auto& [position, id] : batch.task_ids.existing()) {
    v1::ExistingTask* task = answer.add_existing();
    task->set_index(static_cast<int32_t>(position));
    task->set_task_id(id);
  }
  for (int64_t i = 0; i < batch.task_ids.size() && answer.first_task_id() == 0; ++i) {
    if (!batch.task_ids.existing().contains(i)) answer.set_first_task_id(batch.task_ids[i] - i);
  }
  return WithField(ToJson(answer), "task_ids", absl::StrCat("\"", batch.task_ids.ToString(), "\""));
}

}  // namespace tarea
