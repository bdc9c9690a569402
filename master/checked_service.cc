#include "master/checked_service.h"

#include <google/protobuf/io/zero_copy_stream.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpcpp/support/method_handler.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "common/status_grpc.h"
#include "master/message_check.h"
#include "master/security/rpcs.h"

namespace tarea {
namespace {

using grpc::internal::MethodHandler;
using grpc::internal::RpcMethod;
using grpc::internal::RpcServiceMethod;

// The bytes of a message as gRPC has them; reads them without a copy.
class BufferStream final : public google::protobuf::io::ZeroCopyInputStream {
 public:
  explicit BufferStream(grpc_byte_buffer* buffer) {
    grpc_byte_buffer_reader_init(&reader_, buffer);
  }
  ~BufferStream() override { grpc_byte_buffer_reader_destroy(&reader_); }

  bool Next(const void** data, int* size) override {
    if (back_ == 0) {
      if (grpc_byte_buffer_reader_peek(&reader_, &slice_) == 0) return false;
      back_ = GRPC_SLICE_LENGTH(*slice_);
    }
    *data = GRPC_SLICE_END_PTR(*slice_) - back_;
    *size = static_cast<int>(back_);
    count_ += *size;
    back_ = 0;
    return true;
  }

  void BackUp(int count) override {
    back_ = static_cast<size_t>(count);
    count_ -= count;
  }

  bool Skip(int count) override {
    const void* data = nullptr;
    int size = 0;
    while (count > 0 && Next(&data, &size)) {
      if (size > count) BackUp(size - count);
      count -= size;
    }
    return count <= 0;
  }

  int64_t ByteCount() const override { return count_; }

 private:
  grpc_byte_buffer_reader reader_ = {};
  grpc_slice* slice_ = nullptr;
  // Bytes at the end of the slice that come next.
  size_t back_ = 0;
  int64_t count_ = 0;
};

// Makes the request, and leaves the rest to the handler that gRPC has for the call.
template <typename Request>
class CheckedHandler final : public MethodHandler {
 public:
  explicit CheckedHandler(std::unique_ptr<MethodHandler> handler)
      : handler_(std::move(handler)), check_(Request::descriptor()) {}

  void RunHandler(const HandlerParameter& parameter) override { handler_->RunHandler(parameter); }

  void* Deserialize(grpc_call* call, grpc_byte_buffer* bytes, grpc::Status* status,
                    void** /*data*/) override {
    // A call may end without its message.
    if (bytes == nullptr) {
      *status = {grpc::StatusCode::INVALID_ARGUMENT, "the call has no message"};
      return nullptr;
    }
    void* request = nullptr;
    *status = ToGrpc(Parse(call, bytes, request));
    grpc_byte_buffer_destroy(bytes);
    return request;
  }

 private:
  absl::Status Parse(grpc_call* call, grpc_byte_buffer* bytes, void*& parsed) const {
    {
      BufferStream stream(bytes);
      if (absl::Status status = check_.CountParts(stream); !status.ok()) return status;
    }
    // The handler destroys it, and its memory goes with the call.
    auto* const request =
        new (grpc::g_core_codegen_interface->grpc_call_arena_alloc(call, sizeof(Request))) Request;
    {
      BufferStream stream(bytes);
      if (request->ParseFromZeroCopyStream(&stream)) {
        parsed = request;
        return absl::OkStatus();
      }
    }
    request->~Request();
    BufferStream stream(bytes);
    return check_.Explain(stream);
  }

  const std::unique_ptr<MethodHandler> handler_;
  const MessageCheck check_;
};

// Calls `method` if its caller may.
template <typename Run>
grpc::Status RunAdmitted(Access& access, grpc::ServerContext& context, const char* name,
                         Role needed, Run run) {
  absl::StatusOr<Caller> caller = access.Admit(context, name, needed);
  if (caller.ok()) return run(Call{context, *std::move(caller)});
  // Of too many there are too many.
  if (!absl::IsResourceExhausted(caller.status())) {
    spdlog::warn("{} from {} refused: {}", name, context.peer(),
                 Printable(caller.status().ToString(), 512));
  }
  return ToGrpc(caller.status());
}

struct Registration {
  TaskService* service;
  Access* access;
  const char* path;  // "/tarea.v1.TaskService/GetTask"
  const char* name;
  Role needed;
};

template <typename Request, typename Response>
RpcServiceMethod* Method(const Registration& r,
                         grpc::Status (TaskService::*method)(const Call&, const Request*,
                                                             Response*)) {
  using Handler = grpc::internal::RpcMethodHandler<TaskService, Request, Response>;
  auto handler = std::make_unique<Handler>(
      [r, method](TaskService* self, grpc::ServerContext* context, const Request* request,
                  Response* response) {
        return RunAdmitted(*r.access, *context, r.name, r.needed, [&](const Call& call) {
          return (self->*method)(call, request, response);
        });
      },
      r.service);
  return new RpcServiceMethod(r.path, RpcMethod::NORMAL_RPC,
                              new CheckedHandler<Request>(std::move(handler)));
}

template <typename Request, typename Response>
RpcServiceMethod* Method(const Registration& r,
                         grpc::Status (TaskService::*method)(const Call&, const Request*,
                                                             grpc::ServerWriter<Response>*)) {
  using Handler = grpc::internal::ServerStreamingHandler<TaskService, Request, Response>;
  auto handler = std::make_unique<Handler>(
      [r, method](TaskService* self, grpc::ServerContext* context, const Request* request,
                  grpc::ServerWriter<Response>* writer) {
        return RunAdmitted(*r.access, *context, r.name, r.needed, [&](const Call& call) {
          return (self->*method)(call, request, writer);
        });
      },
      r.service);
  return new RpcServiceMethod(r.path, RpcMethod::SERVER_STREAMING,
                              new CheckedHandler<Request>(std::move(handler)));
}

}  // namespace

CheckedService::CheckedService(TaskService* service, Access* access) {
#define TAREA_ADD(name, role) \
  AddMethod(                  \
      Method({service, access, "/tarea.v1.TaskService/" #name, #name, role}, &TaskService::name));
  TAREA_RPCS(TAREA_ADD)
#undef TAREA_ADD
}

}  // namespace tarea
