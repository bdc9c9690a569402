#ifndef TAREA_MASTER_STORE_SQLITE_DATABASE_FILE_H_
#define TAREA_MASTER_STORE_SQLITE_DATABASE_FILE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "master/store/sqlite_pages.h"
#include "master/store/sqlite_vfs.h"

namespace tarea {

// A database as SQLite has it open: pages get their checksum when they are written and are checked
// when they are read. One that was made before pages had checksums is read and written as it is.
class DatabaseFile : public VfsFile {
 public:
  // SQLITE_OK, or SQLite's error code.
  static int Make(std::unique_ptr<RealFile> real, std::string path, std::unique_ptr<VfsFile>& file);

  int Read(void* to, int size, int64_t at) override;
  int Write(const void* from, int size, int64_t at) override;
  int Truncate(int64_t size) override;

  // Chosen by chance when the database is made; a copy that `master backup` makes has another one.
  uint64_t id() const { return id_; }

 private:
  DatabaseFile(std::unique_ptr<RealFile> real, std::string path)
      : VfsFile(std::move(real)), path_(std::move(path)) {}

  int ReadPage(unsigned char* to, int64_t number);

  const std::string path_;
  bool has_checksums_ = true;
  uint64_t id_ = 0;
  std::array<unsigned char, kPageSize> page_;  // on its way
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_DATABASE_FILE_H_
