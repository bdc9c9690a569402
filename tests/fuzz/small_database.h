#ifndef TAREA_TESTS_FUZZ_SMALL_DATABASE_H_
#define TAREA_TESTS_FUZZ_SMALL_DATABASE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "master/store/store.h"
#include "tests/fuzz/fuzz_input.h"

namespace tarea {

// A good database of the SQLite store, with something in each of its tables, and a log that is not
// merged into it yet; and what changes can be made to it. After most of them its pages get
// checksums that are right, or nobody would look further.
class SmallDatabase {
 public:
  SmallDatabase();

  // Puts it into a directory, with the changes that the input says.
  void MakeChanged(FuzzInput& input, const std::string& dir) const;

  // A submission like those that are in it, with the same request id as the first.
  static InsertRequest Request();
  // A worker's question for tasks of all its queues.
  static ClaimRequest Claim(int max_tasks);
  // When it was last written to.
  static absl::Time Now();

 private:
  // Of each table.
  struct Column {
    std::string table;
    std::string name;
  };

  std::vector<std::string> ChooseStatements(FuzzInput& input) const;

  std::string database_;
  std::string log_;
  std::vector<Column> columns_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_FUZZ_SMALL_DATABASE_H_
