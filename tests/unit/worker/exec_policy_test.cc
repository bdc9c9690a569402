// Which programs and variables tasks may have, whom they run as, and what they see.

#include "worker/handlers/exec_policy.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "tests/unit/worker/exec_fixture.h"
#include "worker/handlers/isolation.h"

namespace tarea {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class ExecPrograms : public ExecFixture {
 protected:
  ExecPrograms() { options_.policy = {.programs = {{"/usr/bin/env", "/usr/bin/printf"}}}; }
};

TEST_F(ExecPrograms, OfAListARunsByItsPathOrItsLastPart) {
  for (const char* name : {"/usr/bin/printf", "printf"}) {
    const Outcome outcome = Run(Argv({name, "%s", "fine"}));
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.result.stdout_data(), "fine");
  }
}

TEST_F(ExecPrograms, OthersAreRefusedForGoodWhateverTheyAreCalled) {
  for (const char* name : {"true", "/usr/bin/true", "/bin/printf", "/usr/bin/../bin/printf",
                           "./printf", "/usr/bin/printf/", "/usr/bin/printfx", "bin/printf", "/"}) {
    const Outcome outcome = Run(Argv({name}));
    EXPECT_EQ(outcome.status.code(), StatusCode::kPermissionDenied) << name;
    EXPECT_TRUE(IsNonRetryable(outcome.status)) << name;
    EXPECT_THAT(std::string(outcome.status.message()),
                AllOf(HasSubstr(name), HasSubstr("only /usr/bin/env, /usr/bin/printf")));
  }
}

// Else the PATH of a task would say what "printf" is.
TEST_F(ExecPrograms, ATaskCanSetNoVariable) {
  v1::ExecPayload payload = Argv({"env"});
  (*payload.mutable_env())["LD_PRELOAD"] = "/tmp/evil.so";
  const Outcome outcome = Run(payload);
  EXPECT_EQ(outcome.status.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(outcome.status.message()),
              AllOf(HasSubstr("'LD_PRELOAD'"), HasSubstr("argument")));

  // Also not what the worker passes on.
  options_.policy.environment = {"LD_PRELOAD"};
  EXPECT_EQ(Run(payload).status.code(), StatusCode::kPermissionDenied);
}

TEST_F(ExecFixture, AShellIsRefusedUnlessItIsAskedForOrOnTheList) {
  options_.policy.shells = false;
  for (const char* shell : {"sh", "/bin/sh", "bash", "/no/such/zsh"}) {
    const Outcome outcome = Run(Argv({shell, "-c", "echo hello"}));
    EXPECT_EQ(outcome.status.code(), StatusCode::kPermissionDenied) << shell;
    EXPECT_TRUE(IsNonRetryable(outcome.status));
    EXPECT_THAT(std::string(outcome.status.message()),
                AllOf(HasSubstr(shell), HasSubstr("--exec-shell")));
  }
  EXPECT_TRUE(Run(Argv({"echo", "sh"})).status.ok());
  options_.policy.programs = {{"/bin/sh"}};
  EXPECT_EQ(Run(Argv({"sh", "-c", "echo hello"})).result.stdout_data(), "hello\n");
}

// --- What a worker refuses to start with -------------------------------------------------------

class ExecPolicyCheck : public testing::Test {
 protected:
  ExecPolicyCheck() { Chmod(dir_.path(), 0755); }

  static void Chmod(const std::string& path, mode_t mode) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0) << path;
  }
  std::string File(const std::string& name, mode_t mode) const {
    const std::string path = dir_.path() + "/" + name;
    std::ofstream(path) << "#!/bin/true\n";
    Chmod(path, mode);
    return path;
  }
  std::string Directory(const std::string& name, mode_t mode) const {
    const std::string path = dir_.path() + "/" + name;
    EXPECT_TRUE(std::filesystem::create_directory(path));
    Chmod(path, mode);
    return path;
  }
  static std::string Error(const std::string& program, const ProcessUser& user = {}) {
    return std::string(CheckPolicy({.programs = {{"/bin/true", program}}}, user).message());
  }

  const TempDir dir_;
};

TEST_F(ExecPolicyCheck, ProgramsAreAbsolutePathsOfPrograms) {
  EXPECT_EQ(Error(File("good", 0755)), "");
  EXPECT_EQ(Error("/bin/sh"), "");
  EXPECT_THAT(Error("convert"), AllOf(HasSubstr("'convert'"), HasSubstr("absolute path")));
  EXPECT_THAT(Error(""), HasSubstr("absolute path"));
  EXPECT_THAT(Error("/no/such"), AllOf(HasSubstr("'/no/such'"), HasSubstr("No such file")));
  EXPECT_THAT(Error(Directory("directory", 0755)), HasSubstr("no program"));
  EXPECT_THAT(Error(File("not-executable", 0644)), HasSubstr("no program"));
  EXPECT_THAT(std::string(CheckPolicy({.programs = {std::vector<std::string>()}}, {}).message()),
              HasSubstr("names no program"));
}

TEST_F(ExecPolicyCheck, NobodyElseMayDecideWhatAProgramIs) {
  EXPECT_THAT(Error(File("everybodys", 0757)), HasSubstr("chmod o-w"));
  Directory("open", 0777);
  EXPECT_THAT(Error(File("open/program", 0755)),
              AllOf(HasSubstr("/open'"), HasSubstr("chmod o-w")));
  // However one gets there.
  std::filesystem::create_symlink("open/program", dir_.path() + "/link");
  EXPECT_THAT(Error(dir_.path() + "/link"), HasSubstr("/open'"));
  std::filesystem::create_directory_symlink("open", dir_.path() + "/by");
  EXPECT_THAT(Error(dir_.path() + "/by/program"), HasSubstr("/open'"));
  std::filesystem::create_symlink(dir_.path() + "/circle", dir_.path() + "/circle");
  EXPECT_THAT(Error(dir_.path() + "/circle"), HasSubstr("circle"));
}

TEST_F(ExecPolicyCheck, AProgramIsNotOfTheUserThatItRunsAsAndThatUserMayRunIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make files of others";
  const ProcessUser nobody = FindUser("nobody")->process;
  EXPECT_EQ(Error(File("roots", 0755), nobody), "");
  EXPECT_THAT(Error(File("private", 0700), nobody), HasSubstr("may run"));
  const std::string own = File("own", 0755);
  ASSERT_EQ(chown(own.c_str(), nobody.uid, nobody.gid), 0);
  EXPECT_THAT(Error(own, nobody), HasSubstr("must be root's or the worker's"));
  EXPECT_THAT(Error(own), HasSubstr("must be root's or the worker's"));
  Directory("closed", 0700);
  EXPECT_THAT(Error(File("closed/program", 0755), nobody), HasSubstr("cannot be entered"));
}

TEST(ExecPolicy, OnlyNamesOfVariablesThatAreNotTheWorkersOwnArePassedOn) {
  for (const char* wrong : {"TAREA_TOKEN", "A=B", "", "A B"}) {
    const ExecPolicy policy = {.environment = {"GOOD", wrong}};
    EXPECT_THAT(std::string(CheckPolicy(policy, {}).message()),
                HasSubstr(absl::StrCat("'", wrong, "'")));
  }
  EXPECT_FALSE(PassesOn({.environment = {"TAREA_TOKEN"}}, "TAREA_TOKEN"));
}

// --- Another user ------------------------------------------------------------------------------

class ExecUser : public ExecFixture {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can run commands as somebody else";
    const absl::StatusOr<SystemUser> user = FindUser("nobody");
    ASSERT_TRUE(user.ok()) << user.status();
    options_.user = *user;
    // Else it could not get at what is below.
    ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
    options_.directory = dir_.path();
  }
};

TEST_F(ExecUser, ACommandIsThatUsersWithItsGroupsAndCannotComeBack) {
  const Outcome outcome =
      Run(Script("id -un; id -Gn; echo $USER $LOGNAME $HOME; grep -E 'CapEff|CapPrm|NoNewPrivs' "
                 "/proc/self/status"));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(
      outcome.result.stdout_data(),
      absl::StrCat("nobody\nnogroup\nnobody nobody ", options_.user->home,
                   "\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"));
}

TEST_F(ExecUser, ItHasADirectoryOfItsOwnAndCanOpenItsOutputByName) {
  v1::ExecPayload payload = Script(
      "touch file; stat -c '%U %a' . file; echo out >/dev/stdout; echo err >/dev/stderr; cat");
  payload.set_fresh_directory(true);
  payload.set_stdin_data("in");
  const Outcome outcome = Run(payload);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.result.stdout_data(), "nobody 700\nnobody 644\nout\nin");
  EXPECT_EQ(outcome.result.stderr_data(), "err\n");
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(ExecUser, ItCannotSignalItsGuardianAndIsKilledWhenItIsToStop) {
  FakeContext context;
  std::thread stopper([&] {
    WaitForLine("started");
    context.Stop(StopCause::kCancelled);
  });
  const std::string started = dir_.path() + "/started";
  std::ofstream(started).close();
  ASSERT_EQ(chmod(started.c_str(), 0666), 0);
  options_.kill_after = absl::Milliseconds(1);
  const Outcome outcome =
      Run(Script("trap '' TERM; kill -9 $PPID 2>/dev/null && exit 1; echo yes >$DIR/started; "
                 "while :; do sleep 1000; done"),
          context);
  stopper.join();
  EXPECT_EQ(outcome.status.code(), StatusCode::kCancelled) << outcome.status;
  EXPECT_EQ(Alive(), 0);
}

TEST(FindUser, ByNameOrNumberElseItSaysSo) {
  EXPECT_EQ(FindUser("root")->process.uid, 0);
  EXPECT_EQ(FindUser("0")->name, "root");
  const absl::Status status = FindUser("no-such-user").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'no-such-user'"));
}

// --- A namespace of its own --------------------------------------------------------------------

class ExecIsolated : public ExecFixture {
 protected:
  void SetUp() override {
    if (const absl::Status status = PrepareIsolation(/*changes_user=*/false); !status.ok()) {
      GTEST_SKIP() << status.message();
    }
    options_.isolate = true;
  }
};

TEST_F(ExecIsolated, ItSeesNoProcessesButItsOwn) {
  const Outcome outcome = Run(Argv({"ps", "-e", "-o", "comm="}));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.result.stdout_data(), "tarea-guardian\nps\n");
}

TEST_F(ExecIsolated, WhatItLeavesBehindIsKilledAndTheNextOneRuns) {
  const Handler handler = ExecHandler(options_);
  for (int i = 0; i < 3; ++i) {
    FakeContext context;
    const std::string payload =
        Script("(setsid sleep 1000 &); (trap '' TERM HUP; sleep 1000 &); echo $$")
            .SerializeAsString();
    const absl::StatusOr<std::string> bytes = handler(Task(payload), context);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    v1::ExecResult result;
    ASSERT_TRUE(result.ParseFromString(*bytes));
    int pid = 0;
    EXPECT_TRUE(absl::SimpleAtoi(absl::StripAsciiWhitespace(result.stdout_data()), &pid));
    EXPECT_LT(pid, 20) << "not an id of a namespace of its own";
    EXPECT_EQ(Alive(), 0);
  }
}

TEST_F(ExecIsolated, ItIsStoppedLikeAnyOther) {
  FakeContext context;
  std::thread stopper([&] {
    WaitForLine("started");
    context.Stop(StopCause::kTimedOut);
  });
  const Outcome outcome = Run(
      Script("trap 'echo told; exit 0' TERM; echo yes >$DIR/started; while :; do sleep 0.01; done"),
      context);
  stopper.join();
  EXPECT_EQ(outcome.status.code(), StatusCode::kDeadlineExceeded) << outcome.status;
  EXPECT_EQ(outcome.result.stdout_data(), "told\n");
}

// As root it could, with CAP_SYS_ADMIN; and what is below is the /proc of all.
TEST_F(ExecIsolated, ItCannotTakeAwayWhatHidesTheOthersAndEndsInAnyCase) {
  options_.kill_after = absl::Milliseconds(1);
  const Outcome outcome =
      Run(Script("umount /proc 2>/dev/null; umount -l /proc 2>/dev/null; "
                 "(setsid sleep 1000 &); ps -e -o comm="));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.result.stdout_data(), StartsWith("tarea-guardian\nsh\n"));
  EXPECT_EQ(Alive(), 0);
}

TEST_F(ExecIsolated, ItSeesWhatIsMountedLater) {
  const std::string outer = dir_.path() + "/outer";
  const std::string inner = outer + "/inner";
  std::filesystem::create_directory(outer);
  // As a whole system is where systemd has started it.
  if (mount("none", outer.c_str(), "tmpfs", 0, nullptr) != 0 ||
      mount(nullptr, outer.c_str(), nullptr, MS_SHARED, nullptr) != 0) {
    GTEST_SKIP() << "only root can mount something";
  }
  const absl::Cleanup unmount = [&] { umount2(outer.c_str(), MNT_DETACH); };
  std::filesystem::create_directory(inner);
  const Handler handler = ExecHandler(options_);
  FakeContext context;
  ASSERT_TRUE(handler(Task(Argv({"true"}).SerializeAsString()), context).ok());
  ASSERT_EQ(mount("none", inner.c_str(), "tmpfs", 0, nullptr), 0);
  std::ofstream(inner + "/later").close();
  v1::ExecResult result;
  ASSERT_TRUE(
      result.ParseFromString(*handler(Task(Argv({"ls", inner}).SerializeAsString()), context)));
  EXPECT_EQ(result.stdout_data(), "later\n");
}

TEST_F(ExecIsolated, ItCannotKillItsGuardian) {
  EXPECT_EQ(Run(Script("kill -9 1; kill -9 $PPID; echo alive")).result.stdout_data(), "alive\n");
}

}  // namespace
}  // namespace tarea
