#include "master/token_commands.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/exit_codes.h"
#include "common/flags.h"

namespace tarea {
namespace {

constexpr char kCreateFooter[] =
    R"(Prints the token, which cannot be shown again: only a hash of it is kept. Give it to a client or
a worker in a file that only its owner can read (--token-file), or in the variable TAREA_TOKEN. As
many as one likes may be good at once; to replace one, make the next, hand it out, revoke the first.

Examples:
  master token create --role submit --name ci --expires 90d --queue images --to ci.token
  master token create --role work --name farm --to farm.token)";

std::string Day(absl::Time time) { return absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone()); }

std::string StateOf(const TokenInfo& token, absl::Time now) {
  if (token.revoked_at != absl::InfiniteFuture()) return "revoked " + Day(token.revoked_at);
  if (token.expires_at == absl::InfiniteFuture()) return "does not expire";
  return (now >= token.expires_at ? "expired " : "until ") + Day(token.expires_at);
}

// A new file that only its owner can read.
absl::Status Write(const std::string& path, const std::string& secret) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  const std::string line = secret + "\n";
  const bool written = fd >= 0 &&
                       write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (written) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot make the file ", path, ": ", std::generic_category().message(error)));
}

}  // namespace

TokenCommands::TokenCommands(CLI::App& app) {
  CLI::App* const token = app.add_subcommand("token", "Make, list and revoke tokens");
  token->require_subcommand(1);
  create_ = token->add_subcommand("create", "Make one");
  create_->footer(kCreateFooter);
  create_->add_option("--role", role_, "What its owner may do: read, submit, work or admin")
      ->type_name("ROLE")
      ->configurable(false)
      ->required();
  create_->add_option("--name", name_, "Whose it is, for the log [its id]")
      ->type_name("NAME")
      ->configurable(false);
  create_->add_option("--queue", queues_, "Only for these queues [all]")
      ->delimiter(',')
      ->type_name("NAME,...")
      ->configurable(false);
  AddDuration(*create_, "--expires", expires_, "For how long it is good; 0s: for ever")
      ->configurable(false);
  create_->add_option("--to", to_, "Write it to this new file, for your eyes only")
      ->type_name("FILE")
      ->configurable(false);
  list_ = token->add_subcommand("list", "Show all, but not what their owners show");
  revoke_ = token->add_subcommand("revoke", "Take one back; a master notices within a second");
  revoke_->add_option("token", which_, "Its id, or the name")->type_name("ID|NAME")->required();
}

std::optional<int> TokenCommands::Run(const std::string& data_dir, absl::Time now,
                                      std::ostream& out, std::ostream& err) const {
  const std::array<CLI::App*, 3> commands = {create_, list_, revoke_};
  const auto* const command =
      std::find_if(commands.begin(), commands.end(), [](CLI::App* c) { return c->parsed(); });
  if (command == commands.end()) return std::nullopt;
  const absl::StatusOr<std::unique_ptr<Tokens>> tokens = Tokens::Open(data_dir);
  absl::Status status = tokens.status();
  if (status.ok() && *command == create_) status = Create(**tokens, now, out, err);
  if (status.ok() && *command == list_) status = List(**tokens, now, out);
  if (status.ok() && *command == revoke_) status = Revoke(**tokens, now, out);
  if (status.ok()) return kExitOk;
  err << "master token " << (*command)->get_name() << ": " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

absl::Status TokenCommands::Create(Tokens& tokens, absl::Time now, std::ostream& out,
                                   std::ostream& err) const {
  const absl::StatusOr<Role> role = ParseRole(role_);
  if (!role.ok()) return role.status();
  const absl::Time expires_at =
      expires_ == absl::ZeroDuration() ? absl::InfiniteFuture() : now + expires_;
  const absl::StatusOr<NewToken> token =
      tokens.Create(name_, {.role = *role, .queues = queues_}, now, expires_at);
  if (!token.ok()) return token.status();
  if (to_.empty()) {
    out << token->secret << "\n";
  } else if (absl::Status status = Write(to_, token->secret); !status.ok()) {
    // Nobody has seen it.
    tokens.Revoke(token->id, now).IgnoreError();
    return status;
  }
  err << "token " << token->id << (to_.empty() ? "" : ", in " + to_) << "\n";
  return absl::OkStatus();
}

absl::Status TokenCommands::List(Tokens& tokens, absl::Time now, std::ostream& out) const {
  const absl::StatusOr<std::vector<TokenInfo>> all = tokens.List();
  if (!all.ok()) return all.status();
  constexpr char kRow[] = "%-12s  %-20s  %-6s  %-10s  %-18s  %s\n";
  out << absl::StrFormat(kRow, "ID", "NAME", "ROLE", "CREATED", "STATE", "QUEUES");
  for (const TokenInfo& token : *all) {
    out << absl::StrFormat(
        kRow, token.id, token.name, RoleName(token.grant.role), Day(token.created_at),
        StateOf(token, now),
        token.grant.queues.empty() ? "all" : absl::StrJoin(token.grant.queues, ","));
  }
  return absl::OkStatus();
}

absl::Status TokenCommands::Revoke(Tokens& tokens, absl::Time now, std::ostream& out) const {
  const absl::StatusOr<int> revoked = tokens.Revoke(which_, now);
  if (!revoked.ok()) return revoked.status();
  out << *revoked << (*revoked == 1 ? " token" : " tokens") << " revoked\n";
  return absl::OkStatus();
}

}  // namespace tarea
