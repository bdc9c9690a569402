#include "master/store/sqlite_inspect.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "master/store/schema.h"
#include "master/store/sqlite_log_file.h"
#include "master/store/sqlite_vfs.h"

namespace tarea {
namespace {

const unsigned char* Bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// What a step answers in place of OK if there is nothing more to look at.
absl::Status Done() { return absl::AlreadyExistsError("done"); }

class Inspector {
 public:
  explicit Inspector(const std::string& path)
      : path_(path), log_path_(path + "-wal"), mark_path_(MarkPath(path)) {}

  absl::StatusOr<Inspection> Run() {
    for (const auto step :
         {&Inspector::LookAtMark, &Inspector::LookAtLog, &Inspector::ReadDatabase,
          &Inspector::CheckExists, &Inspector::CheckOurs, &Inspector::CheckFirstPage,
          &Inspector::CheckLog, &Inspector::CheckSize}) {
      const absl::Status status = (this->*step)();
      if (absl::IsAlreadyExists(status)) break;
      if (!status.ok()) return status;
    }
    return std::move(found_);
  }

 private:
  // --- Reading ---
  absl::Status LookAtMark() {
    const absl::StatusOr<std::string> bytes = ReadRealFile(mark_path_, LogMark::kSize);
    if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
    if (!bytes.ok()) return bytes.status();
    if (bytes->size() == LogMark::kSize) found_.mark = LogMark::Decode(Bytes(*bytes));
    return absl::OkStatus();
  }

  absl::Status LookAtLog() {
    const FileName name(log_path_);
    if (absl::IsNotFound(ReadRealFile(log_path_, 0).status())) return absl::OkStatus();
    std::unique_ptr<RealFile> file;
    int64_t size = 0;
    // Not as a log: without its database SQLite would not open it.
    int result = RealFile::Open(name.c_str(), SQLITE_OPEN_READONLY | SQLITE_OPEN_SUPER_JOURNAL,
                                nullptr, file);
    if (result == SQLITE_OK) result = file->Size(size);
    if (result == SQLITE_OK) {
      found_.log = WalkLog(size, [&](void* to, int bytes, int64_t at) {
        result = file->Read(to, bytes, at);
        return result == SQLITE_OK;
      });
    }
    return result == SQLITE_OK ? absl::OkStatus() : Unreadable(log_path_, result);
  }

  absl::Status ReadDatabase() {
    if (absl::IsNotFound(ReadRealFile(path_, 0).status())) return absl::OkStatus();
    const FileName name(path_);
    std::unique_ptr<RealFile> file;
    int result =
        RealFile::Open(name.c_str(), SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, nullptr, file);
    if (result == SQLITE_OK) result = file->Size(found_.bytes);
    if (result != SQLITE_OK) return Unreadable(path_, result);
    exists_ = true;
    first_page_.resize(static_cast<size_t>(std::min<int64_t>(found_.bytes, kPageSize)));
    if (first_page_.empty()) return absl::OkStatus();
    result = file->Read(first_page_.data(), static_cast<int>(first_page_.size()), 0);
    return result == SQLITE_OK ? absl::OkStatus() : Unreadable(path_, result);
  }

  // --- What there is ---
  absl::Status CheckExists() {
    if (found_.bytes > 0 && !WasBeingMade()) return absl::OkStatus();
    const std::string what = absl::StrCat(
        "the file is ", exists_ ? (found_.bytes > 0 ? "not whole" : "empty") : "missing");
    if (found_.log.bytes > 0) {
      return absl::DataLossError(absl::StrCat(what, " although its log is there, ", log_path_));
    }
    if (found_.mark.has_value()) {
      return absl::DataLossError(absl::StrCat(
          what, " although there was a database here, as ", mark_path_,
          " says; if it is to begin anew, empty, move all files of the directory away"));
    }
    return Done();
  }

  // Whether this is what is left where somebody was interrupted who made a database: SQLite takes
  // back then what there is of it.
  bool WasBeingMade() const {
    const absl::StatusOr<std::string> journal = ReadRealFile(path_ + "-journal", 1);
    if (!journal.ok() || journal->empty() || found_.mark.has_value()) return false;
    if (first_page_.size() < PageHeader::kSize) return true;
    const PageHeader header = ParsePageHeader(Bytes(first_page_));
    return (header.application_id == kApplicationId && header.reserved == kReservedBytes) ||
           std::all_of(first_page_.begin(), first_page_.end(), [](char c) { return c == '\0'; });
  }

  absl::Status CheckOurs() {
    if (first_page_.size() < PageHeader::kSize ||
        !ParsePageHeader(Bytes(first_page_)).is_database) {
      return absl::DataLossError(
          "the file is damaged, or not a database: it does not begin like one of SQLite");
    }
    const bool in_log = !found_.log.first_page.empty();
    found_.header = ParsePageHeader(Bytes(in_log ? found_.log.first_page : first_page_));
    const PageHeader& header = found_.header;
    // 0 may be one that an earlier version has just begun; SqliteStore looks at its tables.
    if (header.application_id != kApplicationId && header.application_id != 0) return NotOurs();
    if (const auto version = static_cast<int32_t>(header.schema_version); version < 0) {
      return absl::DataLossError(
          absl::StrCat("the database is damaged: its schema version is ", version));
    }
    if (header.application_id == kApplicationId && header.schema_version > kSchemaVersion) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the database has schema version ", header.schema_version, ", this master knows up to ",
          kSchemaVersion, "; start it with a newer master",
          in_log || IsSound(first_page_) ? ""
                                         : " (or its first page is damaged: the checksum that this "
                                           "version knows is not right)"));
    }
    const bool has_checksums = header.schema_version >= kFirstSchemaWithChecksums ||
                               header.reserved != 0 ||
                               ParsePageHeader(Bytes(first_page_)).reserved != 0;
    found_.kind = has_checksums ? Inspection::Kind::kCurrent : Inspection::Kind::kWithoutChecksums;
    return absl::OkStatus();
  }

  absl::Status CheckFirstPage() {
    if (found_.kind == Inspection::Kind::kWithoutChecksums) return absl::OkStatus();
    if (IsSound(first_page_)) {
      found_.database = DatabaseIdOf(Bytes(first_page_));
    } else if (found_.log.pages.contains(1)) {
      // Its newer version was on its way from the log when the power failed.
      found_.database = found_.mark.has_value() ? found_.mark->database : 0;
    } else {
      return found_.header.application_id == 0 ? NotOurs()
                                               : absl::DataLossError(
                                                     "page 1 of the file is damaged: it is not "
                                                     "what was written, its checksum is wrong");
    }
    const PageHeader& header = found_.header;
    if (header.application_id != kApplicationId) return NotOurs();
    if (header.page_size != kPageSize || header.reserved != kReservedBytes) {
      return absl::DataLossError(
          absl::StrCat("the file has pages of ", header.page_size, " bytes, ", header.reserved,
                       " of them reserved, and not ", kPageSize, " and ", kReservedBytes));
    }
    return absl::OkStatus();
  }

  // --- The log ---
  absl::Status CheckLog() {
    const LogWalk& log = found_.log;
    NoteTail();
    if (found_.kind == Inspection::Kind::kWithoutChecksums) return absl::OkStatus();
    if (!found_.mark.has_value()) {
      if (log.committed > 0) {
        found_.notes.push_back(absl::StrCat(
            mark_path_, " is missing or damaged: whether anything is missing at the end of ",
            log_path_, " cannot be told; it has ", log.committed, " frames that are sound"));
      }
      return absl::OkStatus();
    }
    const LogMark& mark = *found_.mark;
    if (mark.database != found_.database) {
      // A copy that was put in the place of the database. Without a log it can be used as it is.
      if (log.committed == 0 && mark.frames == 0) return absl::OkStatus();
      return absl::FailedPreconditionError(
          absl::StrCat("the log beside it, ", log_path_,
                       ", is that of another database; if the file was "
                       "restored from a backup, it must be the only one in its directory: move the "
                       "others away"));
    }
    if (!log.exists && mark.frames > 0) {
      return absl::DataLossError(
          absl::StrCat("its log ", log_path_,
                       " is missing; commits were on the disk in it that are "
                       "not in the file"));
    }
    if (!log.header.sound) {
      if (mark.frames == 0) return absl::OkStatus();  // it was just to begin anew
      return absl::DataLossError(
          absl::StrCat("the header of its log ", log_path_, " is damaged; ", Lost(0)));
    }
    if (log.header.salt == mark.salt) {
      if (log.committed >= mark.frames) return absl::OkStatus();
      return absl::DataLossError(absl::StrCat(
          "its log ", log_path_,
          FrameOffset(mark.frames + 1) > log.bytes ? " was cut off or is damaged" : " is damaged",
          " at frame ", log.sound_frames + 1, " (byte ", FrameOffset(log.sound_frames + 1), "); ",
          Lost(log.committed)));
    }
    // Interrupted before the log began anew. All of this one is in the database.
    if (log.header.salt == mark.previous && mark.frames == 0) return absl::OkStatus();
    if (log.committed == 0 && mark.frames == 0) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "the log beside it, ", log_path_, ", is not the one that belongs to it (", mark_path_,
        "), but of another time or another database; put that one back, or restore a backup, which "
        "must then be the only file in its directory: move the others away"));
  }

  // What was acknowledged and is lost if the log ends after `frames`.
  std::string Lost(int64_t frames) const {
    return absl::StrCat("what was committed up to frame ", found_.mark->frames,
                        " was on the disk, and would be lost from frame ", frames + 1, " on");
  }

  // Allowed after a loss of power: what was not synced may be there in parts.
  void NoteTail() {
    if (found_.log.later_commits == 0) return;
    found_.notes.push_back(absl::StrCat(
        log_path_, " ends with frame ", found_.log.committed, ": frame ",
        found_.log.sound_frames + 1, " is not whole, and ", found_.log.later_commits,
        " commits after it are left out. After a loss of power that is normal (none of them was on "
        "the disk as far as is known); otherwise the file is damaged"));
  }

  // --- The size ---
  absl::Status CheckSize() {
    if (found_.kind == Inspection::Kind::kWithoutChecksums) return absl::OkStatus();
    const int64_t pages =
        found_.log.committed > 0 ? found_.log.database_pages : int64_t{found_.header.pages};
    // What the log has need not be there yet.
    for (int64_t page = found_.bytes / kPageSize + 1; page <= pages; ++page) {
      if (page == kLockPage || found_.log.pages.contains(page)) continue;
      return absl::DataLossError(absl::StrCat("the file was cut off: it has ", found_.bytes,
                                              " bytes, but ", pages, " pages of ", kPageSize,
                                              " bytes; page ", page, " is missing"));
    }
    return absl::OkStatus();
  }

  static bool IsSound(const std::string& page) {
    return page.size() == kPageSize && PageIsSound(Bytes(page), 1);
  }
  static absl::Status NotOurs() {
    return absl::FailedPreconditionError("this is not a database of Tarea; move it away");
  }
  static absl::Status Unreadable(const std::string& path, int result) {
    return absl::InternalError(absl::StrCat(path, " cannot be read: ", sqlite3_errstr(result),
                                            " (SQLite error ", result, ")"));
  }

  const std::string path_;
  const std::string log_path_;
  const std::string mark_path_;
  bool exists_ = false;
  std::string first_page_;  // of the file
  Inspection found_;
};

}  // namespace

absl::StatusOr<Inspection> InspectDatabase(const std::string& path) {
  sqlite3_initialize();
  return Inspector(path).Run();
}

}  // namespace tarea
