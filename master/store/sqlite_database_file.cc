#include "master/store/sqlite_database_file.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tarea {

int DatabaseFile::Make(std::unique_ptr<RealFile> real, std::string path,
                       std::unique_ptr<VfsFile>& file) {
  std::unique_ptr<DatabaseFile> made(new DatabaseFile(std::move(real), std::move(path)));
  int64_t size = 0;
  if (const int result = made->real().Size(size); result != SQLITE_OK) return result;
  if (size < kPageSize) {
    sqlite3_randomness(sizeof(made->id_), &made->id_);
  } else {
    // Both are the same in each version of the page, so that it may be written at this moment.
    const int result = made->real().Read(made->page_.data(), kPageSize, 0);
    if (result != SQLITE_OK) return result;
    made->has_checksums_ = ParsePageHeader(made->page_.data()).reserved == kReservedBytes;
    made->id_ = DatabaseIdOf(made->page_.data());
  }
  file = std::move(made);
  return SQLITE_OK;
}

int DatabaseFile::ReadPage(unsigned char* to, int64_t number) {
  const int result = real().Read(to, kPageSize, (number - 1) * kPageSize);
  if (!has_checksums_) return result;
  if (result == SQLITE_IOERR_SHORT_READ) {
    return ReportDamage(
        absl::StrCat("page ", number, " of ", path_, " is missing: the file was cut off"));
  }
  if (result != SQLITE_OK) return result;
  if (!PageIsSound(to, number)) {
    return ReportDamage(absl::StrCat("page ", number, " of ", path_,
                                     " is not what was written: its checksum is wrong"));
  }
  return SQLITE_OK;
}

int DatabaseFile::Read(void* to, int size, int64_t at) {
  const int64_t number = at / kPageSize + 1;
  const int64_t within = at % kPageSize;
  if (size == kPageSize && within == 0) return ReadPage(static_cast<unsigned char*>(to), number);
  // SQLite looks at the header before it has locked anything, when it may be just being written.
  if (!has_checksums_ || at + size <= PageHeader::kSize || within + size > kPageSize) {
    return real().Read(to, size, at);
  }
  const int result = ReadPage(page_.data(), number);
  if (result == SQLITE_OK) std::memcpy(to, page_.data() + within, static_cast<size_t>(size));
  return result;
}

int DatabaseFile::Write(const void* from, int size, int64_t at) {
  if (!has_checksums_ || size != kPageSize) return real().Write(from, size, at);
  std::memcpy(page_.data(), from, kPageSize);
  std::memset(page_.data() + kPageSize - kReservedBytes, 0, kReservedBytes);
  const int64_t number = at / kPageSize + 1;
  if (number == 1) {
    // Somebody has made a database here without room for checksums: its content would be lost.
    if (ParsePageHeader(page_.data()).reserved != kReservedBytes) return SQLITE_MISUSE;
    SetDatabaseId(page_.data(), id_);
  }
  SealPage(page_.data(), number);
  return real().Write(page_.data(), kPageSize, at);
}

int DatabaseFile::Truncate(int64_t size) {
  // The making of a database was interrupted, and begins again.
  if (size == 0) has_checksums_ = true;
  return VfsFile::Truncate(size);
}

}  // namespace tarea
