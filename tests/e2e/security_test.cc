// From nothing to a master, a worker and a client that know each other, with the real binaries.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

struct Ended {
  ProcessEnd end;
  std::string out;
  std::string err;
};

class Security : public testing::Test {
 protected:
  Ended Run(const std::string& program, const std::vector<std::string>& arguments,
            std::map<std::string, std::string> environment = {}) {
    Process process(BinPath(program), arguments,
                    {.environment = std::move(environment), .working_directory = dir_.path()});
    const std::optional<ProcessEnd> end = process.Wait();
    return {end.value_or(ProcessEnd{.code = -1}), process.Output(), process.Log()};
  }

  Ended Master(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--data-dir", dir_.path() + "/data"});
    return Run("master", arguments);
  }

  void StartMaster(const std::vector<std::string>& more) {
    std::vector<std::string> flags = {
        "--listen",    "127.0.0.1:0",         "--data-dir", dir_.path() + "/data",
        "--port-file", dir_.path() + "/port", "--tls-cert", "pki/master.crt",
        "--tls-key",   "pki/master.key"};
    flags.insert(flags.end(), more.begin(), more.end());
    master_ = std::make_unique<Process>(BinPath("master"), flags,
                                        ProcessOptions{.working_directory = dir_.path()});
    ASSERT_TRUE(master_->AwaitLog("listening on")) << master_->Log();
    // It is written right after.
    while (Read("port").empty()) std::this_thread::yield();
    address_ = "127.0.0.1:" + std::string(absl::StripAsciiWhitespace(Read("port")));
  }

  Ended Client(std::vector<std::string> arguments,
               std::map<std::string, std::string> environment = {}) {
    arguments.insert(arguments.begin(),
                     {"--master", address_, "--tls-ca", "pki/ca.crt", "--connect-timeout", "3s"});
    return Run("client", arguments, std::move(environment));
  }

  static std::string ReadProc(const Process& process, const std::string& name) {
    std::ifstream file(absl::StrCat("/proc/", process.pid(), "/", name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string Read(const std::string& name) const {
    std::ifstream file(dir_.path() + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void InitPki() {
    const Ended made = Run("master", {"pki", "init", "--host", "127.0.0.1"});
    ASSERT_EQ(made.end, ProcessEnd{}) << made.err;
    EXPECT_EQ(made.out, "pki/ca.crt\npki/master.crt\npki/worker.crt\npki/client.crt\n");
  }

  const TempDir dir_;
  std::unique_ptr<Process> master_;
  std::string address_;
};

TEST_F(Security, WithCertificatesATaskGoesFromTheClientToTheWorkerAndBack) {
  InitPki();
  StartMaster({"--tls-ca", "pki/ca.crt"});
  Process worker(BinPath("worker"), {"--master", address_, "--tls-dir", "pki"},
                 {.working_directory = dir_.path()});
  const Ended client =
      Client({"--tls-dir", "pki", "submit", "--type", "echo", "--payload", "hello", "--wait"});
  EXPECT_EQ(client.end, ProcessEnd{}) << client.err << worker.Log();
  EXPECT_THAT(master_->Log(), HasSubstr("from client at ipv4:127.0.0.1"));
}

TEST_F(Security, AWorkersCertificateIsNoneToSubmitWith) {
  InitPki();
  StartMaster({"--tls-ca", "pki/ca.crt"});
  const Ended client = Client(
      {"--tls-cert", "pki/worker.crt", "--tls-key", "pki/worker.key", "submit", "--type", "echo"});
  EXPECT_EQ(client.end, ProcessEnd{.code = 4}) << client.err;
  EXPECT_THAT(client.err, HasSubstr("'worker' has the role work; SubmitTasks needs submit"));
}

TEST_F(Security, ATokenLetsInItsOwnerUntilItIsRevoked) {
  InitPki();
  const Ended made = Master({"token", "create", "--role", "submit", "--name", "ci", "--queue",
                             "images", "--to", "ci.token"});
  ASSERT_EQ(made.end, ProcessEnd{}) << made.err;
  EXPECT_EQ(made.out, "");
  StartMaster({"--accept-tokens"});
  const std::vector<std::string> submit = {"submit", "--type", "echo", "--queue", "images"};
  std::vector<std::string> with_file = {"--token-file", "ci.token"};
  with_file.insert(with_file.end(), submit.begin(), submit.end());
  const Ended by_file = Client(with_file);
  EXPECT_EQ(by_file.end, ProcessEnd{}) << by_file.err;
  const std::string token(absl::StripAsciiWhitespace(Read("ci.token")));
  const Ended by_variable = Client(submit, {{"TAREA_TOKEN", token}});
  EXPECT_EQ(by_variable.end, ProcessEnd{}) << by_variable.err;

  const Ended elsewhere = Client({"submit", "--type", "echo"}, {{"TAREA_TOKEN", token}});
  EXPECT_EQ(elsewhere.end, ProcessEnd{.code = 4});
  EXPECT_THAT(elsewhere.err, HasSubstr("may not use the queue 'default', but only images"));
  const Ended without = Client(submit);
  EXPECT_EQ(without.end, ProcessEnd{.code = 4});
  EXPECT_THAT(without.err, AllOf(HasSubstr("--token-file"), HasSubstr("TAREA_TOKEN")));

  const Ended list = Master({"token", "list"});
  EXPECT_THAT(list.out, AllOf(HasSubstr("ci"), HasSubstr("submit"), HasSubstr("images"),
                              HasSubstr("until "), Not(HasSubstr(token.substr(19)))));
  const Ended revoked = Master({"token", "revoke", "ci"});
  EXPECT_EQ(revoked.out, "1 token revoked\n");
  Ended after;
  do {
    after = Client(submit, {{"TAREA_TOKEN", token}});
  } while (after.end == ProcessEnd{});
  EXPECT_EQ(after.end, ProcessEnd{.code = 4});
  EXPECT_THAT(after.err, HasSubstr("(ci) was revoked on"));
  EXPECT_THAT(master_->Log(), Not(HasSubstr(token.substr(19))));
}

TEST_F(Security, WithoutAFileTheTokenIsAllThatIsPrinted) {
  const Ended made = Master({"token", "create", "--role", "work"});
  EXPECT_EQ(made.end, ProcessEnd{}) << made.err;
  EXPECT_EQ(made.out.size(), 63);
  EXPECT_THAT(made.err, HasSubstr("token " + made.out.substr(6, 12)));
}

TEST_F(Security, WhatOthersCanReadIsRefused) {
  InitPki();
  ASSERT_EQ(Master({"token", "create", "--role", "read", "--to", "t"}).end, ProcessEnd{});
  address_ = "127.0.0.1:1";
  for (const char* file : {"t", "pki/client.key"}) {
    ASSERT_EQ(chmod((dir_.path() + "/" + file).c_str(), 0644), 0);
    const Ended client = Client({"--token-file", "t", "--tls-cert", "pki/client.crt", "--tls-key",
                                 "pki/client.key", "stats"});
    EXPECT_EQ(client.end, ProcessEnd{.code = 2});
    EXPECT_THAT(client.err, AllOf(HasSubstr(file), HasSubstr("chmod 600")));
    ASSERT_EQ(chmod((dir_.path() + "/" + file).c_str(), 0600), 0);
  }
  ASSERT_EQ(chmod((dir_.path() + "/pki/master.key").c_str(), 0640), 0);
  const Ended master = Run("master", {"--listen", "127.0.0.1:0", "--data-dir", "data", "--tls-cert",
                                      "pki/master.crt", "--tls-key", "pki/master.key"});
  EXPECT_NE(master.end, ProcessEnd{});
  EXPECT_THAT(master.err, AllOf(HasSubstr("pki/master.key"), HasSubstr("chmod 600")));
}

TEST_F(Security, WhereOthersCanReachItTheMasterNeedsTlsAndToKnowThem) {
  InitPki();
  const std::vector<std::string> open = {"--listen", "0.0.0.0:0", "--data-dir", "data"};
  const std::vector<std::string> tls = {"--tls-cert", "pki/master.crt", "--tls-key",
                                        "pki/master.key"};
  const auto run = [&](const std::vector<std::vector<std::string>>& more) {
    std::vector<std::string> flags = open;
    for (const auto& some : more) flags.insert(flags.end(), some.begin(), some.end());
    return Run("master", flags);
  };
  for (const auto& [ended, why] : std::vector<std::pair<Ended, std::string>>{
           {run({}), "nothing would be encrypted or checked"},
           {run({tls}), "nobody would be asked who they are"},
           {run({{"--accept-tokens"}}), "tokens would cross the network for all to read"}}) {
    EXPECT_EQ(ended.end, ProcessEnd{.code = 2});
    EXPECT_THAT(ended.err,
                AllOf(HasSubstr(why), HasSubstr("master pki init"), HasSubstr("--insecure")));
  }
  for (const std::vector<std::string>& who :
       {std::vector<std::string>{"--accept-tokens"}, {"--tls-ca", "pki/ca.crt"}}) {
    std::vector<std::string> flags = open;
    flags.insert(flags.end(), tls.begin(), tls.end());
    flags.insert(flags.end(), who.begin(), who.end());
    Process master(BinPath("master"), flags, {.working_directory = dir_.path()});
    EXPECT_TRUE(master.AwaitLog("callers need a ")) << master.Log();
  }
}

// Secrets that are known are looked for wherever something is written or shown.
TEST_F(Security, NoSecretIsShownAnywhere) {
  InitPki();
  std::vector<std::string> secrets = {"planted-payload", "tarea_0123456789ab_planted"};
  for (const char* name : {"submit", "work"}) {
    ASSERT_EQ(Master({"token", "create", "--role", name, "--name", name, "--to", name}).end,
              ProcessEnd{});
    secrets.push_back(std::string(absl::StripAsciiWhitespace(Read(name))).substr(19));
  }
  // Of a key in PEM form, the second line.
  const std::string key = Read("pki/master.key");
  secrets.push_back(key.substr(key.find('\n') + 1, 40));

  StartMaster(
      {"--accept-tokens", "--audit-log", dir_.path() + "/audit.log", "--log-level", "debug"});
  Process worker(
      BinPath("worker"), {"--master", address_, "--tls-ca", "pki/ca.crt", "--log-level", "debug"},
      {.environment = {{"TAREA_TOKEN", std::string(absl::StripAsciiWhitespace(Read("work")))}},
       .working_directory = dir_.path()});
  const Ended client = Client({"--token-file", "submit", "--log-level", "debug", "submit", "--type",
                               "echo", "--payload", "planted-payload", "--wait"});
  EXPECT_EQ(client.end, ProcessEnd{}) << client.err << worker.Log();
  const Ended stranger = Client({"stats"}, {{"TAREA_TOKEN", "tarea_0123456789ab_planted"}});
  EXPECT_EQ(stranger.end, ProcessEnd{.code = 4});

  const std::map<std::string, std::string> places = {
      {"the master's command line", ReadProc(*master_, "cmdline")},
      {"the worker's command line", ReadProc(worker, "cmdline")},
      {"the master's log", master_->Log()},
      {"the worker's log", worker.Log()},
      {"what a stranger is told", stranger.err},
      {"the audit log", Read("audit.log")},
      {"the file of tokens", Read("data/tokens.db")}};
  for (const auto& [place, text] : places) {
    EXPECT_FALSE(text.empty()) << place;
    for (const std::string& secret : secrets) {
      EXPECT_THAT(text, Not(HasSubstr(secret))) << place;
    }
  }
  // Nothing, if all goes well.
  for (const std::string& secret : secrets) EXPECT_THAT(client.err, Not(HasSubstr(secret)));
  for (const Process* process : {master_.get(), &worker}) {
    EXPECT_THAT(ReadProc(*process, "limits"), ContainsRegex("Max core file size +0 +0 "))
        << "a core dump has all of them";
  }
  // Payloads are in the database, and so in a backup; tokens and keys are not.
  ASSERT_EQ(Master({"backup", "--to", dir_.path() + "/backup.db"}).end, ProcessEnd{});
  for (size_t i = 1; i < secrets.size(); ++i) {
    EXPECT_THAT(Read("backup.db"), Not(HasSubstr(secrets[i])));
  }
  EXPECT_THAT(Read("audit.log"),
              AllOf(HasSubstr("\"caller\":\"submit\""), HasSubstr("UNAUTHENTICATED")));
}

}  // namespace
}  // namespace tarea
