#include "common/convert.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr int64_t kMaxDurationSeconds = 315'576'000'000;  // protobuf's own limit

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Checks the `index`-th value of a field, or its only one if `index` is -1.
absl::Status CheckValueUtf8(const Message& message, const FieldDescriptor* field, int index) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return CheckUtf8(index < 0 ? reflection.GetMessage(message, field)
                               : reflection.GetRepeatedMessage(message, field, index));
  }
  std::string scratch;
  const std::string& text =
      index < 0 ? reflection.GetStringReference(message, field, &scratch)
                : reflection.GetRepeatedStringReference(message, field, index, &scratch);
  if (IsUtf8(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field->name(), " is '", Printable(text), "', which is not UTF-8"));
}

}  // namespace

google::protobuf::Duration ToProto(absl::Duration duration) {
  duration =
      std::clamp(duration, absl::Seconds(-kMaxDurationSeconds), absl::Seconds(kMaxDurationSeconds));
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(
      static_cast<int32_t>(absl::IDivDuration(duration, absl::Nanoseconds(1), &duration)));
  return proto;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  time = std::clamp(time, absl::FromUnixSeconds(-62'135'596'800),
                    absl::FromUnixSeconds(253'402'300'799));
  google::protobuf::Timestamp proto;
  proto.set_seconds(absl::ToUnixSeconds(time));
  proto.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(proto.seconds()))));
  return proto;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

v1::OutputChunk ToProto(OutputChunk chunk) {
  v1::OutputChunk proto;
  proto.set_stream(chunk.stream == OutputStream::kStdout ? v1::OUTPUT_STREAM_STDOUT
                                                         : v1::OUTPUT_STREAM_STDERR);
  proto.set_offset(chunk.offset);
  proto.set_data(std::move(chunk.data));
  return proto;
}

v1::TaskOutput ToProto(TaskOutput output) {
  v1::TaskOutput proto;
  for (OutputChunk& chunk : output.chunks) *proto.add_chunks() = ToProto(std::move(chunk));
  proto.set_stdout_size(output.sizes[OutputStream::kStdout]);
  proto.set_stderr_size(output.sizes[OutputStream::kStderr]);
  return proto;
}

OutputChunk FromProto(const v1::OutputChunk& proto) {
  return {.stream = proto.stream() == v1::OUTPUT_STREAM_STDERR ? OutputStream::kStderr
                                                               : OutputStream::kStdout,
          .offset = proto.offset(),
          .data = proto.data()};
}

absl::Status CheckUtf8(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->type() != FieldDescriptor::TYPE_STRING &&
        field->type() != FieldDescriptor::TYPE_MESSAGE) {
      continue;
    }
    const int count = field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const absl::Status status = CheckValueUtf8(message, field, field->is_repeated() ? i : -1);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration duration;
  // absl knows no days.
  if (absl::string_view days = text; absl::ConsumeSuffix(&days, "d")) {
    double count = 0;
    // Not all that is a number to C: nan, inf, 0x1p3.
    if (days.find_first_not_of("+-.0123456789") == absl::string_view::npos &&
        absl::SimpleAtod(days, &count)) {
      duration = count * absl::Hours(24);
      if (absl::AbsDuration(duration) != absl::InfiniteDuration()) return duration;
    }
  } else if (absl::ParseDuration(text, &duration) &&
             absl::AbsDuration(duration) != absl::InfiniteDuration()) {
    return duration;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "'", Printable(text),
      "' is not a duration; write a number and a unit, for instance 500ms, 30s, 5m, 2h "
      "or 7d"));
}

absl::StatusOr<int64_t> ParseBytes(absl::string_view text) {
  constexpr absl::string_view kUnits = "KMGT";
  absl::string_view digits = text;
  int shift = 0;
  if (!digits.empty()) {
    const size_t unit = kUnits.find(absl::ascii_toupper(static_cast<unsigned char>(digits.back())));
    if (unit != absl::string_view::npos) {
      shift = 10 * (static_cast<int>(unit) + 1);
      digits.remove_suffix(1);
    }
  }
  int64_t count = 0;
  // What absl takes too: signs and spaces around it.
  const bool is_number = !digits.empty() && absl::ascii_isdigit(digits.front()) &&
                         absl::ascii_isdigit(digits.back()) && absl::SimpleAtoi(digits, &count);
  if (is_number && count <= std::numeric_limits<int64_t>::max() >> shift) return count << shift;
  return absl::InvalidArgumentError(
      absl::StrCat("'", Printable(text),
                   "' is not a size; write bytes, or a number and one of K, M, G, T, "
                   "for instance 512M or 2G"));
}

}  // namespace tarea
