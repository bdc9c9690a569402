// Damage of every kind to the files of a store. Each time the outcome must be one of these: the
// store refuses to open, says which file it is and what to do, and changes nothing; or what cannot
// be read is an error; or all that was there before is there. Other content, without an error, is
// never an outcome.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>
#include <string>

#include "absl/base/config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "master/store/sqlite_log_mark.h"
#include "master/store/sqlite_maintenance.h"
#include "master/store/sqlite_pages.h"
#include "master/store/sqlite_wal.h"
#include "tests/store/store_files.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

constexpr char kDatabase[] = "tarea.db";
constexpr char kLog[] = "tarea.db-wal";
constexpr char kMark[] = "tarea.db-mark";

// Each takes a whole start, many times as long under AddressSanitizer; under that the fuzzing of
// databases goes on from here.
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
constexpr int kFlips = 40;
#else
constexpr int kFlips = 120;
#endif

enum class Outcome { kRefused, kErrorWhenRead, kHarmless };

class Damage : public testing::Test {
 protected:
  // Opens a store on these files, checks that what becomes of it is no other content, and answers
  // what it is.
  Outcome Try(const StoreFiles& files, const std::map<std::string, std::string>& content) {
    WriteStoreFiles(dir_.path(), files);
    absl::StatusOr<std::unique_ptr<Store>> store = OpenStore(dir_.path());
    if (!store.ok()) {
      EXPECT_THAT(store.status().code(),
                  AnyOf(absl::StatusCode::kDataLoss, absl::StatusCode::kFailedPrecondition))
          << store.status();
      EXPECT_THAT(std::string(store.status().message()),
                  AllOf(HasSubstr(dir_.path() + "/tarea.db"), HasSubstr("--data-dir"),
                        HasSubstr("nothing in it was changed"),
                        AnyOf(HasSubstr("restore it from a backup"), HasSubstr("move"),
                              HasSubstr("newer master"))));
      EXPECT_TRUE(ReadStoreFiles(dir_.path()) == files) << store.status();
      message_ = std::string(store.status().message());
      return Outcome::kRefused;
    }
    bool errors = false;
    for (const auto& [what, answer] : ReadAll(**store)) {
      if (absl::StartsWith(answer, "DATA_LOSS")) {
        EXPECT_THAT(answer, AllOf(HasSubstr(dir_.path() + "/tarea.db"),
                                  HasSubstr("restore it from a backup")));
        errors = true;
      } else {
        EXPECT_EQ(answer, content.at(what)) << what;
      }
    }
    return errors ? Outcome::kErrorWhenRead : Outcome::kHarmless;
  }

  // What `master check` finds in these files.
  std::string Check(const StoreFiles& files) {
    WriteStoreFiles(dir_.path(), files);
    const absl::StatusOr<CheckReport> report = CheckDataDir(dir_.path());
    EXPECT_TRUE(ReadStoreFiles(dir_.path()) == files);
    if (!report.ok()) return report.status().ToString();
    return report->damage.empty() ? "" : report->damage.front();
  }

  size_t Below(size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random_); }

  TempDir dir_{MemoryDirectory()};
  std::mt19937 random_{20'240'601};
  std::string message_;  // of what was last refused
};

StoreFiles With(StoreFiles files, const std::string& name,
                const std::function<void(std::string&)>& change) {
  change(files.at(name));
  return files;
}

TEST_F(Damage, NoneOfItIsAllThere) {
  EXPECT_EQ(Try(LeftByKill().files, LeftByKill().content), Outcome::kHarmless);
  EXPECT_EQ(Try(LeftByEnd().files, LeftByEnd().content), Outcome::kHarmless);
  EXPECT_EQ(Check(LeftByKill().files), "");
  EXPECT_EQ(Check(LeftByEnd().files), "");
  ASSERT_GT(LeftByKill().files.at(kLog).size(), 20u * kFrameSize);
  ASSERT_GT(LeftByEnd().files.at(kDatabase).size(), 20u * kPageSize);
  ASSERT_FALSE(LeftByEnd().files.contains(kLog));
}

// --- Bits
// ----------------------------------------------------------------------------------------------

TEST_F(Damage, AFlippedBitInTheDatabaseIsNeverSilent) {
  const LeftBehind& left = LeftByEnd();
  std::map<Outcome, int> outcomes;
  for (int i = 0; i < kFlips; ++i) {
    const size_t at = i < 10 ? Below(PageHeader::kSize) : Below(left.files.at(kDatabase).size());
    const StoreFiles files = With(left.files, kDatabase, [&](std::string& bytes) {
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
    });
    SCOPED_TRACE(absl::StrCat("byte ", at));
    outcomes[Try(files, left.content)]++;
    EXPECT_NE(Check(files), "") << "master check finds nothing";
  }
  EXPECT_GT(outcomes[Outcome::kRefused], 0);
  EXPECT_GT(outcomes[Outcome::kErrorWhenRead], 0);
}

TEST_F(Damage, AFlippedBitInTheLogIsRefused) {
  const LeftBehind& left = LeftByKill();
  for (int i = 0; i < kFlips; ++i) {
    const size_t at = i < 20 ? Below(100) : Below(left.files.at(kLog).size());
    const StoreFiles files = With(left.files, kLog, [&](std::string& bytes) {
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
    });
    SCOPED_TRACE(absl::StrCat("byte ", at));
    EXPECT_EQ(Try(files, left.content), Outcome::kRefused);
    EXPECT_THAT(message_, HasSubstr(kLog));
    if (i % 10 == 0) {
      EXPECT_NE(Check(files), "") << "master check finds nothing";
    }
  }
}

TEST_F(Damage, AFlippedBitInTheDatabaseBelowALogIsNeverSilent) {
  const LeftBehind& left = LeftByKill();
  for (int i = 0; i < kFlips / 2; ++i) {
    const size_t at = Below(left.files.at(kDatabase).size());
    SCOPED_TRACE(absl::StrCat("byte ", at));
    Try(With(left.files, kDatabase,
             [&](std::string& bytes) { bytes[at] = static_cast<char>(bytes[at] ^ 4); }),
        left.content);
  }
}

TEST_F(Damage, AFlippedBitInTheMarkIsHarmless) {
  for (int i = 0; i < LogMark::kSize; i += 3) {
    SCOPED_TRACE(absl::StrCat("byte ", i));
    const StoreFiles files = With(LeftByKill().files, kMark, [&](std::string& bytes) {
      bytes[static_cast<size_t>(i)] = static_cast<char>(bytes[static_cast<size_t>(i)] ^ 1);
    });
    EXPECT_EQ(Try(files, LeftByKill().content), Outcome::kHarmless);
  }
}

// --- Lengths and blocks
// --------------------------------------------------------------------------------

TEST_F(Damage, ADatabaseThatWasCutOffIsRefused) {
  const LeftBehind& left = LeftByEnd();
  const size_t size = left.files.at(kDatabase).size();
  std::vector<size_t> sizes = {0, 1, 99, 100, 511, 4095, 4096, 4097, size - 4096, size - 1};
  for (int i = 0; i < 20; ++i) sizes.push_back(Below(size));
  for (const size_t cut : sizes) {
    SCOPED_TRACE(absl::StrCat(cut, " bytes"));
    const StoreFiles files =
        With(left.files, kDatabase, [&](std::string& bytes) { bytes.resize(cut); });
    EXPECT_EQ(Try(files, left.content), Outcome::kRefused);
    EXPECT_NE(Check(files), "");
  }
}

TEST_F(Damage, ALogThatWasCutOffIsRefused) {
  const LeftBehind& left = LeftByKill();
  const size_t size = left.files.at(kLog).size();
  std::vector<size_t> sizes = {
      1, 31, 32, 33, 56, kLogHeaderSize + kFrameSize, size - kFrameSize, size - 1};
  for (int i = 0; i < 20; ++i) sizes.push_back(Below(size));
  for (const size_t cut : sizes) {
    SCOPED_TRACE(absl::StrCat(cut, " bytes"));
    EXPECT_EQ(
        Try(With(left.files, kLog, [&](std::string& bytes) { bytes.resize(cut); }), left.content),
        Outcome::kRefused);
  }
}

TEST_F(Damage, BlocksOfZerosAndNoiseAreNeverSilent) {
  for (const bool noise : {false, true}) {
    for (int i = 0; i < 40; ++i) {
      const bool in_log = i % 2 == 0;
      const LeftBehind& left = in_log ? LeftByKill() : LeftByEnd();
      const char* const name = in_log ? kLog : kDatabase;
      const size_t block = size_t{512} << Below(5);
      const size_t at = Below(left.files.at(name).size() / block) * block;
      const StoreFiles files = With(left.files, name, [&](std::string& bytes) {
        const size_t end = std::min(bytes.size(), at + block);
        for (size_t byte = at; byte < end; ++byte) {
          bytes[byte] = noise ? static_cast<char>(random_()) : '\0';
        }
      });
      if (files == left.files) continue;
      SCOPED_TRACE(absl::StrCat(name, ": ", block, " bytes at ", at));
      const Outcome outcome = Try(files, left.content);
      if (in_log) {
        EXPECT_EQ(outcome, Outcome::kRefused);
      }
      if (!in_log) {
        EXPECT_NE(Check(files), "");
      }
    }
  }
}

TEST_F(Damage, PagesThatChangedPlacesAreNeverSilent) {
  const LeftBehind& left = LeftByEnd();
  const size_t pages = left.files.at(kDatabase).size() / kPageSize;
  for (int i = 0; i < 40; ++i) {
    const size_t a = Below(pages) * kPageSize;
    const size_t b = Below(pages) * kPageSize;
    const StoreFiles files = With(left.files, kDatabase, [&](std::string& bytes) {
      const std::string page = bytes.substr(a, kPageSize);
      bytes.replace(a, kPageSize, bytes.substr(b, kPageSize));
      bytes.replace(b, kPageSize, page);
    });
    if (files == left.files) continue;
    SCOPED_TRACE(absl::StrCat("bytes ", a, " and ", b));
    Try(files, left.content);
    EXPECT_NE(Check(files), "");
  }
}

// --- Files that are missing or another's
// --------------------------------------------------------------

TEST_F(Damage, AMissingLogIsRefusedIfItHeldAnything) {
  StoreFiles files = LeftByKill().files;
  files.erase(kLog);
  EXPECT_EQ(Try(files, LeftByKill().content), Outcome::kRefused);
  EXPECT_THAT(message_, HasSubstr("tarea.db-wal is missing"));
}

TEST_F(Damage, AMissingDatabaseIsRefused) {
  for (const LeftBehind* left : {&LeftByKill(), &LeftByEnd()}) {
    StoreFiles files = left->files;
    files.erase(kDatabase);
    EXPECT_EQ(Try(files, left->content), Outcome::kRefused);
    EXPECT_THAT(message_, HasSubstr("the file is missing although"));
  }
}

TEST_F(Damage, AMissingMarkIsHarmless) {
  StoreFiles files = LeftByKill().files;
  files.erase(kMark);
  EXPECT_EQ(Try(files, LeftByKill().content), Outcome::kHarmless);
}

TEST_F(Damage, TheLogOfAnotherDatabaseIsRefused) {
  StoreFiles other;
  {
    const TempDir dir(MemoryDirectory());
    const std::unique_ptr<Store> store = *OpenStore(dir.path());
    FillStore(*store, 9);
    other = ReadStoreFiles(dir.path());
  }
  StoreFiles files = LeftByKill().files;
  files[kLog] = other.at(kLog);
  EXPECT_EQ(Try(files, LeftByKill().content), Outcome::kRefused);
  files[kMark] = other.at(kMark);
  EXPECT_EQ(Try(files, LeftByKill().content), Outcome::kRefused);
  EXPECT_THAT(message_, HasSubstr("another database"));
  files = LeftByEnd().files;
  files[kLog] = other.at(kLog);
  EXPECT_EQ(Try(files, LeftByEnd().content), Outcome::kRefused);
}

TEST_F(Damage, AnotherDatabaseInPlaceOfTheRightOneIsRefusedWhileItsLogIsThere) {
  const TempDir dir(MemoryDirectory());
  WriteStoreFiles(dir.path(), LeftByEnd().files);
  ASSERT_TRUE(BackUp(dir.path(), dir.path() + "/copy.db").ok());
  StoreFiles files = LeftByKill().files;
  files[kDatabase] = ReadStoreFiles(dir.path()).at("copy.db");
  EXPECT_EQ(Try(files, LeftByKill().content), Outcome::kRefused);
  EXPECT_THAT(message_, HasSubstr("move the others away"));
}

TEST_F(Damage, WhatIsNoDatabaseIsRefused) {
  const std::string page(kPageSize, '\0');
  for (const std::string& bytes :
       {std::string("hello\n"), std::string(10'000, 'x'), page,
        std::string("SQLite format 3\0", 16), std::string("SQLite format 3\0", 16) + page}) {
    EXPECT_EQ(Try({{kDatabase, bytes}}, {}), Outcome::kRefused) << bytes.substr(0, 20);
  }
}

TEST_F(Damage, ADirectoryInPlaceOfTheDatabaseIsRefused) {
  std::filesystem::create_directory(dir_.path() + "/tarea.db");
  const absl::StatusOr<std::unique_ptr<Store>> store = OpenStore(dir_.path());
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("/tarea.db"));
  EXPECT_TRUE(std::filesystem::is_directory(dir_.path() + "/tarea.db"));
}

TEST_F(Damage, ADatabaseOfSomebodyElseIsRefused) {
  const std::string path = dir_.path() + "/other.db";
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "CREATE TABLE songs (name TEXT); INSERT INTO songs VALUES ('la mer')",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  const StoreFiles files = {{kDatabase, ReadStoreFiles(dir_.path()).at("other.db")}};
  EXPECT_EQ(Try(files, {}), Outcome::kRefused);
  EXPECT_THAT(message_, HasSubstr("not a database of Tarea"));
}

TEST_F(Damage, ADatabaseOfANewerVersionIsRefused) {
  const StoreFiles files = With(LeftByEnd().files, kDatabase, [](std::string& bytes) {
    bytes[63] = 77;  // the last byte of the version
    SealPage(reinterpret_cast<unsigned char*>(bytes.data()), 1);
  });
  EXPECT_EQ(Try(files, {}), Outcome::kRefused);
  EXPECT_THAT(message_, AllOf(HasSubstr("schema version 77"), HasSubstr("newer master")));
}

// --- While a store is open
// -----------------------------------------------------------------------------

// Flips a bit of a file where `text` is.
void FlipAt(const std::string& path, const std::string& text) {
  FILE* const file = fopen(path.c_str(), "r+b");
  ASSERT_NE(file, nullptr);
  std::string bytes(std::filesystem::file_size(path), '\0');
  ASSERT_EQ(fread(bytes.data(), 1, bytes.size(), file), bytes.size());
  const size_t at = bytes.rfind(text);
  ASSERT_NE(at, std::string::npos);
  ASSERT_EQ(fseek(file, static_cast<long>(at), SEEK_SET), 0);
  fputc(bytes[at] ^ 1, file);
  fclose(file);
}

class WhileOpen : public Damage {
 protected:
  TaskId Insert(const std::string& payload) {
    InsertRequest request;
    request.tasks.resize(1);
    request.tasks[0].type = "echo";
    request.tasks[0].payload = payload;
    const auto transaction = store_->Begin();
    const TaskId id = transaction->Insert(absl::FromUnixSeconds(1), request)->first_task_id;
    EXPECT_TRUE(transaction->Commit().ok());
    EXPECT_TRUE(store_->MakeDurable().ok());
    return id;
  }

  void ExpectOnlyThisIsLost(TaskId lost, TaskId other, const std::string& file) {
    const absl::Status status = store_->GetTask(lost).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("page "), HasSubstr(dir_.path() + "/" + file),
                      HasSubstr("its checksum is wrong"), HasSubstr("docs/operations.md")));
    EXPECT_TRUE(store_->GetTask(other).ok());
    Insert("more");
    EXPECT_TRUE(absl::IsDataLoss(store_->GetTask(lost).status()));
  }

  std::unique_ptr<Store> store_ = *OpenStore(dir_.path());
};

TEST_F(WhileOpen, ADamagedPageOfTheDatabaseIsAnErrorOfWhoReadsIt) {
  const TaskId other = Insert("fine");
  const TaskId lost = Insert(std::string(3 * kPageSize, 'x') + "here it breaks");
  store_.reset();
  FlipAt(dir_.path() + "/tarea.db", "here it breaks");
  store_ = *OpenStore(dir_.path());
  ExpectOnlyThisIsLost(lost, other, kDatabase);
}

TEST_F(WhileOpen, ADamagedFrameOfTheLogIsAnErrorOfWhoReadsIt) {
  const TaskId other = Insert("fine");
  const TaskId lost = Insert(std::string(3 * kPageSize, 'x') + "here it breaks");
  FlipAt(dir_.path() + "/tarea.db-wal", "here it breaks");
  ExpectOnlyThisIsLost(lost, other, kLog);
}

TEST_F(WhileOpen, ADamagedFrameIsNotBroughtIntoTheDatabase) {
  const TaskId lost = Insert(std::string(3 * kPageSize, 'x') + "here it breaks");
  FlipAt(dir_.path() + "/tarea.db-wal", "here it breaks");
  store_.reset();  // would bring it over
  const absl::StatusOr<std::unique_ptr<Store>> again = OpenStore(dir_.path());
  EXPECT_TRUE(absl::IsDataLoss(again.status())) << again.status();
  EXPECT_EQ(lost, 1);
}

}  // namespace
}  // namespace tarea
