#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "master/store/directory_lock.h"
#include "master/store/sqlite_connection.h"
#include "master/store/sqlite_consistency.h"
#include "master/store/sqlite_inspect.h"
#include "master/store/sqlite_maintenance.h"
#include "master/store/sqlite_pages.h"
#include "master/store/sqlite_vfs.h"

namespace tarea {
namespace {

constexpr size_t kMaxListed = 20;
constexpr int kPagesAtOnce = 256;

// "3, 4, 17": a list of pages that does not fill the screen.
std::string Listed(const std::vector<int64_t>& pages) {
  const size_t shown = std::min(pages.size(), kMaxListed);
  return absl::StrCat(
      absl::StrJoin(pages.begin(), pages.begin() + static_cast<int64_t>(shown), ", "),
      pages.size() > shown ? absl::StrCat(" and ", pages.size() - shown, " more") : "");
}

class DatabaseCheck {
 public:
  explicit DatabaseCheck(const std::string& path) : path_(path) {}

  absl::StatusOr<CheckReport> Run() {
    const absl::StatusOr<Inspection> found = InspectDatabase(path_);
    if (absl::IsInternal(found.status())) return found.status();
    if (found.ok() && found->kind == Inspection::Kind::kNone) {
      return absl::NotFoundError(absl::StrCat("there is no database ", path_));
    }
    if (!found.ok()) {
      Damage(absl::StrCat(path_, ": ", found.status().message()));
      return std::move(report_);
    }
    report_.notes = found->notes;
    DescribeLog(found->log);
    if (found->kind == Inspection::Kind::kWithoutChecksums) {
      report_.notes.push_back(
          absl::StrCat(path_, " is of a version whose pages have no checksums (schema version ",
                       found->header.schema_version, "): a master of this version adds them"));
    } else if (const absl::Status status = CheckPages(*found); !status.ok()) {
      return status;
    }
    if (report_.damage.empty()) CheckContent(*found);
    return std::move(report_);
  }

 private:
  void Damage(std::string what) { report_.damage.push_back(std::move(what)); }

  void DescribeLog(const LogWalk& log) {
    report_.looked_at.push_back(log.bytes == 0
                                    ? "log: empty"
                                    : absl::StrCat("log: ", log.bytes, " bytes, ", log.committed,
                                                   " frames that are committed and sound"));
  }

  absl::Status CheckPages(const Inspection& found) {
    const FileName name(path_);
    std::unique_ptr<RealFile> file;
    int result =
        RealFile::Open(name.c_str(), SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, nullptr, file);
    const int64_t pages = found.bytes / kPageSize;
    std::vector<unsigned char> bytes(static_cast<size_t>(kPagesAtOnce) * kPageSize);
    std::vector<int64_t> damaged;
    std::vector<int64_t> in_log;
    for (int64_t first = 1; first <= pages && result == SQLITE_OK; first += kPagesAtOnce) {
      const int64_t count = std::min<int64_t>(kPagesAtOnce, pages - first + 1);
      result =
          file->Read(bytes.data(), static_cast<int>(count * kPageSize), (first - 1) * kPageSize);
      for (int64_t i = 0; i < count && result == SQLITE_OK; ++i) {
        const int64_t page = first + i;
        if (page == kLockPage || PageIsSound(bytes.data() + i * kPageSize, page)) continue;
        // It was on its way from the log when the power failed; the next start repeats that.
        (found.log.pages.contains(page) ? in_log : damaged).push_back(page);
      }
    }
    if (result != SQLITE_OK) {
      return absl::InternalError(absl::StrCat(path_, " cannot be read: ", sqlite3_errstr(result),
                                              " (SQLite error ", result, ")"));
    }
    report_.looked_at.push_back(absl::StrCat(
        "pages: ", pages, " of ", kPageSize, " bytes, ",
        damaged.empty() ? "all as they were written" : "some not as they were written"));
    if (!damaged.empty()) {
      Damage(absl::StrCat(path_, ": ", damaged.size(),
                          damaged.size() == 1 ? " page is" : " pages are",
                          " not what was written: page ", Listed(damaged)));
    }
    if (!in_log.empty()) {
      report_.notes.push_back(absl::StrCat(
          path_, ": page ", Listed(in_log),
          " is not whole, but the log has it; the next start of a master brings it over"));
    }
    return absl::OkStatus();
  }

  void CheckContent(const Inspection& found) {
    try {
      SqliteConnection connection(path_, SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX,
                                  FrozenPagesVfs());
      connection.db().exec("PRAGMA locking_mode = EXCLUSIVE");
      connection.db().exec("PRAGMA temp_store = MEMORY");
      const size_t before = report_.damage.size();
      Query integrity(connection, "PRAGMA integrity_check(20)");
      while (integrity.Next()) {
        const std::string line = integrity.Bytes(0);
        if (line != "ok") Damage(absl::StrCat(path_, ": ", line));
      }
      const bool sound = report_.damage.size() == before;
      report_.looked_at.push_back(
          absl::StrCat("structures of SQLite: ", sound ? "sound" : "damaged"));
      if (!sound || found.header.schema_version < kFirstSchemaWithChecksums) return;
      const Consistency consistency = CheckConsistency(connection);
      report_.looked_at.push_back(absl::StrCat(
          "content: ", consistency.batches, " batches, ", consistency.tasks, " tasks, ",
          consistency.contradictions.empty() ? "no contradictions" : "with contradictions"));
      for (const std::string& what : consistency.contradictions) {
        Damage(absl::StrCat(path_, ": ", what));
      }
    } catch (const SQLite::Exception& e) {
      Damage(absl::StrCat(path_, ": ", ToStatus(e).message()));
    }
  }

  const std::string path_;
  CheckReport report_;
};

}  // namespace

absl::StatusOr<CheckReport> CheckDataDir(const std::string& data_dir) {
  DirectoryLock lock;
  if (const absl::Status status = lock.TakeIfThere(data_dir); !status.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a master runs on ", data_dir,
        ", and changes its files at any time; stop it, or make a backup and check that (--file)"));
  }
  return DatabaseCheck(data_dir + "/tarea.db").Run();
}

absl::StatusOr<CheckReport> CheckFile(const std::string& path) { return DatabaseCheck(path).Run(); }

}  // namespace tarea
