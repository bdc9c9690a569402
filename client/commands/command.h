#ifndef TAREA_CLIENT_COMMANDS_COMMAND_H_
#define TAREA_CLIENT_COMMANDS_COMMAND_H_

#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/commands/descriptor_input.h"
#include "client/commands/documents.h"
#include "client/commands/layout.h"
#include "client/commands/terminal.h"
#include "common/cli_fwd.h"
#include "common/clock.h"
#include "common/credentials.h"
#include "common/logging.h"

namespace tarea {

class ProgressDisplay;

// How the user's wish to stop reaches a command that waits. Thread-safe.
class Interruption {
 public:
  // Ends the calls of the attached client, now or as soon as one is attached.
  void Raise();
  bool raised() const;

  // `client` must be detached, by attaching null, before it is destroyed.
  void Attach(Client* client);

 private:
  mutable absl::Mutex mu_;
  bool raised_ ABSL_GUARDED_BY(mu_) = false;
  Client* client_ ABSL_GUARDED_BY(mu_) = nullptr;
};

// What a command has of its process. All that is pointed to must outlive the command.
struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  // A person types the input, so there is none to wait for.
  bool in_is_terminal = false;
  Terminal out_terminal = {};
  Terminal err_terminal = {};
  // Null: nothing interrupts.
  Interruption* interruption = nullptr;
  // The descriptors behind `out` and `err`; -1 if there are none.
  int out_fd = -1;
  int err_fd = -1;
  // Where the client may keep what outlives it; empty: nowhere.
  std::string state_directory = {};
  // How inputs are waited for, `in` and others. Null: for as long as it takes.
  InputWait* input_wait = nullptr;
  // Lets `in` and other inputs end, even while they are being read. Null: cannot be done.
  std::function<void()> end_input = nullptr;
  // What a command goes by, except in its calls. Null: the machine's time.
  Clock* clock = nullptr;
  // Called once with what --log-level and --log-format say. Null: logging is set up already.
  std::function<absl::Status(const LogOptions&)> init_logging = nullptr;
};

// Flags that go before or after the name of any command.
struct GlobalFlags {
  std::vector<std::string> masters = {"127.0.0.1:50051"};
  CredentialOptions credential_options;
  Credentials credentials;  // of these
  absl::Duration connect_timeout = absl::Seconds(10);
  OutputFormat output = OutputFormat::kTable;
  // --json was given. Once the command line is read: `output` is a format for programs.
  bool json = false;
  // Whether --json means lines rather than one document where a command prints one item after the
  // other.
  bool json_lines = false;
  enum class Colours { kAuto, kAlways, kNever } colours = Colours::kAuto;
  // What goes wrong is told by the command; the log is for looking closer.
  LogOptions log = {.level = "warn"};
};

// What every command works with. Not thread-safe.
class Context {
 public:
  explicit Context(const Console& console);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  GlobalFlags flags;
  // For hints: "client run".
  std::string command = "client";

  std::istream& in() { return console_.in; }
  std::ostream& out() { return console_.out; }
  std::ostream& err() { return console_.err; }
  bool in_is_terminal() const { return console_.in_is_terminal; }
  const Console& console() const { return console_; }
  absl::Time Now() { return clock().Now(); }
  Clock& clock() { return console_.clock != nullptr ? *console_.clock : clock_; }

  // What the outputs are, with the colours that the user wants.
  Terminal out_terminal() const { return WithColours(console_.out_terminal); }
  Terminal err_terminal() const { return WithColours(console_.err_terminal); }
  // How tables and the like are laid out on `out`.
  Look look() const;

  // What is for programs, if flags.json. A command prints either
  //   one object, whole;
  void PrintDocument(absl::string_view json) { DocumentsAs(/*streams=*/false).Document(json); }
  //   or a document with the list `field`, of which there may be no items;
  void PrintList(absl::string_view field) { DocumentsAs(/*streams=*/false).Begin(field); }
  void PrintListItem(absl::string_view json) { DocumentsAs(/*streams=*/false).Item(json); }
  //   or items that come one after the other: with --json, lines.
  Documents& stream() { return DocumentsAs(/*streams=*/true); }
  // Ends the document that was begun, if the command has not.
  void EndDocument();

  // The client that --master and --connect-timeout describe. The interruption ends its calls.
  Client& client();
  // Another one, which the interruption leaves alone: for calls whose outcome must be known, and to
  // clean up afterwards.
  std::unique_ptr<Client> UninterruptedClient() const;
  // Another one, which gives up after `retry_time` already.
  std::unique_ptr<Client> ImpatientClient(absl::Duration retry_time) const;
  bool interrupted() const;

  // What is on stderr and must be hidden while something else is written there; null: nothing.
  void SetProgress(ProgressDisplay* progress);

  // One line for people, on stderr. `text` is printed as it is. Thread-safe.
  void Note(absl::string_view text);
  // Tells why the command ends, on stderr, and answers its exit code.
  int Fail(const absl::Status& status);
  // The same for a command line that makes no sense.
  int Usage(absl::string_view text);

 private:
  ClientOptions Options() const;
  Terminal WithColours(Terminal terminal) const;
  Documents& DocumentsAs(bool streams);

  const Console console_;
  MonotonicClock clock_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Documents> documents_;
  absl::Mutex note_mu_;
  ProgressDisplay* progress_ ABSL_GUARDED_BY(note_mu_) = nullptr;
};

// One subcommand. Its flags live in it, so it must outlive the parsing.
class Command {
 public:
  virtual ~Command() = default;

  // Adds the subcommand and its flags to `app`, and answers it.
  virtual CLI::App* AddTo(CLI::App& app) = 0;

  // True: the words from the first one on that is no flag are the user's own command line. They are
  // kept from the parser and come with SetWords.
  virtual bool TakesWords() const { return false; }
  virtual void SetWords(const std::vector<std::string>& /*words*/) {}

  // Does it, and answers the exit code.
  virtual int Run(Context& context) = 0;
};

std::unique_ptr<Command> MakeSubmit();
std::unique_ptr<Command> MakeRun();
std::unique_ptr<Command> MakeStatus();
std::unique_ptr<Command> MakeList();
std::unique_ptr<Command> MakeLogs();
std::unique_ptr<Command> MakeShow();
std::unique_ptr<Command> MakeWatch();
std::unique_ptr<Command> MakeCancel();
std::unique_ptr<Command> MakeRetry();
std::unique_ptr<Command> MakeStats();
std::unique_ptr<Command> MakeWorkers();
std::unique_ptr<Command> MakeQueues();
std::unique_ptr<Command> MakeTop();
std::unique_ptr<Command> MakeProgress();

// What the client does without a command: submits ten tasks and shows their results. Gives up
// waiting for these after `wait`.
int RunSample(Context& context, absl::Duration wait);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_COMMAND_H_
