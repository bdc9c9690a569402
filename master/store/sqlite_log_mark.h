#ifndef TAREA_MASTER_STORE_SQLITE_LOG_MARK_H_
#define TAREA_MASTER_STORE_SQLITE_LOG_MARK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "master/store/sqlite_wal.h"
#include "master/store/task.h"

namespace tarea {

// What is known of the log of a database although the log itself may be damaged: the file
// `tarea.db-mark` beside it.
//
// SQLite takes a log up to its first frame that is not sound. After a loss of power that is right:
// what was not synced may be there in parts, in any order. But if a frame is damaged that was on
// the disk, all that was acknowledged since is dropped without a word, and nothing in the log tells
// the two apart: frames that are sound by themselves may follow in both cases. So after each sync
// of the log it is written down here how far it reached. Frames up to there must be sound; if one
// is not, it was damaged.
//
// What the mark says was true when it was written and stays so, so it need not be synced each time:
// a loss of power leaves an older mark, which claims less. Only when the log begins anew the mark
// is synced before, because an older one would claim what is gone. (All frames before are in the
// database then.) The mark of a log that is removed says so before, too.
//
// It also keeps which ids may have been given out. A worker is given a task while its submission is
// on the way to the disk, and a loss of power, or a disk that fails, may take the task back; its id
// must not become that of another one, since handlers tell by the id what they have done. So ids
// are reserved here, durably, before they are given out, and whoever starts goes on after those.
struct LogMark {
  static constexpr int kSize = 64;
  // So many ids are reserved ahead: the fewest at first, and each time twice as many.
  static constexpr int64_t kFewestReserved = 64;
  static constexpr int64_t kMostReserved = 1 << 16;

  uint64_t database = 0;  // the id of the database that the log belongs to
  LogSalt salt;           // of the log; none while there is no log
  uint32_t frames = 0;    // that are on the disk, up to the end of a transaction
  LogSalt previous;       // of the log before, which is all in the database
  bool settled = false;   // a master has begun an epoch on this database, see SqliteStore

  // Up to these. After a good end they are the ones that were given out last.
  TaskId last_task = 0;
  BatchId last_batch = 0;

  std::string Encode() const;
  // Nothing if it is no mark, or is damaged.
  static std::optional<LogMark> Decode(const unsigned char* bytes);
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_LOG_MARK_H_
