#ifndef TAREA_COMMON_PAYLOAD_H_
#define TAREA_COMMON_PAYLOAD_H_

#include <google/protobuf/message_lite.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/logging.h"

// Payloads and results as values of a type T of one's own:
//   * a protobuf message is its serialized form;
//   * a std::string is itself;
//   * anything else is JSON, by nlohmann-json: T needs from_json to be read, to_json to be written,
//     for instance by NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE; nlohmann::json itself will do too.
// No exception leaves these functions, whatever from_json and to_json throw.
namespace tarea {

namespace payload_internal {

template <typename T>
inline constexpr bool kIsMessage = std::is_base_of_v<google::protobuf::MessageLite, T>;

// What an exception says, without nlohmann's "[json.exception.type_error.302] ".
inline std::string Reason(const std::exception& e) {
  absl::string_view text = e.what();
  if (const size_t end = text.find("] ");
      absl::StartsWith(text, "[json.exception.") && end != absl::string_view::npos) {
    text.remove_prefix(end + 2);
  }
  return Printable(text, 512);
}

template <typename Message>
absl::StatusOr<Message> ParseMessage(const std::string& bytes) {
  Message message;
  if (!message.ParsePartialFromString(bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("these are not the bytes of a ", message.GetTypeName()));
  }
  if (!message.IsInitialized()) {
    return absl::InvalidArgumentError(absl::StrCat("the ", message.GetTypeName(), " lacks ",
                                                   message.InitializationErrorString()));
  }
  return message;
}

template <typename T>
absl::StatusOr<T> ParseJson(const std::string& bytes) {
  try {
    return nlohmann::json::parse(bytes).template get<T>();
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(Reason(e));
  } catch (...) {
    return absl::InvalidArgumentError("from_json threw an exception");
  }
}

}  // namespace payload_internal

// INVALID_ARGUMENT says what is wrong with the bytes, not whose they are.
template <typename T>
absl::StatusOr<T> DecodePayload(const std::string& bytes) {
  if constexpr (std::is_same_v<T, std::string>) {
    return bytes;
  } else if constexpr (payload_internal::kIsMessage<T>) {
    return payload_internal::ParseMessage<T>(bytes);
  } else {
    return payload_internal::ParseJson<T>(bytes);
  }
}

// INVALID_ARGUMENT if the value cannot be written: a string in it that is not UTF-8, a message that
// lacks required fields.
template <typename T>
absl::StatusOr<std::string> EncodePayload(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (payload_internal::kIsMessage<T>) {
    if (!value.IsInitialized()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the ", value.GetTypeName(), " lacks ", value.InitializationErrorString()));
    }
    std::string bytes;
    if (value.SerializeToString(&bytes)) return bytes;
    return absl::InvalidArgumentError(
        absl::StrCat("the ", value.GetTypeName(), " cannot be serialized"));
  } else {
    try {
      return nlohmann::json(value).dump();
    } catch (const std::exception& e) {
      return absl::InvalidArgumentError(payload_internal::Reason(e));
    } catch (...) {
      return absl::InvalidArgumentError("to_json threw an exception");
    }
  }
}

}  // namespace tarea

#endif  // TAREA_COMMON_PAYLOAD_H_
