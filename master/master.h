#ifndef TAREA_MASTER_MASTER_H_
#define TAREA_MASTER_MASTER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "master/acceptor.h"
#include "master/call_deadlines.h"
#include "master/checked_service.h"
#include "master/dispatcher.h"
#include "master/options.h"
#include "master/security/access.h"
#include "master/security/insecure_warning.h"
#include "master/store/store.h"
#include "master/task_service.h"

namespace tarea {

// A whole master in one object: store, dispatcher, service, server.
class Master {
 public:
  // Opens the store and listens. `on_broken` is called once, on any thread, if the store can take
  // no more writes; the process has to end then. Errors say what could not be opened and what to
  // do.
  static absl::StatusOr<std::unique_ptr<Master>> Start(
      const MasterOptions& options, std::function<void(const absl::Status&)> on_broken);
  ~Master();

  // The port that it listens on.
  int port() const { return port_; }

  // Stops taking calls, wakes those that are parked, and waits for the rest; seconds at most.
  void Shutdown();

 private:
  Master() = default;

  absl::Status OpenStore(const MasterOptions& options);
  absl::Status OpenAccess(const MasterOptions& options);
  absl::Status Listen(const MasterOptions& options);
  void StartServer(const MasterOptions& options,
                   std::shared_ptr<grpc::ServerCredentials> credentials);
  void SayHowSafe(const MasterOptions& options);

  std::unique_ptr<Store> store_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<TaskService> service_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<CheckedService> checked_service_;
  std::unique_ptr<CallDeadlines> deadlines_;
  std::unique_ptr<grpc::Server> server_;
  // Ends before what it hands connections to.
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<InsecureWarning> insecure_warning_;  // null: no reason to
  int port_ = 0;
};

}  // namespace tarea

#endif  // TAREA_MASTER_MASTER_H_
