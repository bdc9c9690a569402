#ifndef TAREA_TESTS_SUPPORT_RAW_CALL_H_
#define TAREA_TESTS_SUPPORT_RAW_CALL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace tarea {

// Sends one message to a method by its path ("/tarea.v1.TaskService/GetTask"), as a prober does
// that has only the wire format, with a token if one is given. Answers the bytes of the first
// message that comes back, empty if there is none.
absl::StatusOr<std::string> CallRaw(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& path, const std::string& message,
                                    const std::string& token = "");

}  // namespace tarea

#endif  // TAREA_TESTS_SUPPORT_RAW_CALL_H_
