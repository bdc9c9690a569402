#include "master/master.h"

#include <grpc/support/time.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/version.h"
#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"

namespace tarea {
namespace {

// How long calls that are in the middle of something have to finish.
constexpr int kShutdownGraceSeconds = 3;
// Threads beyond those that workers and watchers can park: so that submissions, results and
// questions always find one.
constexpr int kSpareThreads = 256;
// gRPC ends a thread that has answered its call when as many as these wait for the next one, and
// begins a new one when all are busy. With its own limit of 2 most calls that wait for the disk
// cost a thread.
constexpr int kMaxPollers = 64;

absl::Status WritePortFile(const std::string& path, int port) {
  // Complete or not there: whoever waits for it may read it at once.
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << port << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot write --port-file ", path, "; name a file that can be written"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Master>> Master::Start(
    const MasterOptions& options, std::function<void(const absl::Status&)> on_broken) {
  if (const absl::Status status = CheckOptions(options); !status.ok()) return status;
  std::unique_ptr<Master> master(new Master());
  if (const absl::Status status = master->OpenStore(options); !status.ok()) return status;
  master->clock_ = std::make_unique<MonotonicClock>(master->store_->last_time());
  DispatcherOptions dispatcher = options.dispatcher;
  dispatcher.max_wait = options.limits.max_wait;
  master->dispatcher_ = std::make_unique<Dispatcher>(master->store_.get(), master->clock_.get(),
                                                     dispatcher, std::move(on_broken));
  if (const absl::Status status = master->dispatcher_->Start(); !status.ok()) return status;
  master->service_ = std::make_unique<TaskService>(master->dispatcher_.get(), options.limits);
  if (const absl::Status status = master->Listen(options); !status.ok()) return status;
  if (!options.port_file.empty()) {
    const absl::Status status = WritePortFile(options.port_file, master->port_);
    if (!status.ok()) return status;
  }
  return master;
}

absl::Status Master::OpenStore(const MasterOptions& options) {
  if (options.store == "memory") {
    store_ = std::make_unique<MemoryStore>(options.store_limits);
    spdlog::warn("--store memory: everything is forgotten when the master ends");
  } else {
    SqliteOptions sqlite;
    sqlite.data_dir = options.data_dir;
    sqlite.durability = options.durability == "os" ? Durability::kOs : Durability::kFsync;
    sqlite.limits = options.store_limits;
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(sqlite);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
  }
  const absl::StatusOr<std::vector<Queue>> queues = store_->ListQueues();
  if (!queues.ok()) return queues.status();
  Counts total;
  for (const Queue& queue : *queues) {
    for (int i = 0; i < kTaskStates; ++i) total.by_state[i] += queue.counts.by_state[i];
  }
  spdlog::info("version {}; store {}{}{}: {} tasks wait, {} run, {} finished are kept",
               std::string(Version()), store_->name(),
               store_->durability().empty() ? "" : ", durability ", store_->durability(),
               total.Waiting(), total[TaskState::kRunning], total.Total() - total.Unfinished());
  if (options.store == "sqlite") spdlog::info("data directory {}", options.data_dir);
  return absl::OkStatus();
}

absl::Status Master::Listen(const MasterOptions& options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  // Two masters on one port would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Finds out about callers whose machine or network went away without a word.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.limits.max_message));
  builder.SetMaxSendMessageSize(-1);  // bounded by the size of pages and of what a poll takes
  grpc::ResourceQuota quota;
  quota.SetMaxThreads(2 * options.dispatcher.max_workers + options.dispatcher.max_watchers +
                      options.dispatcher.max_followers + kSpareThreads);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, kMaxPollers);
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.listen,
                     ": the port is in use, or the address is not one of this machine; choose "
                     "another with --listen, or port 0 for any that is free"));
  }
  server_->GetHealthCheckService()->SetServingStatus(v1::TaskService::service_full_name(), true);
  const std::string host = options.listen.substr(0, options.listen.rfind(':'));
  spdlog::info("listening on {}:{}", host, port_);
  if (options.insecure) {
    spdlog::warn("--insecure: whoever can reach {} can submit and take tasks", options.listen);
  }
  return absl::OkStatus();
}

void Master::Shutdown() {
  if (dispatcher_ != nullptr) dispatcher_->Shutdown();
  if (server_ == nullptr) return;
  server_->Shutdown(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                 gpr_time_from_seconds(kShutdownGraceSeconds, GPR_TIMESPAN)));
}

Master::~Master() { Shutdown(); }

}  // namespace tarea
