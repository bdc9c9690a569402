#ifndef TAREA_MASTER_STORE_SQLITE_CONSISTENCY_H_
#define TAREA_MASTER_STORE_SQLITE_CONSISTENCY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "master/store/sqlite_connection.h"

namespace tarea {

// What the tables of a database say about each other.
struct Consistency {
  int64_t batches = 0;
  int64_t tasks = 0;
  std::vector<std::string> contradictions;  // in words; the first ones if there are many
};

// Reads every task once, and what the other tables say of it: that it has one state, is counted
// once by its batch, queue and type, is listed once where its state has a list (ready, claimed,
// finished, keys), and that nothing belongs to a task that is not there. Takes memory for each
// finished task (16 bytes) and for each run of ready ones. Throws SQLite::Exception.
Consistency CheckConsistency(SqliteConnection& connection);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_CONSISTENCY_H_
