#include "master/pki_commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/exit_codes.h"
#include "common/flags.h"
#include "master/security/pki.h"

namespace tarea {
namespace {

constexpr char kInitFooter[] =
    R"(Makes an authority, and with it certificates for a master, a worker and a client, each a file
NAME.crt with its key in NAME.key. Take worker.* and ca.crt to the workers' machines, client.* and
ca.crt to those of who submits; ca.key stays where it is, and can make more (master pki issue).

Examples:
  master pki init --host tasks.example.com
  master pki init --dir /etc/tarea/pki --host tasks.example.com,10.0.0.1)";

constexpr char kIssueFooter[] =
    R"(Examples:
  master pki issue video-farm --role work --queue video
  master pki issue reports --role read --valid 90d
  master pki issue master2 --host tasks2.example.com)";

int Fail(const char* command, const absl::Status& status, std::ostream& err) {
  err << "master pki " << command << ": " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

}  // namespace

PkiCommands::PkiCommands(CLI::App& app) {
  CLI::App* const pki = app.add_subcommand("pki", "Make certificates");
  pki->require_subcommand(1);
  init_ = pki->add_subcommand("init", "Make an authority, and a first certificate for everybody");
  init_->footer(kInitFooter);
  issue_ = pki->add_subcommand("issue", "Make one more certificate");
  issue_->footer(kIssueFooter);
  for (CLI::App* const command : {init_, issue_}) {
    command->add_option("--dir", directory_, "Where the authority is")
        ->type_name("DIR")
        ->configurable(false)
        ->capture_default_str();
    command->add_option("--host", hosts_, "Of a master: the names or addresses it is called by")
        ->delimiter(',')
        ->type_name("HOST,...")
        ->configurable(false);
    AddDuration(*command, "--valid", valid_, "For how long")->configurable(false);
  }
  init_->get_option("--host")->required();
  issue_->add_option("name", name_, "Name of the certificate, and of its files")
      ->type_name("NAME")
      ->required();
  issue_->add_option("--role", role_, "What its owner may do: read, submit, work or admin")
      ->type_name("ROLE")
      ->configurable(false);
  issue_->add_option("--queue", queues_, "With which queues [all]")
      ->delimiter(',')
      ->type_name("NAME,...")
      ->configurable(false);
}

std::optional<int> PkiCommands::Run(absl::Time now, std::ostream& out, std::ostream& err) const {
  if (init_->parsed()) return Init(now, out, err);
  if (issue_->parsed()) return Issue(now, out, err);
  return std::nullopt;
}

int PkiCommands::Init(absl::Time now, std::ostream& out, std::ostream& err) const {
  absl::StatusOr<CertificateAuthority> authority = CertificateAuthority::Make(directory_, now);
  absl::Status status = authority.status();
  std::vector<std::string> made;
  if (status.ok()) made.push_back(authority->certificate_path());
  const auto issue = [&](const char* name, const auto& what) {
    if (!status.ok()) return;
    const absl::StatusOr<std::string> path = authority->Issue(name, what, now, valid_);
    status = path.status();
    if (status.ok()) made.push_back(*path);
  };
  issue("master", MasterCertificate{hosts_});
  issue("worker", PeerCertificate{{.role = Role::kWork, .queues = {}}});
  issue("client", PeerCertificate{{.role = Role::kAdmin, .queues = {}}});
  if (!status.ok()) {
    // All or nothing, so that the command can be given again.
    for (const std::string& path : made) {
      unlink(path.c_str());
      unlink(absl::StrCat(absl::StripSuffix(path, ".crt"), ".key").c_str());
    }
    return Fail("init", status, err);
  }
  for (const std::string& path : made) out << path << "\n";
  return kExitOk;
}

int PkiCommands::Issue(absl::Time now, std::ostream& out, std::ostream& err) const {
  const auto run = [&]() -> absl::StatusOr<std::string> {
    if (role_.empty() == hosts_.empty()) {
      return absl::InvalidArgumentError(
          "say either --role, for a worker or a client, or --host, for a master");
    }
    absl::StatusOr<CertificateAuthority> authority = CertificateAuthority::Open(directory_);
    if (!authority.ok()) return authority.status();
    if (!hosts_.empty()) return authority->Issue(name_, MasterCertificate{hosts_}, now, valid_);
    const absl::StatusOr<Role> role = ParseRole(role_);
    if (!role.ok()) return role.status();
    return authority->Issue(name_, PeerCertificate{{.role = *role, .queues = queues_}}, now,
                            valid_);
  };
  const absl::StatusOr<std::string> path = run();
  if (path.ok()) {
    out << *path << "\n";
    return kExitOk;
  }
  return Fail("issue", path.status(), err);
}

}  // namespace tarea
