#include "master/options.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/address.h"
#include "common/flags.h"
#include "common/logging.h"
#include "master/acceptor.h"

namespace tarea {
namespace {

std::string Environment(const char* name) {
  // Nothing changes the environment while flags are read.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

// gRPC takes the port modulo 65536, and without one it takes 443.
absl::Status CheckAddress(absl::string_view address) {
  if (IsUnixSocket(address)) return absl::OkStatus();
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == 0 || colon == absl::string_view::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("--listen is '", Printable(address),
                     "'; write an address and a port up to 65535, for instance 127.0.0.1:50051"));
  }
  return absl::OkStatus();
}

// Others than this machine may only come in if they are asked who they are, and nobody on the way
// can listen.
absl::Status CheckReach(const MasterOptions& options) {
  if (IsLoopback(options.listen) || options.insecure) return absl::OkStatus();
  const bool asks = !options.tls.authority.empty() || options.tokens;
  if (UsesTls(options.tls) && asks) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--listen is ", options.listen, ", which others than this machine can reach, and ",
      UsesTls(options.tls) ? "nobody would be asked who they are"
      : asks               ? "tokens would cross the network for all to read"
                           : "nothing would be encrypted or checked",
      ". Either make certificates (\"master pki init\") and give --tls-dir, or say --insecure if "
      "the network is trusted"));
}

template <typename T>
void AddLimit(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  // CLI::PositiveNumber would complain with the largest double, in 309 digits.
  const CLI::Validator at_least_one(
      [](const std::string& text) {
        T number = 0;
        return CLI::detail::lexical_cast(text, number) && number >= 1
                   ? ""
                   : absl::StrCat("'", Printable(text), "' is not a number from 1 up");
      },
      "NUMBER");
  app.add_option(name, value, help)->check(at_least_one)->capture_default_str()->group("Limits");
}

}  // namespace

std::string MasterOptions::DefaultDataDir() {
  // systemd gives a list if the unit names several.
  const std::string state = Environment("STATE_DIRECTORY");
  if (!state.empty()) return state.substr(0, state.find(':'));
  const std::string xdg = Environment("XDG_STATE_HOME");
  if (!xdg.empty()) return xdg + "/tarea";
  return Environment("HOME") + "/.local/state/tarea";
}

void AddMasterFlags(CLI::App& app, MasterOptions& options) {
  app.add_option("--listen", options.listen, "Address and port; port 0 picks a free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  AddTlsFlags(app, options.tls);
  app.add_flag("--accept-tokens", options.tokens,
               "Callers without a certificate need a token (master token create)");
  app.add_option("--audit-log", options.audit.file,
                 "File for who did what to which batch or queue, and who was refused")
      ->type_name("FILE");
  AddBytes(app, "--audit-log-size", options.audit.max_bytes,
           "How large the audit log becomes; then a new one is begun, and ten old ones are kept");
  app.add_flag("--insecure", options.insecure,
               "Listen beyond this machine although nothing is encrypted or checked");
  app.add_option("--port-file", options.port_file, "Write the port to this file once it is open")
      ->type_name("FILE");
  app.add_option("--data-dir", options.data_dir, "Where the embedded store is")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--store", options.store, "sqlite, or memory (keeps nothing)")
      ->check(CLI::IsMember({"sqlite", "memory"}))
      ->type_name("STORE")
      ->capture_default_str();
  app.add_option("--durability", options.durability,
                 "fsync: what is accepted survives a loss of power; os: the end of the process")
      ->check(CLI::IsMember({"fsync", "os"}))
      ->type_name("HOW")
      ->capture_default_str();
  app.add_option("--disk-reserve", options.disk_reserve,
                 "Bytes of the data directory's disk that are kept for results: while no more are "
                 "free, new tasks are refused")
      ->check(CLI::NonNegativeNumber)
      ->type_name("BYTES")
      ->capture_default_str();
  AddDuration(app, "--lease", options.dispatcher.lease,
              "How long a worker has a task without a sign of life");
  AddDuration(app, "--retain", options.dispatcher.retain, "How long finished batches are kept");
  AddDuration(app, "--retain-requests", options.store_limits.retain_requests,
              "How long a request_id is remembered");
  AddLogFlags(app, options.log);

  app.add_option("--max-submit-rate", options.limits.submit_rate,
                 "Tasks a second that one caller may submit; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group("Limits");
  AddLimit(app, "--max-payload", options.limits.max_payload, "Bytes of a task's payload");
  AddLimit(app, "--max-result", options.limits.max_result, "Bytes of a task's result");
  AddLimit(app, "--max-error", options.limits.max_error, "Bytes of an error; longer ones are cut");
  AddLimit(app, "--max-message", options.limits.max_message, "Bytes of one call");
  AddLimit(app, "--max-tasks-per-call", options.limits.max_tasks_per_call,
           "Tasks in one SubmitTasks");
  AddLimit(app, "--max-batch", options.store_limits.max_batch, "Tasks in one batch");
  AddLimit(app, "--max-depends-on", options.limits.max_depends_on, "Tasks one task waits for");
  AddLimit(app, "--max-queue-depth", options.store_limits.max_queue_depth,
           "Unfinished tasks in one queue");
  AddBytes(app, "--max-queue-bytes", options.store_limits.max_queue_bytes,
           "Bytes of the payloads of unfinished tasks in one queue")
      ->group("Limits");
  AddLimit(app, "--max-queues", options.store_limits.max_lanes, "Pairs of queue and type");
  AddLimit(app, "--max-workers", options.dispatcher.max_workers, "Workers at a time");
  AddLimit(app, "--max-watchers", options.dispatcher.max_watchers, "WatchBatch streams at a time");
  AddLimit(app, "--max-followers", options.dispatcher.max_followers,
           "WatchTask streams (client logs) at a time");
  AddLimit(app, "--max-followed-output", options.dispatcher.max_followed_output,
           "Bytes kept of each output stream of a task that is followed");
  AddLimit(app, "--max-claim", options.limits.max_claim, "Tasks one poll takes away");
  AddLimit(app, "--max-claim-bytes", options.limits.max_claim_bytes,
           "Bytes of payload after which one poll takes no more");
  AddDuration(app, "--max-wait", options.limits.max_wait, "How long a poll may park")
      ->group("Limits");
  AddLimit(app, "--max-connections", options.server_limits.max_connections,
           "Connections at a time; each is a descriptor");
  AddDuration(app, "--max-connection-age", options.server_limits.max_connection_age,
              "How long a connection with TLS takes calls; then its certificate is looked at again")
      ->group("Limits");
  AddLimit(app, "--max-auth-failures", options.server_limits.max_auth_failures,
           "Calls of one host in a minute with wrong credentials that get to hear why");
  AddDuration(app, "--max-unread", options.server_limits.max_unread,
              "How long a caller may leave an answer unread")
      ->group("Limits");
}

absl::Status CheckOptions(const MasterOptions& options) {
  if (const absl::Status status = CheckAddress(options.listen); !status.ok()) return status;
  if (const absl::Status status = CheckReach(options); !status.ok()) return status;
  if (options.dispatcher.lease < absl::Milliseconds(100)) {
    return absl::InvalidArgumentError(absl::StrCat("--lease is ",
                                                   absl::FormatDuration(options.dispatcher.lease),
                                                   "; it must be at least 100ms"));
  }
  for (const absl::Duration duration :
       {options.dispatcher.retain, options.store_limits.retain_requests, options.limits.max_wait,
        options.server_limits.max_unread, options.server_limits.max_connection_age}) {
    if (duration <= absl::ZeroDuration()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--retain, --retain-requests, --max-wait, --max-unread and "
                       "--max-connection-age must be more than 0; one of them is ",
                       absl::FormatDuration(duration)));
    }
  }
  if (options.limits.max_message <=
      std::max(options.limits.max_payload, options.limits.max_result)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--max-message is ", options.limits.max_message,
        "; it must be greater than --max-payload and --max-result, or none of that size can come"));
  }
  if (options.server_limits.max_connections > Acceptor::kMostConnections) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max-connections is ", options.server_limits.max_connections,
                     "; it must be at most ", Acceptor::kMostConnections));
  }
  if (options.limits.max_message > std::numeric_limits<int>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("--max-message is ", options.limits.max_message,
                                                   "; gRPC takes at most ",
                                                   std::numeric_limits<int>::max()));
  }
  return absl::OkStatus();
}

}  // namespace tarea
