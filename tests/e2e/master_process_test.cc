// How the master starts, refuses to start, and ends.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/cluster.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr ProcessEnd kOk{.code = 0};
constexpr ProcessEnd kCouldNotStart{.code = 1};
constexpr ProcessEnd kWrongUsage{.code = 2};

// Runs a master that is not going to start, to its end.
CommandResult RunMaster(const std::vector<std::string>& flags,
                        const std::map<std::string, std::string>& environment = {}) {
  Process master(BinPath("master"), flags, {.environment = environment});
  const std::optional<ProcessEnd> end = master.Wait();
  EXPECT_TRUE(end.has_value()) << "the master runs:\n" << master.Log();
  return {end.value_or(ProcessEnd{}), master.Output(), master.Log()};
}

// The same on a free port and `data_dir`.
CommandResult RunMasterOn(const std::string& data_dir) {
  return RunMaster({"--listen", "127.0.0.1:0", "--data-dir", data_dir});
}

// Makes an SQLite database, or changes one; leaves the log beside it if it has one.
void RunSql(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(db);
  sqlite3_close(db);
}

// The files of a directory with what is in them, without those that a master that looks in makes:
// its lock and SQLite's index of the log.
std::map<std::string, std::string> Files(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name != "lock" && name != "tarea.db-shm") files[name] = ReadFile(entry.path());
  }
  return files;
}

// A port that is taken for as long as this lives.
class TakenPort {
 public:
  TakenPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_, generic, size) != 0 || listen(fd_, 1) != 0 ||
        getsockname(fd_, generic, &size) != 0) {
      abort();
    }
    port_ = ntohs(address.sin_port);
  }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  ~TakenPort() { close(fd_); }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  const int fd_;
  int port_ = 0;
};

// --- What it says
// --------------------------------------------------------------------------------------

TEST(MasterProcess, ItsLogBeginsWithVersionStoreDurabilityCountsDataAndAddress) {
  Cluster cluster;
  cluster.StartMaster();
  EXPECT_TRUE(cluster.master().AwaitLog(absl::StrCat("listening on ", cluster.address(), "\n")));
  EXPECT_THAT(
      cluster.master().Log(),
      AllOf(HasSubstr("version "), HasSubstr("store sqlite, durability fsync"),
            HasSubstr("0 tasks wait, 0 run, 0 finished are kept"), HasSubstr(cluster.data_dir())));
  EXPECT_EQ(cluster.master().Output(), "");

  std::vector<v1::TaskSpec> tasks(3);
  for (v1::TaskSpec& task : tasks) task.set_type("echo");
  ASSERT_TRUE(cluster.client().Submit("b", tasks).ok());
  FakeWorker worker(cluster.connection(), "w1");
  worker.Report(worker.Take(1).at(0), v1::RESULT_OUTCOME_SUCCEEDED);
  worker.Take(1);
  cluster.KillMaster(SIGTERM);
  cluster.StartMaster();
  EXPECT_THAT(cluster.master().Log(), HasSubstr("1 tasks wait, 1 run, 1 finished are kept"));
}

TEST(MasterProcess, EachLineOfAJsonLogIsAnObject) {
  Cluster cluster;
  cluster.StartMaster({"--log-format", "json"});
  cluster.KillMaster(SIGTERM);
  std::string messages;
  for (const absl::string_view line :
       absl::StrSplit(cluster.master().Log(), '\n', absl::SkipEmpty())) {
    google::protobuf::Struct object;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(std::string(line), &object).ok())
        << line;
    for (const char* field : {"time", "level", "program", "message"}) {
      EXPECT_TRUE(object.fields().at(field).has_string_value()) << line;
    }
    absl::StrAppend(&messages, object.fields().at("message").string_value(), "\n");
  }
  EXPECT_THAT(messages, AllOf(HasSubstr("listening on "), HasSubstr("ended\n")));
}

// --- What it refuses
// ------------------------------------------------------------------------------------

TEST(MasterProcess, APortInUseIsNamedWithTheWayOut) {
  const TempDir dir;
  const TakenPort taken;
  const CommandResult result = RunMaster({"--listen", taken.address(), "--data-dir", dir.path()});
  EXPECT_EQ(result.end, kCouldNotStart);
  EXPECT_THAT(result.err, AllOf(HasSubstr(absl::StrCat("cannot listen on ", taken.address())),
                                HasSubstr("in use"), HasSubstr("port 0")));
}

// Root may write to any directory, but nobody below a file.
TEST(MasterProcess, ADataDirectoryThatCannotBeMadeIsNamedWithTheWayOut) {
  const TempDir dir;
  WriteFile(dir.path() + "/file", "");
  const std::string data_dir = dir.path() + "/file/data";
  const CommandResult result = RunMasterOn(data_dir);
  EXPECT_EQ(result.end, kCouldNotStart);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr(data_dir), HasSubstr("Not a directory"), HasSubstr("--data-dir")));
}

TEST(MasterProcess, AFileThatIsNoDatabaseIsLeftAlone) {
  const TempDir dir;
  WriteFile(dir.path() + "/tarea.db", std::string(10'000, 'x'));
  const std::map<std::string, std::string> before = Files(dir.path());
  const CommandResult result = RunMasterOn(dir.path());
  EXPECT_EQ(result.end, kCouldNotStart);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("/tarea.db"), HasSubstr("not a database"), HasSubstr("--data-dir")));
  EXPECT_EQ(Files(dir.path()), before);
}

class ForeignDatabase : public testing::TestWithParam<const char*> {};

TEST_P(ForeignDatabase, IsRefusedAndLeftAlone) {
  const TempDir dir;
  RunSql(dir.path() + "/tarea.db", absl::StrCat("PRAGMA journal_mode = ", GetParam(),
                                                "; CREATE TABLE songs (name TEXT);"
                                                "INSERT INTO songs VALUES ('la mer')"));
  const std::map<std::string, std::string> before = Files(dir.path());
  const CommandResult result = RunMasterOn(dir.path());
  EXPECT_EQ(result.end, kCouldNotStart);
  EXPECT_THAT(result.err, AllOf(HasSubstr("/tarea.db"), HasSubstr("not a database of Tarea"),
                                HasSubstr("--data-dir")));
  EXPECT_EQ(Files(dir.path()), before);
}

INSTANTIATE_TEST_SUITE_P(Journal, ForeignDatabase, testing::Values("DELETE", "WAL"),
                         [](const auto& param) { return std::string(param.param); });

TEST(MasterProcess, ADatabaseOfANewerMasterIsRefusedAndLeftAlone) {
  Cluster cluster;
  cluster.StartMaster();
  cluster.KillMaster(SIGTERM);
  // Not in the journal mode of this one: a newer master may have its reasons.
  RunSql(cluster.data_dir() + "/tarea.db",
         "PRAGMA journal_mode = DELETE; PRAGMA user_version = 4711");
  const std::map<std::string, std::string> before = Files(cluster.data_dir());
  const CommandResult result = RunMasterOn(cluster.data_dir());
  EXPECT_EQ(result.end, kCouldNotStart);
  EXPECT_THAT(result.err, AllOf(HasSubstr("schema version 4711"), HasSubstr("newer master")));
  EXPECT_EQ(Files(cluster.data_dir()), before);
}

TEST(MasterProcess, ASecondMasterOnTheSameDataGivesUpAndTheFirstGoesOn) {
  Cluster cluster;
  cluster.StartMaster();
  const CommandResult second = RunMasterOn(cluster.data_dir());
  EXPECT_EQ(second.end, kCouldNotStart);
  EXPECT_THAT(second.err, AllOf(HasSubstr(cluster.data_dir()),
                                HasSubstr("in use by another master"), HasSubstr("--data-dir")));
  v1::TaskSpec task;
  task.set_type("echo");
  EXPECT_TRUE(cluster.client().Submit("b", {task}).ok());
}

TEST(MasterProcess, ListeningToOthersNeedsInsecure) {
  const TempDir dir;
  for (const char* address : {"0.0.0.0:0", "[::]:0", "127.0.0.1.example.com:0"}) {
    const CommandResult result = RunMaster({"--listen", address, "--data-dir", dir.path()});
    EXPECT_EQ(result.end, kWrongUsage) << address;
    EXPECT_THAT(result.err, AllOf(HasSubstr(address), HasSubstr("--insecure")));
  }
  Process master(BinPath("master"),
                 {"--listen", "0.0.0.0:0", "--data-dir", dir.path(), "--insecure"});
  EXPECT_TRUE(master.AwaitLog("warn")) << master.Log();
  EXPECT_THAT(master.Log(), HasSubstr("--insecure"));
}

struct Mistake {
  std::vector<std::string> flags;
  std::map<std::string, std::string> environment;
  std::string complaint;
};

TEST(MasterProcess, AMistakeOnTheCommandLineIsNamedAndEndsItWithTwo) {
  const TempDir dir;
  const Mistake mistakes[] = {
      {{"--nonsense"}, {}, "--nonsense"},
      {{"extra"}, {}, "extra"},
      {{"--lease", "abc"}, {}, "'abc'"},
      {{"--lease", "1ms"}, {}, "--lease is 1ms"},
      {{"--retain", "0"}, {}, "--retain"},
      {{"--durability", "maybe"}, {}, "maybe"},
      {{"--store", "paper"}, {}, "paper"},
      {{"--log-level", "loud"}, {}, "'loud'"},
      {{"--log-format", "xml"}, {}, "'xml'"},
      {{"--max-batch", "0"}, {}, "--max-batch: '0'"},
      {{"--max-batch", "many"}, {}, "many"},
      {{"--max-payload", "9000000"}, {}, "--max-message"},
      {{"--max-message", "99999999999"}, {}, "--max-message is 99999999999"},
      {{"--listen", "127.0.0.1"}, {}, "--listen is '127.0.0.1'"},
      {{"--listen", "127.0.0.1:99999"}, {}, "--listen is '127.0.0.1:99999'"},
      {{"--listen", "127.0.0.1:http"}, {}, "--listen is '127.0.0.1:http'"},
      {{}, {{"TAREA_LEASE", "abc"}}, "'abc'"},
      {{}, {{"TAREA_DURABILITY", "maybe"}}, "maybe"},
      {{}, {{"TAREA_LOG_FORMAT", "xml"}}, "'xml'"},
  };
  for (const Mistake& mistake : mistakes) {
    std::vector<std::string> flags = mistake.flags;
    flags.insert(flags.end(), {"--data-dir", dir.path() + "/data"});
    const CommandResult result = RunMaster(flags, mistake.environment);
    EXPECT_EQ(result.end, kWrongUsage) << mistake.complaint;
    EXPECT_THAT(result.err, AllOf(HasSubstr(mistake.complaint), HasSubstr("master --help")));
    EXPECT_LT(result.err.size(), 400) << result.err;
  }
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/data"));
}

// --- How it ends
// ----------------------------------------------------------------------------------------

TEST(MasterProcess, SigtermWakesWhoeverIsParkedAndEndsIt) {
  constexpr int kPolls = 5;
  Cluster cluster;
  cluster.StartMaster();
  v1::TaskSpec task;
  task.set_type("nobody-works-this");
  const absl::StatusOr<Submission> batch = cluster.client().Submit("b", {task});
  ASSERT_TRUE(batch.ok()) << batch.status();

  std::vector<std::thread> parked;
  parked.reserve(kPolls + 1);
  for (int i = 0; i < kPolls; ++i) {
    parked.emplace_back([&, i] {
      v1::RequestTaskRequest request;
      request.mutable_worker()->set_id(absl::StrCat("w", i));
      request.add_types("echo");
      request.mutable_wait()->set_seconds(60);
      v1::RequestTaskResponse response;
      // Ends by an empty answer or by the connection's end.
      cluster.connection()
          .Attempt(absl::Seconds(90),
                   [&](Stub& stub, grpc::ClientContext& context) {
                     return stub.RequestTask(&context, request, &response);
                   })
          .IgnoreError();
      EXPECT_EQ(response.tasks_size(), 0);
    });
  }
  std::atomic<bool> watching = false;
  Client watcher({.masters = {cluster.address()}});
  parked.emplace_back([&] {
    const absl::Status end = watcher.Watch(batch->batch_id, {}, [&](const v1::WatchBatchResponse&) {
      watching = true;
      return absl::OkStatus();
    });
    EXPECT_TRUE(absl::IsCancelled(end)) << end;
  });
  EXPECT_TRUE(WaitFor([&] {
    const absl::StatusOr<v1::GetStatsResponse> stats = cluster.client().Stats();
    return watching && stats.ok() && stats->parked_polls() == kPolls;
  }));

  EXPECT_EQ(cluster.KillMaster(SIGTERM), kOk);
  EXPECT_THAT(cluster.master().Log(), AllOf(HasSubstr("SIGTERM"), HasSubstr("ended")));
  watcher.Interrupt();
  for (std::thread& thread : parked) thread.join();
}

TEST(MasterProcess, SigintEndsItToo) {
  Cluster cluster;
  cluster.StartMaster();
  EXPECT_EQ(cluster.KillMaster(SIGINT), kOk);
  EXPECT_THAT(cluster.master().Log(), HasSubstr("SIGINT"));
}

}  // namespace
}  // namespace tarea
