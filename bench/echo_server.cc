#include "bench/echo_server.h"

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "bench/echo.grpc.pb.h"
#include "common/exit_codes.h"
#include "tests/support/process.h"

namespace tarea {
namespace {

class EchoService final : public bench::Echo::Service {
 public:
  grpc::Status Say(grpc::ServerContext* /*context*/, const bench::EchoMessage* request,
                   bench::EchoMessage* response) override {
    response->set_text(request->text());
    return grpc::Status::OK;
  }
};

}  // namespace

int EchoServerMain(const std::string& address_file) {
  EchoService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::cerr << "echo-server: cannot listen on a port of 127.0.0.1\n";
    return kExitFailed;
  }
  // Renamed, so that whoever waits for it never reads a half of it.
  WriteFile(address_file + ".new", absl::StrCat("127.0.0.1:", port));
  std::filesystem::rename(address_file + ".new", address_file);
  server->Wait();
  return kExitOk;
}

}  // namespace tarea
