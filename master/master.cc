#include "master/master.h"

#include <grpc/support/time.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/version.h"
#include "master/connection_guard.h"
#include "master/server_limits.h"
#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"
#include "master/tls_guard.h"

namespace tarea {
namespace {

// How long calls that are in the middle of something have to finish.
constexpr int kShutdownGraceSeconds = 3;
// Threads beyond those that workers and watchers can park: so that submissions, results and
// questions always find one.
constexpr int kSpareThreads = 256;
// What a call may send, in messages of the greatest size, until its connection is cut: whoever
// sends somewhat too much is told so by gRPC, which has to read it for that.
constexpr int64_t kCallMessages = 4;

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
  if (const absl::Status status = master->OpenAccess(options); !status.ok()) return status;
  master->service_ = std::make_unique<TaskService>(master->dispatcher_.get(), options.limits,
                                                   master->audit_.get());
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
    sqlite.disk_reserve = options.disk_reserve;
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

absl::Status Master::OpenAccess(const MasterOptions& options) {
  absl::StatusOr<std::unique_ptr<AuditLog>> audit = AuditLog::Open(options.audit);
  if (!audit.ok()) return audit.status();
  audit_ = *std::move(audit);
  AccessOptions access{.certificates = !options.tls.authority.empty(),
                       .tokens = nullptr,
                       .max_failures_a_minute = options.server_limits.max_auth_failures,
                       .now = CalendarTime};
  if (options.tokens) {
    absl::StatusOr<std::unique_ptr<Tokens>> tokens = Tokens::Open(options.data_dir);
    if (!tokens.ok()) return tokens.status();
    access.tokens = *std::move(tokens);
  }
  access_ = std::make_unique<Access>(std::move(access), audit_.get());
  return absl::OkStatus();
}

absl::Status Master::Listen(const MasterOptions& options) {
  absl::StatusOr<std::unique_ptr<Acceptor>> acceptor =
      Acceptor::Listen(options.listen, options.server_limits.max_connections, clock_.get());
  if (!acceptor.ok()) return acceptor.status();
  port_ = (*acceptor)->port();
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials = MakeServerCredentials(
      options.tls, /*certificate_is_optional=*/options.tokens, CalendarTime());
  if (!credentials.ok()) return credentials.status();
  StartServer(options, *std::move(credentials));
  if (server_ == nullptr) return absl::InternalError("gRPC's server cannot be started");
  server_->GetHealthCheckService()->SetServingStatus(v1::TaskService::service_full_name(), true);
  acceptor_ = *std::move(acceptor);
  const int64_t max_call_bytes = kCallMessages * options.limits.max_message;
  const bool tls = UsesTls(options.tls);
  if (tls) GuardTlsConnections(max_call_bytes);
  acceptor_->Start([this, tls, max_call_bytes](int fd) {
    if (!tls) GuardConnection(fd, max_call_bytes);
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    connections_->HandleNewConnection(&connection);
  });
  const std::string host = options.listen.substr(0, options.listen.rfind(':'));
  spdlog::info("listening on {}", port_ == 0 ? options.listen : absl::StrCat(host, ":", port_));
  SayHowSafe(options);
  return absl::OkStatus();
}

void Master::SayHowSafe(const MasterOptions& options) {
  if (UsesTls(options.tls)) spdlog::info("TLS with the certificate {}", options.tls.certificate);
  const bool certificates = !options.tls.authority.empty();
  if (certificates || options.tokens) {
    spdlog::info("callers need {}{}{}",
                 certificates ? "a certificate of " + options.tls.authority : "",
                 certificates && options.tokens ? ", or " : "", options.tokens ? "a token" : "");
  }
  if (options.insecure && !(UsesTls(options.tls) && (certificates || options.tokens))) {
    insecure_warning_ = std::make_unique<InsecureWarning>(
        absl::StrCat("--insecure: whoever can reach ", options.listen,
                     certificates || options.tokens ? " can read what passes, tokens too"
                                                    : " can submit and take tasks"),
        clock_.get());
  }
}

void Master::StartServer(const MasterOptions& options,
                         std::shared_ptr<grpc::ServerCredentials> credentials) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  LimitServer(2 * options.dispatcher.max_workers + options.dispatcher.max_watchers +
                  options.dispatcher.max_followers + kSpareThreads,
              options.limits.max_message, builder);
  if (UsesTls(options.tls)) {
    LimitAge(options.server_limits.max_connection_age,
             options.limits.max_wait + options.server_limits.max_unread, builder);
  }
  deadlines_ = std::make_unique<CallDeadlines>(
      CallDeadlines::Limits{.unread = options.server_limits.max_unread,
                            .whole = options.limits.max_wait + options.server_limits.max_unread},
      clock_.get());
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(deadlines_->MakeInterceptors());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  connections_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      std::move(credentials));
  checked_service_ = std::make_unique<CheckedService>(service_.get(), access_.get());
  builder.RegisterService(checked_service_.get());
  server_ = builder.BuildAndStart();
}

void Master::Shutdown() {
  if (acceptor_ != nullptr) acceptor_->Stop();
  if (dispatcher_ != nullptr) dispatcher_->Shutdown();
  if (server_ == nullptr) return;
  server_->Shutdown(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                 gpr_time_from_seconds(kShutdownGraceSeconds, GPR_TIMESPAN)));
}

Master::~Master() { Shutdown(); }

}  // namespace tarea
