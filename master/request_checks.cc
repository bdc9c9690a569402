#include "master/request_checks.h"

#include "common/convert.h"
#include "common/ids.h"
#include "common/logging.h"
#include "master/limits.h"

namespace tarea {

absl::Status CheckName(const std::string& value, const Field& field) {
  if (value.empty()) return Invalid(field, " is empty; it is required");
  if (IsName(value, kMaxNameBytes, "._:/-")) return absl::OkStatus();
  return Invalid(field, " is '", Printable(value), "'; it must be 1 to ", kMaxNameBytes,
                 " letters, digits or one of . _ : / -");
}

absl::Status CheckText(const std::string& value, const Field& field, int max_bytes) {
  if (static_cast<int>(value.size()) <= max_bytes) return absl::OkStatus();
  return Invalid(field, " is ", value.size(), " bytes; the limit is ", max_bytes);
}

absl::Status CheckCount(int count, int max, const Field& field, const char* flag) {
  if (count <= max) return absl::OkStatus();
  return Invalid(field, " has ", count, " entries; the limit is ", max, flag);
}

absl::Status ParseDurationField(const google::protobuf::Duration& proto, const Field& field,
                                absl::Duration min, absl::Duration max, absl::Duration& value) {
  const absl::Duration parsed = FromProto(proto);
  if (parsed < min || parsed > max) {
    return Invalid(field, " is ", absl::FormatDuration(parsed), "; it must be ",
                   absl::FormatDuration(min), " to ", absl::FormatDuration(max));
  }
  value = absl::Trunc(parsed, absl::Microseconds(1));
  return absl::OkStatus();
}

absl::Status ParseLabels(const google::protobuf::Map<std::string, std::string>& proto,
                         const Field& field, std::map<std::string, std::string>& labels) {
  absl::Status status = CheckCount(static_cast<int>(proto.size()), kMaxLabels, field);
  for (const auto& [name, value] : proto) {
    if (!status.ok()) return status;
    if (!IsName(name, kMaxLabelNameBytes, "._/-")) {
      return Invalid(field, " has the name '", Printable(name), "'; it must be 1 to ",
                     kMaxLabelNameBytes, " letters, digits or one of . _ / -");
    }
    if (value.size() > kMaxTextBytes) {
      return Invalid(field, "['", name, "'] is ", value.size(), " bytes; the limit is ",
                     kMaxTextBytes);
    }
    labels.emplace(name, value);
  }
  return status;
}

}  // namespace tarea
