#ifndef TAREA_COMMON_CONVERT_H_
#define TAREA_COMMON_CONVERT_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/recent_output.h"
#include "proto/tasks.pb.h"

namespace tarea {

// To and from protobuf's well-known types. Durations and times beyond what those can hold are cut
// to their ends (about 10,000 years).
google::protobuf::Duration ToProto(absl::Duration duration);
google::protobuf::Timestamp ToProto(absl::Time time);
absl::Duration FromProto(const google::protobuf::Duration& duration);
absl::Time FromProto(const google::protobuf::Timestamp& time);

v1::OutputChunk ToProto(OutputChunk chunk);
v1::TaskOutput ToProto(TaskOutput output);
// `proto` must name a stream that there is.
OutputChunk FromProto(const v1::OutputChunk& proto);

// Whether each text in a message, at whatever depth, is UTF-8, as the wire wants it: a receiver
// refuses a message that is not without a word, and a sender does not look. INVALID_ARGUMENT names
// the field and the value.
absl::Status CheckUtf8(const google::protobuf::Message& message);

// A duration as people write it in flags: "30s", "1m30s", "500ms", "7d", "0". A number needs a
// unit. INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// A number of bytes as people write it in flags: "4096", "64K", "512M", "2G", "1T", in powers of
// 1024. Not negative. INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<int64_t> ParseBytes(absl::string_view text);

}  // namespace tarea

#endif  // TAREA_COMMON_CONVERT_H_
