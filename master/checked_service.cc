#include "master/checked_service.h"

#include <google/protobuf/io/zero_copy_stream.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpcpp/support/method_handler.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_grpc.h"
#include "master/message_check.h"

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

using Calls = v1::TaskService::Service;

template <typename Request, typename Response>
RpcServiceMethod* Method(Calls* service, const char* name,
                         grpc::Status (Calls::*call)(grpc::ServerContext*, const Request*,
                                                     Response*)) {
  using Handler = grpc::internal::RpcMethodHandler<Calls, Request, Response>;
  auto handler = std::make_unique<Handler>(
      [call](Calls* self, grpc::ServerContext* context, const Request* request,
             Response* response) { return (self->*call)(context, request, response); },
      service);
  return new RpcServiceMethod(name, RpcMethod::NORMAL_RPC,
                              new CheckedHandler<Request>(std::move(handler)));
}

template <typename Request, typename Response>
RpcServiceMethod* Method(Calls* service, const char* name,
                         grpc::Status (Calls::*call)(grpc::ServerContext*, const Request*,
                                                     grpc::ServerWriter<Response>*)) {
  using Handler = grpc::internal::ServerStreamingHandler<Calls, Request, Response>;
  auto handler = std::make_unique<Handler>(
      [call](Calls* self, grpc::ServerContext* context, const Request* request,
             grpc::ServerWriter<Response>* writer) {
        return (self->*call)(context, request, writer);
      },
      service);
  return new RpcServiceMethod(name, RpcMethod::SERVER_STREAMING,
                              new CheckedHandler<Request>(std::move(handler)));
}

}  // namespace

CheckedService::CheckedService(Calls* service) {
  const auto add = [this, service](const char* name, auto call) {
    AddMethod(Method(service, name, call));
  };
#define TAREA_ADD(name) add("/tarea.v1.TaskService/" #name, &Calls::name)
  TAREA_ADD(SubmitTasks);
  TAREA_ADD(GetTask);
  TAREA_ADD(ListTasks);
  TAREA_ADD(GetBatch);
  TAREA_ADD(ListBatches);
  TAREA_ADD(WatchBatch);
  TAREA_ADD(WatchTask);
  TAREA_ADD(CancelTasks);
  TAREA_ADD(RetryTasks);
  TAREA_ADD(RequestTask);
  TAREA_ADD(SubmitResult);
  TAREA_ADD(Heartbeat);
  TAREA_ADD(GetStats);
  TAREA_ADD(ListQueues);
  TAREA_ADD(PauseQueue);
  TAREA_ADD(ResumeQueue);
  TAREA_ADD(ListWorkers);
#undef TAREA_ADD
}

}  // namespace tarea
