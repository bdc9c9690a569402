#include "client/commands/output.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/convert.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr size_t kMaxTextBytes = 4096;
constexpr size_t kMaxCellBytes = 256;

// East Asian wide characters and emoji: the ranges that matter, not all of Unicode's table.
bool IsWide(uint32_t code) {
  return (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
         (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
         (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
         (code >= 0x1F300 && code <= 0x1FAFF) || (code >= 0x20000 && code <= 0x3FFFD);
}

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

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    uint32_t code = length == 1 ? byte : byte & (0x7F >> length);
    for (size_t k = 1; k < length && i + k < text.size(); ++k) {
      code = (code << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3F);
    }
    const bool combining = code >= 0x300 && code <= 0x36F;
    if (!combining) width += IsWide(code) ? 2 : 1;
    i += length;
  }
  return width;
}

Table::Table(const std::vector<std::string>& headings) {
  for (absl::string_view heading : headings) {
    to_the_right_.push_back(absl::ConsumePrefix(&heading, ">"));
    headings_.emplace_back(heading);
    widths_.push_back(heading.size());
  }
}

void Table::Add(std::vector<std::string> cells) {
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = cells[i].empty() ? "-" : Printable(cells[i], kMaxCellBytes);
    widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) {
  if (!std::exchange(headings_printed_, true)) PrintRow(headings_, out);
  for (const std::vector<std::string>& row : rows_) PrintRow(row, out);
  rows_.clear();
}

void Table::PrintRow(const std::vector<std::string>& cells, std::ostream& out) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string space(widths_[i] - DisplayWidth(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += to_the_right_[i] ? space + cells[i] : cells[i] + space;
  }
  out << absl::StripTrailingAsciiWhitespace(line) << '\n';
}

std::string StateName(v1::TaskState state) {
  return EnumWord(v1::TaskState_Name(state), "TASK_STATE_");
}

absl::StatusOr<v1::TaskState> ParseState(absl::string_view name) {
  std::vector<std::string> known;
  for (int number = v1::TASK_STATE_BLOCKED; number <= v1::TASK_STATE_CANCELLED; ++number) {
    const auto state = static_cast<v1::TaskState>(number);
    known.push_back(StateName(state));
    if (absl::AsciiStrToLower(name) == known.back()) return state;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "'", Printable(name), "' is not a state of tasks; these are ", absl::StrJoin(known, ", ")));
}

std::string OutcomeName(v1::AttemptOutcome outcome) {
  return absl::StrReplaceAll(EnumWord(v1::AttemptOutcome_Name(outcome), "ATTEMPT_OUTCOME_"),
                             {{"_", " "}});
}

bool IsFinished(v1::TaskState state) {
  return state == v1::TASK_STATE_SUCCEEDED || state == v1::TASK_STATE_FAILED ||
         state == v1::TASK_STATE_CANCELLED;
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

std::string ErrorText(const v1::TaskError& error) {
  std::string code = absl::StatusCodeToString(static_cast<absl::StatusCode>(error.code()));
  std::string message = Printable(error.message(), kMaxTextBytes);
  if (error.code() == 0) return message;
  if (code.empty()) return absl::StrCat("code ", error.code(), ": ", message);
  return message.empty() ? code : absl::StrCat(code, ": ", message);
}

std::string ShellQuoted(const google::protobuf::RepeatedPtrField<std::string>& argv) {
  return absl::StrJoin(
      argv, " ", [](std::string* out, const std::string& word) { out->append(ShellWord(word)); });
}

std::string Lines(absl::string_view text, absl::string_view indent) {
  if (text.empty()) return "";
  const size_t size = text.size();
  text = text.substr(0, kMaxTextBytes);
  std::string out;
  absl::ConsumeSuffix(&text, "\n");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&out, indent, Printable(line, 4 * kMaxTextBytes), "\n");
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
  if (status.ok()) return json;
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
