#ifndef TAREA_CLIENT_COMMANDS_RUN_JOURNAL_H_
#define TAREA_CLIENT_COMMANDS_RUN_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/recent_output.h"

// What `client run` has printed of a batch, kept so exactly that a client which was killed at any
// instant can be followed by another one that prints the rest and nothing twice.
namespace tarea {

// Output that goes out together: parts of stdout and stderr in their order.
class RunChunk {
 public:
  void Add(OutputStream stream, absl::string_view bytes);

  // Calls `part(stream, bytes)` for each part.
  void ForEach(const std::function<void(OutputStream, absl::string_view)>& part) const;

  // Each part after a header that tells stream and length: what a spool consists of.
  const std::string& encoded() const { return encoded_; }
  bool empty() const { return encoded_.empty(); }
  void Clear();

  // Header of a part.
  struct Header {
    uint32_t stream = 0;  // its descriptor: 1 or 2
    uint32_t length = 0;
  };

 private:
  std::string encoded_;
  size_t last_ = 0;  // where the header of the last part is
};

// A batch: its id, and when it was created in nanoseconds since 1970, since another master, or the
// same one with other data, gives the same ids out.
struct RunKey {
  int64_t batch_id = 0;
  int64_t created_at = 0;
};

// In which order a run prints. Another client that goes on with it must keep to the same.
enum class RunOrder : uint32_t { kOfInputs = 1, kOfCompletion = 2 };

// How far a run has come.
struct RunPosition {
  // In the order of inputs: every task up to this id is done with.
  int64_t last_id = 0;
  // A watch that begins here sees every task that is not done with.
  int64_t cursor = 0;
};

// The journal of one run, in two files below the client's state directory: the spool, to which
// output is only ever added, and a page that says which of it has gone out. The page is mapped into
// memory, so that whatever was stored there is there after the death of the process, though not
// after a loss of power.
//
// Output goes out with sendfile(2), which is told to keep its offset in that page: the kernel moves
// it on in the same system call that writes, so no kill falls between the two. The offset counts
// bytes that a pipe or a file has taken over. Where sendfile cannot write (O_APPEND, some
// terminals), the journal notes what it is about to write, and where the file ended before; another
// client then learns from the file's length how much of it got there. For what has no length, such
// as a terminal, at most one write of 16 KiB may be repeated.
//
// A journal is locked while it is open: one client at a time. Not thread-safe.
class RunJournal {
 public:
  struct Options {
    // Made if need be.
    std::string directory;
    // Where the output goes.
    int out_fd = 1;
    int err_fd = 2;
    // For tests: called before each step that changes a file.
    std::function<void()> at_step = nullptr;
  };

  // Begins a journal, in place of one that may be there. Errors name the path and the reason.
  static absl::StatusOr<std::unique_ptr<RunJournal>> Create(const Options& options,
                                                            const RunKey& key, RunOrder order);

  // Goes on with one. NOT_FOUND if there is none; FAILED_PRECONDITION if a client that lives has it
  // open; DATA_LOSS if it cannot be understood.
  static absl::StatusOr<std::unique_ptr<RunJournal>> Open(const Options& options,
                                                          const RunKey& key);

  // Removes the journals that nobody has touched since `before`, and the finished ones that nobody
  // has touched since `finished_before`. Best effort.
  static void RemoveOlderThan(const std::string& directory, absl::Time before,
                              absl::Time finished_before);

  ~RunJournal();
  RunJournal(const RunJournal&) = delete;
  RunJournal& operator=(const RunJournal&) = delete;

  RunOrder order() const;
  // With what is in the spool counted as done.
  RunPosition position() const;

  // Takes over the output that leads to `position`. From here on it is certain that it goes out
  // once: if not by this client then by another. Everything before must have been printed.
  absl::Status Append(const RunChunk& chunk, const RunPosition& position);

  // Prints what has been taken over and has not gone out. Errors tell why it cannot be written.
  absl::Status Print();

  // All of the run is printed. The page stays, so that a client which is killed right after this is
  // followed by one that knows it.
  void Finish();

  // Removes the files: nobody can go on from here.
  void Remove();

 private:
  struct Slot;
  struct Intent;
  struct Page;

  RunJournal(const Options& options, const RunKey& key);

  absl::Status Map(int fd);
  bool IsSound() const;
  absl::Status OpenSpool(uint64_t generation, bool create);
  absl::Status Reopen();
  absl::Status Rotate();
  void Recover();
  Slot& active() const;
  Slot& other() const;
  void Switch();
  void Step() const {
    if (options_.at_step) options_.at_step();
  }

  absl::Status Send(int fd, int64_t end);
  absl::Status WriteWithIntent(int fd, int64_t end);
  void NoteIntent(int fd, int64_t length);
  std::string SpoolPath(uint64_t generation) const;
  std::string PagePath() const { return stem_ + ".run"; }
  std::string FinishedPath() const { return stem_ + ".done"; }

  const Options options_;
  const std::string stem_;
  int page_fd_ = -1;
  int spool_fd_ = -1;
  Page* page_ = nullptr;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_RUN_JOURNAL_H_
