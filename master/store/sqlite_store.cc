#include "master/store/sqlite_store.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "master/store/schema.h"
#include "master/store/sqlite_pages.h"
#include "master/store/sqlite_read.h"
#include "master/store/sqlite_upgrade.h"

namespace tarea {
namespace {

// How many epochs are skipped when a database was put in the place of another one: those that the
// other one may have begun since, which were this many at most, and as many again by chance, since
// a backup may be restored twice.
constexpr int64_t kSkippedEpochs = 4096;
constexpr uint32_t kSkippedByChance = 1 << 17;
// And so many ids, for the tasks that the other one may have given out since.
constexpr int64_t kSkippedIds = int64_t{1} << 32;

// Room for the index of a log of half a GiB, which is many times what it grows to.
constexpr off_t kLogIndexBytes = off_t{1} << 20;

std::string DatabasePath(const SqliteOptions& options) { return options.data_dir + "/tarea.db"; }

// Runs a verb of the writer. After an exception the transaction is lost.
template <typename Answer, typename Verb>
absl::StatusOr<Answer> Guard(absl::Status& lost, Verb verb) {
  if (!lost.ok()) return lost;
  try {
    return verb();
  } catch (const SQLite::Exception& e) {
    lost = ToStatus(e);
    return lost;
  }
}

template <typename Verb>
absl::Status GuardStatus(absl::Status& lost, Verb verb) {
  return Guard<bool>(lost,
                     [&] {
                       verb();
                       return true;
                     })
      .status();
}

}  // namespace

// --- Transactions
// --------------------------------------------------------------------------------------

class SqliteStore::SqliteTransaction : public Store::Transaction {
 public:
  SqliteTransaction(SqliteWriter& writer, SqliteLog& log, Sync sync)
      : writer_(writer), log_(log), sync_(sync) {
    GuardStatus(lost_, [&] { writer_.Begin(); }).IgnoreError();
  }

  ~SqliteTransaction() override {
    if (committed_) return;
    try {
      writer_.Rollback();
    } catch (const SQLite::Exception&) {
      // The database cannot even be read any more; the next Begin says so.
    }
  }

  absl::StatusOr<InsertAnswer> Insert(absl::Time now, const InsertRequest& request) override {
    absl::StatusOr<absl::StatusOr<InsertAnswer>> answer =
        Guard<absl::StatusOr<InsertAnswer>>(lost_, [&] { return writer_.Insert(now, request); });
    if (!answer.ok()) return answer.status();
    return *std::move(answer);
  }

  absl::StatusOr<std::vector<LeasedTask>> Claim(absl::Time now, absl::Duration lease,
                                                const ClaimRequest& request) override {
    return Guard<std::vector<LeasedTask>>(lost_,
                                          [&] { return writer_.Claim(now, lease, request); });
  }

  absl::StatusOr<std::vector<ResultStatus>> Complete(
      absl::Time now, absl::Span<const TaskResult> results) override {
    return Guard<std::vector<ResultStatus>>(lost_, [&] { return writer_.Complete(now, results); });
  }

  absl::StatusOr<std::vector<Stop>> Renew(absl::Time now, absl::Duration lease,
                                          absl::Span<const Lease> leases) override {
    return Guard<std::vector<Stop>>(lost_, [&] { return writer_.Renew(now, lease, leases); });
  }

  absl::StatusOr<AdvanceAnswer> Advance(absl::Time now, int64_t limit) override {
    return Guard<AdvanceAnswer>(lost_, [&] { return writer_.Advance(now, limit); });
  }

  absl::Status ExtendLeases(absl::Time until) override {
    return GuardStatus(lost_, [&] { writer_.ExtendLeases(until); });
  }

  absl::StatusOr<CancelAnswer> Cancel(absl::Time now, const Selection& selection,
                                      const std::string& reason) override {
    absl::StatusOr<absl::StatusOr<CancelAnswer>> answer = Guard<absl::StatusOr<CancelAnswer>>(
        lost_, [&] { return writer_.Cancel(now, selection, reason); });
    if (!answer.ok()) return answer.status();
    return *std::move(answer);
  }

  absl::StatusOr<RetryAnswer> Retry(absl::Time now, const Selection& selection) override {
    absl::StatusOr<absl::StatusOr<RetryAnswer>> answer =
        Guard<absl::StatusOr<RetryAnswer>>(lost_, [&] { return writer_.Retry(now, selection); });
    if (!answer.ok()) return answer.status();
    return *std::move(answer);
  }

  absl::Status SetPaused(const std::string& queue, bool paused) override {
    return GuardStatus(lost_, [&] { writer_.SetPaused(queue, paused); });
  }

  absl::StatusOr<int64_t> Purge(absl::Time now, absl::Time before, int64_t limit) override {
    return Guard<int64_t>(lost_, [&] { return writer_.Purge(now, before, limit); });
  }

  absl::Status Commit() override {
    if (lost_.ok()) lost_ = log_.ReserveIds(writer_.last_task(), writer_.last_batch());
    if (sync_ == Sync::kNow) log_.BeginCommit();
    const absl::Status status = GuardStatus(lost_, [&] { writer_.Commit(); });
    if (sync_ == Sync::kNow) log_.EndCommit();
    committed_ = status.ok();
    return status;
  }

  const Effects& effects() const override { return writer_.effects(); }

 private:
  SqliteWriter& writer_;
  SqliteLog& log_;
  const Sync sync_;
  absl::Status lost_;
  bool committed_ = false;
};

std::unique_ptr<Store::Transaction> SqliteStore::Begin(Sync sync) {
  return std::make_unique<SqliteTransaction>(*writer_, *log_, sync);
}

absl::Status SqliteStore::MakeDurable() {
  return options_.durability == Durability::kFsync ? log_->MakeDurable() : log_->failure();
}

// --- Opening
// -------------------------------------------------------------------------------------------

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const SqliteOptions& options) {
  // Counting its memory takes a lock of the whole process for each allocation. Too late, and
  // refused without harm, if something has used SQLite before.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  std::unique_ptr<SqliteStore> store(new SqliteStore(options));
  if (const absl::Status status = store->lock_.Take(options.data_dir); !status.ok()) return status;
  absl::Status status;
  try {
    status = store->OpenDatabase();
  } catch (const SQLite::Exception& e) {
    status = ToStatus(e);
  }
  if (!status.ok()) {
    const bool hint =
        absl::IsDataLoss(status) && !absl::StrContains(status.message(), kRestoreHint);
    return absl::Status(
        status.code(),
        absl::StrCat(DatabasePath(options), ": ", status.message(), hint ? "; " : "",
                     hint ? kRestoreHint : "",
                     ", or name another directory with --data-dir; nothing in it was changed"));
  }
  return store;
}

SqliteStore::~SqliteStore() {
  {
    absl::MutexLock lock(&mu_);
    idle_readers_.clear();
  }
  // Only if all is on the disk the next one may go on with the next id.
  if (log_ != nullptr && log_->MakeDurable().ok()) {
    log_->ReturnIds(writer_->last_task(), writer_->last_batch()).IgnoreError();
  }
  writer_.reset();
  checkpointer_.reset();
  log_.reset();
  connection_.reset();
  if (log_index_fd_ >= 0) close(log_index_fd_);
}

absl::Status SqliteStore::OpenDatabase() {
  const std::string path = DatabasePath(options_);
  // Before SQLite sees it, which would begin to repair it by its own lights.
  const absl::StatusOr<Inspection> found = InspectDatabase(path);
  if (!found.ok()) return found.status();
  for (const std::string& note : found->notes) spdlog::warn("{}", note);
  if (const absl::Status status = MakeLogDurable(*found); !status.ok()) return status;
  if (found->kind == Inspection::Kind::kWithoutChecksums) {
    if (const absl::Status status = UpgradeToChecksums(path); !status.ok()) return status;
  }
  connection_ = std::make_unique<SqliteConnection>(
      path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX);
  SQLite::Database& db = connection_->db();
  if (found->kind == Inspection::Kind::kNone) {
    ReserveForChecksums(*connection_);
  } else {
    // What is refused stays as it is: SQLite would merge the log into it when it is closed.
    sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    if (const absl::Status status = CheckOurs(*connection_); !status.ok()) return status;
  }
  db.exec("PRAGMA journal_size_limit = 67108864");
  // In KiB. What a larger one holds the kernel holds as well, and a peak is kept for ever.
  db.exec("PRAGMA cache_size = -16384");
  db.exec("PRAGMA temp_store = MEMORY");
  // A new one gets all its tables before it gets a log, so that its file says what it is.
  RunSchemaSteps(*connection_, kSchemaVersion);
  db.exec("PRAGMA journal_mode = WAL");
  checkpointer_ = std::make_unique<SqliteCheckpointer>(
      std::make_unique<SqliteConnection>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX),
      [this](const absl::Status& why) { log_->Fail(why); }, options_.own_thread);
  // Reads what is always needed; nothing is changed before that is known to be sound.
  writer_ = std::make_unique<SqliteWriter>(*connection_, options_.limits, reserve_, *checkpointer_,
                                           options_.log_pages);
  if (const absl::Status status = BeginEpoch(*found); !status.ok()) return status;
  if (const absl::Status status = ReserveLogIndex(); !status.ok()) return status;
  absl::MutexLock lock(&mu_);
  for (int i = 0; i < options_.readers; ++i) {
    idle_readers_.push_back(
        std::make_unique<SqliteConnection>(path, SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX));
  }
  sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return absl::OkStatus();
}

// What the master before this one has left in the log may be unwritten, see LogFile::WriteAgain.
// All that comes after it depends on it, so it comes before SQLite sees the log.
absl::Status SqliteStore::MakeLogDurable(const Inspection& found) {
  const int64_t durable =
      found.mark.has_value() && found.mark->salt == found.log.header.salt ? found.mark->frames : 0;
  if (found.log.committed <= durable) return absl::OkStatus();
  const std::string path = DatabasePath(options_) + "-wal";
  const int result = LogFile::WriteAgain(path.c_str(), durable + 1, found.log.committed);
  if (result == SQLITE_OK) return absl::OkStatus();
  const std::string why =
      absl::StrCat("its log ", path, " cannot be brought to the disk: ", sqlite3_errstr(result),
                   " (SQLite error ", result, ")");
  if (result == SQLITE_FULL) return absl::ResourceExhaustedError(why + "; make space there");
  return absl::InternalError(why);
}

absl::Status SqliteStore::BeginEpoch(const Inspection& found) {
  SQLite::Database& db = connection_->db();
  int64_t epochs = 1;
  int64_t skipped_ids = 0;
  LogMark mark;
  if (found.IsSettled()) {
    if (options_.skip_reserved_ids) mark = *found.mark;
  } else if (found.kind == Inspection::Kind::kCurrent) {
    uint32_t chance = 0;
    sqlite3_randomness(sizeof(chance), &chance);
    epochs += kSkippedEpochs + chance % kSkippedByChance;
    skipped_ids = kSkippedIds;
  }
  // Durable before the first lease is given out, as is what an earlier process has left in the log.
  db.exec("PRAGMA synchronous = FULL");
  Query(*connection_,
        "UPDATE meta SET epoch = epoch + ?1, last_task = max(last_task + ?2, ?3), "
        "last_batch = max(last_batch + ?2, ?4)",
        epochs, skipped_ids, mark.last_task, mark.last_batch)
      .Run();
  // From here on COMMIT does not sync; SqliteLog does.
  db.exec("PRAGMA synchronous = NORMAL");
  log_ = std::make_unique<SqliteLog>(db.getHandle());
  writer_->BeginEpoch();
  return log_->Settle();
}

// SQLite lets the index of its log grow with the log, and reports a full disk there as an I/O
// error, in the middle of a commit: nobody knows then whether that was stored. So it gets its space
// while nothing depends on it.
absl::Status SqliteStore::ReserveLogIndex() {
  log_index_fd_ = open((DatabasePath(options_) + "-shm").c_str(), O_RDWR | O_CLOEXEC);
  if (log_index_fd_ < 0) {
    // A VFS of a test may keep it in memory.
    if (errno == ENOENT) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat("cannot open the index of its log: ", std::generic_category().message(errno)));
  }
  const int error = posix_fallocate(log_index_fd_, 0, kLogIndexBytes);
  if (error == 0) return absl::OkStatus();
  const std::string why = std::generic_category().message(error);
  if (error == ENOSPC) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the disk of the data directory is full: ", why, "; make space there"));
  }
  return absl::InternalError(absl::StrCat("the index of its log cannot grow: ", why));
}

// --- Reading
// -------------------------------------------------------------------------------------------

template <typename T>
absl::StatusOr<T> SqliteStore::Read(absl::FunctionRef<absl::StatusOr<T>(SqliteConnection&)> read) {
  std::unique_ptr<SqliteConnection> connection;
  {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](std::vector<std::unique_ptr<SqliteConnection>>* idle) { return !idle->empty(); },
        &idle_readers_));
    connection = std::move(idle_readers_.back());
    idle_readers_.pop_back();
  }
  absl::StatusOr<T> answer = absl::InternalError("not read");
  try {
    Query(*connection, "BEGIN").Run();
    answer = read(*connection);
  } catch (const SQLite::Exception& e) {
    answer = ToStatus(e);
  }
  try {
    if (sqlite3_get_autocommit(connection->db().getHandle()) == 0) {
      Query(*connection, "COMMIT").Run();
    }
  } catch (const SQLite::Exception& e) {
    answer = ToStatus(e);
  }
  {
    absl::MutexLock lock(&mu_);
    idle_readers_.push_back(std::move(connection));
  }
  if (absl::IsDataLoss(answer.status())) {
    spdlog::error("{}", std::string(answer.status().message()));
  }
  // Nobody is to act on what a loss of power could take back.
  if (const absl::Status status = MakeDurable(); !status.ok()) return status;
  return answer;
}

absl::StatusOr<Task> SqliteStore::GetTask(TaskId id) {
  return Read<Task>([&](SqliteConnection& c) { return sqlite_read::GetTask(c, id); });
}

absl::StatusOr<Batch> SqliteStore::GetBatch(BatchId id) {
  return Read<Batch>([&](SqliteConnection& c) { return sqlite_read::GetBatch(c, id); });
}

absl::StatusOr<TaskPage> SqliteStore::ListTasks(const TaskQuery& query) {
  return Read<TaskPage>([&](SqliteConnection& c) {
    return sqlite_read::ListTasks(c, query, options_.limits.max_page_bytes);
  });
}

absl::StatusOr<std::vector<Batch>> SqliteStore::ListBatches(BatchId before, int limit) {
  return Read<std::vector<Batch>>(
      [&](SqliteConnection& c) { return sqlite_read::ListBatches(c, before, limit); });
}

absl::StatusOr<FinishedPage> SqliteStore::ListFinished(BatchId batch, int64_t cursor, int limit,
                                                       bool with_result) {
  return Read<FinishedPage>([&](SqliteConnection& c) {
    return sqlite_read::ListFinished(c, batch, cursor, limit, with_result,
                                     options_.limits.max_page_bytes);
  });
}

absl::StatusOr<BatchQueues> SqliteStore::ListQueuesOf(BatchId batch, TaskId after) {
  return Read<BatchQueues>(
      [&](SqliteConnection& c) { return sqlite_read::ListQueuesOf(c, batch, after); });
}

absl::StatusOr<std::vector<Queue>> SqliteStore::ListQueues() {
  return Read<std::vector<Queue>>([](SqliteConnection& c) { return sqlite_read::ListQueues(c); });
}

absl::StatusOr<int64_t> SqliteStore::CountBatches() {
  return Read<int64_t>([](SqliteConnection& c) { return sqlite_read::CountBatches(c); });
}

absl::StatusOr<absl::Time> SqliteStore::NextDue() {
  return Read<absl::Time>([](SqliteConnection& c) { return sqlite_read::NextDue(c); });
}

}  // namespace tarea
