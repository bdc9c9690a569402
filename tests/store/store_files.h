#ifndef TAREA_TESTS_STORE_STORE_FILES_H_
#define TAREA_TESTS_STORE_STORE_FILES_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "master/store/sqlite_store.h"
#include "tests/support/temp_dir.h"

// Stores with content of all kinds, and their files.
namespace tarea {

// The files of a data directory that hold data, by name, with what is in them: not the lock, nor
// SQLite's index of the log, nor a log that is empty.
using StoreFiles = std::map<std::string, std::string>;
StoreFiles ReadStoreFiles(const std::string& directory);
void WriteStoreFiles(const std::string& directory, const StoreFiles& files);

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& directory,
                                                 Durability durability = Durability::kFsync);

// Adds batches in which something of everything happens: tasks in all states, results, errors,
// attempts, keys, labels, dependents, payloads of many pages, a paused queue, running leases; all
// acknowledged. `round` makes the content differ.
void FillStore(Store& store, int round);

// What a store answers: for each task, batch and queue, all of it as text. A task or a list that
// cannot be read is there with its error instead.
std::map<std::string, std::string> ReadAll(Store& store);

// What a master leaves that was ended by SIGKILL: half of the content in the log. And what one
// leaves that was ended in good order.
struct LeftBehind {
  StoreFiles files;
  std::map<std::string, std::string> content;
};
const LeftBehind& LeftByKill();
const LeftBehind& LeftByEnd();

}  // namespace tarea

#endif  // TAREA_TESTS_STORE_STORE_FILES_H_
