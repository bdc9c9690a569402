#include "client/commands/command.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/commands/progress_display.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

// Masters write sentences; what is longer than this is no sentence.
constexpr size_t kMaxErrorBytes = 4096;

}  // namespace

void Interruption::Raise() {
  absl::MutexLock lock(&mu_);
  raised_ = true;
  if (client_ != nullptr) client_->Interrupt();
}

bool Interruption::raised() const {
  absl::MutexLock lock(&mu_);
  return raised_;
}

void Interruption::Attach(Client* client) {
  absl::MutexLock lock(&mu_);
  client_ = client;
  if (raised_ && client_ != nullptr) client_->Interrupt();
}

Context::Context(const Console& console) : console_(console) {}

Context::~Context() {
  if (console_.interruption != nullptr) console_.interruption->Attach(nullptr);
}

ClientOptions Context::Options() const {
  ClientOptions options;
  options.masters = flags.masters;
  options.credentials = flags.credentials;
  options.retry_time = flags.connect_timeout;
  options.call_timeout = std::min(options.call_timeout, flags.connect_timeout);
  return options;
}

Client& Context::client() {
  if (client_ == nullptr) {
    client_ = std::make_unique<Client>(Options());
    if (console_.interruption != nullptr) console_.interruption->Attach(client_.get());
  }
  return *client_;
}

std::unique_ptr<Client> Context::UninterruptedClient() const {
  return std::make_unique<Client>(Options());
}

std::unique_ptr<Client> Context::ImpatientClient(absl::Duration retry_time) const {
  ClientOptions options = Options();
  options.retry_time = std::min(options.retry_time, retry_time);
  return std::make_unique<Client>(std::move(options));
}

Terminal Context::WithColours(Terminal terminal) const {
  switch (flags.colours) {
    case GlobalFlags::Colours::kAuto:
      break;
    case GlobalFlags::Colours::kAlways:
      terminal.colours = true;
      break;
    case GlobalFlags::Colours::kNever:
      terminal.colours = false;
      break;
  }
  return terminal;
}

Look Context::look() const {
  const Terminal terminal = out_terminal();
  const bool wide = flags.output == OutputFormat::kWide;
  return {.columns = terminal.is_terminal && !wide ? terminal.columns : 0,
          .colours = terminal.colours,
          .wide = wide};
}

Documents& Context::DocumentsAs(bool streams) {
  if (documents_ == nullptr) {
    const bool lines = streams && flags.json_lines;
    documents_ =
        std::make_unique<Documents>(out(), lines ? OutputFormat::kJsonLines : flags.output);
  }
  return *documents_;
}

void Context::EndDocument() {
  if (documents_ != nullptr) documents_->End();
}

bool Context::interrupted() const {
  return console_.interruption != nullptr && console_.interruption->raised();
}

void Context::SetProgress(ProgressDisplay* progress) {
  absl::MutexLock lock(&note_mu_);
  progress_ = progress;
}

void Context::Note(absl::string_view text) {
  absl::MutexLock lock(&note_mu_);
  std::optional<ProgressDisplay::Hidden> hidden;
  if (progress_ != nullptr) hidden.emplace(*progress_);
  err() << "client: " << text << std::endl;
  if (hidden.has_value()) hidden->Wrote('\n');
}

int Context::Fail(const absl::Status& status) {
  std::string text = Printable(status.message(), kMaxErrorBytes);
  if (absl::StartsWith(text, "cannot reach the master")) {
    absl::StrAppend(&text, "; start it, or name another with --master HOST:PORT");
  }
  Note(text);
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kExitDenied;
    default:
      return interrupted() ? kExitInterrupted : kExitFailed;
  }
}

int Context::Usage(absl::string_view text) {
  Note(text);
  err() << "Try: " << command << " --help\n";
  return kExitUsage;
}

}  // namespace tarea
