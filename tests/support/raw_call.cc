#include "tests/support/raw_call.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "common/status_grpc.h"

namespace tarea {

absl::StatusOr<std::string> CallRaw(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& path, const std::string& message,
                                    const std::string& token) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  // What went wrong in one step is told by the last one.
  const auto await = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, path, &queue);
  const grpc::Slice request(message);
  call->StartCall(nullptr);
  await();
  call->WriteLast(grpc::ByteBuffer(&request, 1), grpc::WriteOptions(), nullptr);
  await();
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  const bool read = await();
  grpc::Status status;
  call->Finish(&status, nullptr);
  await();
  if (!status.ok()) return FromGrpc(status);
  grpc::Slice bytes;
  if (!read || !response.DumpToSingleSlice(&bytes).ok()) return "";
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

}  // namespace tarea
