#include "bench/floors.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/echo.grpc.pb.h"
#include "common/status_grpc.h"

namespace tarea {
namespace {

using EchoStub = std::unique_ptr<bench::Echo::Stub>;

EchoStub Connect(const std::string& address) {
  return bench::Echo::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
}

absl::Status Echo(bench::Echo::Stub& stub, const bench::EchoMessage& message) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  bench::EchoMessage answer;
  return FromGrpc(stub.Say(&context, message, &answer));
}

bench::EchoMessage Message() {
  bench::EchoMessage message;
  message.set_text(std::string(100, 'x'));
  return message;
}

// A file to append to, gone with this object.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& directory)
      : path_(directory + "/floor"),
        fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}
  ~ScratchFile() {
    close(fd_);
    unlink(path_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  absl::Status Append(const std::string& block) {
    return write(fd_, block.data(), block.size()) == static_cast<ssize_t>(block.size())
               ? absl::OkStatus()
               : absl::ErrnoToStatus(errno, absl::StrCat("cannot write to ", path_));
  }
  absl::Status Sync() {
    return fdatasync(fd_) == 0 ? absl::OkStatus()
                               : absl::ErrnoToStatus(errno, absl::StrCat("cannot sync ", path_));
  }

 private:
  const std::string path_;
  const int fd_;
};

}  // namespace

EchoServer::EchoServer()
    : process_(BinPath("tarea_bench"), {"echo-server", dir_.path() + "/address"}) {}

absl::Status EchoServer::AwaitStart() {
  const Stopwatch waited;
  while (!std::filesystem::exists(dir_.path() + "/address")) {
    if (process_.Wait(absl::ZeroDuration()).has_value() || waited.Elapsed() > Process::kPatience) {
      return absl::UnavailableError(
          absl::StrCat("the echo server did not start: ", process_.Log()));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  address_ = ReadFile(dir_.path() + "/address");
  return absl::OkStatus();
}

absl::StatusOr<Samples> EchoLatency(const std::string& address, int calls) {
  const EchoStub stub = Connect(address);
  const bench::EchoMessage message = Message();
  Samples samples;
  // The first ones connect and warm up.
  for (int i = -100; i < calls; ++i) {
    const Stopwatch watch;
    if (absl::Status status = Echo(*stub, message); !status.ok()) return status;
    if (i >= 0) samples.Add(watch.Elapsed());
  }
  return samples;
}

absl::StatusOr<double> EchoRate(const std::string& address, int threads, absl::Duration time) {
  const EchoStub stub = Connect(address);
  const bench::EchoMessage message = Message();
  if (absl::Status status = Echo(*stub, message); !status.ok()) return status;
  std::atomic<bool> stop = false;
  std::atomic<int64_t> calls = 0;
  std::vector<std::thread> running;
  const Stopwatch watch;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      while (!stop && Echo(*stub, message).ok()) ++calls;
    });
  }
  absl::SleepFor(time);
  stop = true;
  for (std::thread& thread : running) thread.join();
  return PerSecond(static_cast<double>(calls), watch.Elapsed());
}

absl::StatusOr<Samples> SyncLatency(const std::string& directory, int writes) {
  ScratchFile file(directory);
  const std::string block(4096, 'x');
  Samples samples;
  for (int i = 0; i < writes; ++i) {
    const Stopwatch watch;
    if (absl::Status status = file.Append(block); !status.ok()) return status;
    if (absl::Status status = file.Sync(); !status.ok()) return status;
    samples.Add(watch.Elapsed());
  }
  return samples;
}

absl::StatusOr<double> WriteRate(const std::string& directory, int64_t block_bytes, int blocks,
                                 bool sync_each) {
  ScratchFile file(directory);
  const std::string block(static_cast<size_t>(block_bytes), 'x');
  const Stopwatch watch;
  for (int i = 0; i < blocks; ++i) {
    if (absl::Status status = file.Append(block); !status.ok()) return status;
    if (!sync_each && i + 1 < blocks) continue;
    if (absl::Status status = file.Sync(); !status.ok()) return status;
  }
  return PerSecond(static_cast<double>(block_bytes) * blocks, watch.Elapsed());
}

}  // namespace tarea
