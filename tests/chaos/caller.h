#ifndef TAREA_TESTS_CHAOS_CALLER_H_
#define TAREA_TESTS_CHAOS_CALLER_H_

#include <atomic>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/connection.h"
#include "tests/chaos/journal.h"

namespace tarea {

// One process of the harness that calls the master: each call is made once, and what came of it
// goes into the history. Not thread-safe, but for Stop.
class Caller {
 public:
  Caller(Journal& journal, const std::string& process, const std::string& address)
      : scribe_(journal, process), connection_({.masters = {address}}) {}

  // What the outcome of a call is for the history. Counts what a full disk has refused.
  HistoryEvent::Phase Judge(const absl::Status& status);

  // Makes the call once. Waits until the master can be reached, within `timeout`: otherwise most
  // calls would fail before they are made, while it is away.
  absl::Status Call(absl::Duration timeout,
                    absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> call);

  // Sleeps, or less if it is stopped.
  void Pause(absl::Duration duration) const;

  // Makes calls that run end, and loops that look at `stopped`.
  void Stop() {
    stopped_ = true;
    connection_.Interrupt();
  }
  bool stopped() const { return stopped_; }

  Scribe& scribe() { return scribe_; }
  Journal& journal() { return scribe_.journal(); }

 private:
  Scribe scribe_;
  Connection connection_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_CALLER_H_
