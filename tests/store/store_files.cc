#include "tests/store/store_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/store/model_show.h"

namespace tarea {
namespace {

namespace fs = std::filesystem;
const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

std::string ReadBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TaskSpec Spec(const std::string& payload) {
  TaskSpec task;
  task.type = "echo";
  task.payload = payload;
  return task;
}

// Text that does not look like that of another page.
std::string Text(int seed, size_t size) {
  std::string text;
  for (int i = seed; text.size() < size; ++i) absl::StrAppend(&text, i * 7919, " ");
  text.resize(size);
  return text;
}

class Filler {
 public:
  Filler(Store& store, int round) : store_(store), round_(round) {}

  void Fill() {
    const TaskId first = Insert();
    const std::vector<LeasedTask> leased = Claim(12);
    Complete(leased);
    const auto transaction = store_.Begin();
    EXPECT_TRUE(transaction->Advance(kNow, 1000).ok());
    EXPECT_TRUE(transaction->Cancel(kNow, {.ids = {first + 30, first + 31}}, "not needed").ok());
    EXPECT_TRUE(transaction->SetPaused(absl::StrCat("paused", round_), true).ok());
    Commit(*transaction);
    Claim(5);  // stay RUNNING
  }

 private:
  void Commit(Store::Transaction& transaction) {
    EXPECT_TRUE(transaction.Commit().ok());
    EXPECT_TRUE(store_.MakeDurable().ok());
  }

  TaskId Insert() {
    InsertRequest request;
    request.request_id = absl::StrCat("request ", round_);
    request.content_hash = "hash";
    request.batch_name = absl::StrCat("batch ", round_);
    for (int i = 0; i < 40; ++i) request.tasks.push_back(Spec(Text(round_ * 100 + i, 60)));
    request.tasks[3].payload = Text(round_, 30'000);
    request.tasks[20].payload = Text(round_ + 5, 9'000);
    request.tasks[4].retry.max_attempts = 1;
    request.tasks[21].key = absl::StrCat("key ", round_);
    request.tasks[22].labels = {{"zone", absl::StrCat("a", round_)}, {"kind", "x"}};
    request.tasks[23].delay = absl::Hours(100);
    request.tasks[24].depends_on_index = {20};
    request.tasks[25].depends_on_index = {0};
    request.tasks[26].queue = "other";
    request.tasks[27].expires_in = absl::Hours(100);
    request.tasks[28].queue = absl::StrCat("paused", round_);
    const auto transaction = store_.Begin();
    const auto answer = transaction->Insert(kNow, request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    Commit(*transaction);
    return answer.ok() ? answer->first_task_id : 0;
  }

  std::vector<LeasedTask> Claim(int tasks) {
    ClaimRequest request;
    request.worker = absl::StrCat("worker ", round_);
    request.queues = {"default"};
    request.max_tasks = tasks;
    const auto transaction = store_.Begin();
    auto leased = transaction->Claim(kNow, absl::Hours(1000), request);
    EXPECT_TRUE(leased.ok()) << leased.status();
    Commit(*transaction);
    return leased.ok() ? *std::move(leased) : std::vector<LeasedTask>();
  }

  // Some succeed, with and without results, one of which is long; some fail; some go on running.
  void Complete(const std::vector<LeasedTask>& tasks) {
    std::vector<TaskResult> results;
    for (size_t i = 0; i + 2 < tasks.size(); ++i) {
      TaskResult& result = results.emplace_back();
      result.task_id = tasks[i].task_id;
      result.lease_id = tasks[i].lease_id;
      if (i == 2 || i == 3) result.result = Text(round_ + 9, i == 3 ? 12'000 : 10);
      if (i == 4 || i == 6) {
        result.outcome = ResultOutcome::kFailed;
        result.error = {13, absl::StrCat("broken in round ", round_)};
      }
    }
    const auto transaction = store_.Begin();
    EXPECT_TRUE(transaction->Complete(kNow, results).ok());
    Commit(*transaction);
  }

  Store& store_;
  const int round_;
};

template <typename T>
std::string ShowOrError(const absl::StatusOr<T>& answer) {
  return answer.ok() ? Show(*answer) : answer.status().ToString();
}

LeftBehind Leave(bool in_good_order) {
  const TempDir dir(MemoryDirectory());
  LeftBehind left;
  std::unique_ptr<Store> store = *OpenStore(dir.path());
  for (int round = 0; round < 3; ++round) FillStore(*store, round);
  store.reset();
  store = *OpenStore(dir.path());
  for (int round = 3; round < 6; ++round) FillStore(*store, round);
  left.content = ReadAll(*store);
  if (in_good_order) store.reset();
  left.files = ReadStoreFiles(dir.path());
  return left;
}

}  // namespace

StoreFiles ReadStoreFiles(const std::string& directory) {
  StoreFiles files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name == "lock" || name == "tarea.db-shm") continue;
    std::string bytes = entry.is_directory() ? "a directory" : ReadBytes(entry.path());
    if (name != "tarea.db-wal" || !bytes.empty()) files[name] = std::move(bytes);
  }
  return files;
}

void WriteStoreFiles(const std::string& directory, const StoreFiles& files) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    fs::remove_all(entry.path());
  }
  for (const auto& [name, bytes] : files) {
    std::ofstream(directory + "/" + name, std::ios::binary) << bytes;
  }
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& directory,
                                                 Durability durability) {
  SqliteOptions options;
  options.data_dir = directory;
  options.durability = durability;
  options.readers = 1;
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options);
  if (!store.ok()) return store.status();
  return *std::move(store);
}

void FillStore(Store& store, int round) { Filler(store, round).Fill(); }

std::map<std::string, std::string> ReadAll(Store& store) {
  std::map<std::string, std::string> all;
  for (TaskId id = 1; id <= 240; ++id) {
    all[absl::StrCat("task ", id)] = ShowOrError(store.GetTask(id));
  }
  for (BatchId id = 1; id <= 6; ++id) {
    all[absl::StrCat("batch ", id)] = ShowOrError(store.GetBatch(id));
    all[absl::StrCat("finished of ", id)] = ShowOrError(store.ListFinished(id, 0, 1000, true));
  }
  all["queues"] = ShowOrError(store.ListQueues());
  TaskQuery failed;
  failed.states = {TaskState::kFailed};
  all["failed"] = ShowOrError(store.ListTasks(failed));
  TaskQuery labelled;
  labelled.labels = {{"kind", "x"}};
  all["labelled"] = ShowOrError(store.ListTasks(labelled));
  return all;
}

const LeftBehind& LeftByKill() {
  static const LeftBehind* const left = new LeftBehind(Leave(/*in_good_order=*/false));
  return *left;
}

const LeftBehind& LeftByEnd() {
  static const LeftBehind* const left = new LeftBehind(Leave(/*in_good_order=*/true));
  return *left;
}

}  // namespace tarea
