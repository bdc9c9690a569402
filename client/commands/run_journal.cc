#include "client/commands/run_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr uint64_t kMagic = 0x314e5552'41455241;  // "AREARUN1"
constexpr size_t kPageBytes = 4096;
// A spool that has grown to this is left for a new one as soon as all of it has gone out.
constexpr int64_t kSpoolBytes = 64 << 20;
// What may be repeated where nobody can tell how much arrived.
constexpr int64_t kBlindWrite = 16 << 10;
constexpr int64_t kMaxWrite = 1 << 20;
// Beyond what any spool grows to, and any run has of them.
constexpr int64_t kMaxSpoolEnd = int64_t{1} << 50;
constexpr uint64_t kMaxGeneration = uint64_t{1} << 50;

absl::Status Errno(absl::string_view what, const std::string& path, int error) {
  return absl::UnavailableError(
      absl::StrCat(what, " ", Printable(path, 1024), ": ", std::generic_category().message(error)));
}

absl::Status WriteAll(int fd, absl::string_view bytes, int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(fd, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::ErrnoToStatus(errno, "cannot write to the spool of the run");
    bytes.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return absl::OkStatus();
}

// False at the end of the file.
bool ReadAll(int fd, char* data, size_t size, int64_t offset) {
  while (size > 0) {
    const ssize_t count = pread(fd, data, size, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    data += count;
    size -= static_cast<size_t>(count);
    offset += count;
  }
  return true;
}

// What a spool calls a stream; an earlier client may have written it.
uint32_t Descriptor(OutputStream stream) {
  return stream == OutputStream::kStdout ? STDOUT_FILENO : STDERR_FILENO;
}

OutputStream StreamOf(const RunChunk::Header& header) {
  return header.stream == STDOUT_FILENO ? OutputStream::kStdout : OutputStream::kStderr;
}

void AwaitWritable(int fd) {
  pollfd poll_fd = {.fd = fd, .events = POLLOUT, .revents = 0};
  poll(&poll_fd, 1, -1);
}

absl::Status OutputError(int error) {
  return absl::DataLossError(absl::StrCat("cannot write the output of the tasks: ",
                                          std::generic_category().message(error)));
}

}  // namespace

void RunChunk::Add(OutputStream stream, absl::string_view bytes) {
  while (!bytes.empty()) {
    Header header;
    if (!encoded_.empty()) memcpy(&header, encoded_.data() + last_, sizeof(header));
    const size_t room = std::numeric_limits<uint32_t>::max() - header.length;
    if (encoded_.empty() || header.stream != Descriptor(stream) || room == 0) {
      last_ = encoded_.size();
      header = {.stream = Descriptor(stream), .length = 0};
      encoded_.append(reinterpret_cast<const char*>(&header), sizeof(header));
      continue;
    }
    const size_t part = std::min(room, bytes.size());
    encoded_.append(bytes.data(), part);
    header.length += static_cast<uint32_t>(part);
    memcpy(encoded_.data() + last_, &header, sizeof(header));
    bytes.remove_prefix(part);
  }
}

void RunChunk::ForEach(const std::function<void(OutputStream, absl::string_view)>& part) const {
  absl::string_view rest = encoded_;
  while (!rest.empty()) {
    Header header;
    memcpy(&header, rest.data(), sizeof(header));
    rest.remove_prefix(sizeof(header));
    part(StreamOf(header), rest.substr(0, header.length));
    rest.remove_prefix(header.length);
  }
}

void RunChunk::Clear() {
  encoded_.clear();
  last_ = 0;
}

// What must change together. There are two, and Page::active says which one counts: the other is
// filled in before it is made to count.
struct RunJournal::Slot {
  uint64_t generation;  // of the spool
  int64_t begin;        // of the chunk in the spool
  int64_t end;
  int64_t last_id;
  int64_t cursor;
  // Up to here it has gone out. The kernel moves it (sendfile).
  off_t offset;
};

// A write that is about to happen.
struct RunJournal::Intent {
  std::atomic<uint32_t> valid;
  uint32_t sized;  // the file has a length to compare
  off_t offset;    // in the spool, before the write
  int64_t length;
  uint64_t device;
  uint64_t inode;
  int64_t size;  // of the file, before the write
  char path[2048];
};

struct RunJournal::Page {
  uint64_t magic;
  int64_t batch_id;
  int64_t created_at;
  uint32_t order;
  int32_t pid;
  std::atomic<uint64_t> active;
  Slot slots[2];
  Intent intent;
};

RunJournal::RunJournal(const Options& options, const RunKey& key)
    : options_(options),
      stem_(absl::StrCat(options.directory, "/", key.batch_id, "-", key.created_at)) {
  static_assert(sizeof(Page) <= kPageBytes);
  static_assert(std::atomic<uint64_t>::is_always_lock_free);
}

RunJournal::~RunJournal() {
  if (page_ != nullptr) munmap(page_, kPageBytes);
  if (page_fd_ >= 0) close(page_fd_);
  if (spool_fd_ >= 0) close(spool_fd_);
}

std::string RunJournal::SpoolPath(uint64_t generation) const {
  return absl::StrCat(stem_, ".out", generation);
}

RunJournal::Slot& RunJournal::active() const { return page_->slots[page_->active % 2]; }
RunJournal::Slot& RunJournal::other() const { return page_->slots[(page_->active + 1) % 2]; }

// Orders the stores before it, so that a slot counts only when it is whole.
void RunJournal::Switch() {
  Step();
  page_->active.store(page_->active + 1, std::memory_order_seq_cst);
}

// Whether the page is one that a journal may have left: all that is counted from its numbers, which
// a damaged disk or another program may have changed, then stays within them.
bool RunJournal::IsSound() const {
  const Slot& slot = active();
  const Intent& intent = page_->intent;
  const bool order = page_->order == static_cast<uint32_t>(RunOrder::kOfInputs) ||
                     page_->order == static_cast<uint32_t>(RunOrder::kOfCompletion);
  const bool within = slot.begin >= 0 && slot.begin <= slot.offset && slot.offset <= slot.end &&
                      slot.end <= kMaxSpoolEnd;
  if (!order || !within || slot.generation >= kMaxGeneration || slot.last_id < 0 ||
      slot.cursor < 0) {
    return false;
  }
  return intent.valid == 0 ||
         (intent.length >= 0 && intent.length <= kMaxWrite && intent.offset >= slot.begin &&
          intent.offset <= slot.end - intent.length && intent.size >= 0 &&
          memchr(intent.path, '\0', sizeof(intent.path)) != nullptr);
}

RunOrder RunJournal::order() const { return static_cast<RunOrder>(page_->order); }

RunPosition RunJournal::position() const {
  return {.last_id = active().last_id, .cursor = active().cursor};
}

absl::Status RunJournal::Map(int fd) {
  page_fd_ = fd;
  void* memory = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return Errno("cannot map", PagePath(), errno);
  page_ = static_cast<Page*>(memory);
  // So that the kernel never has to read the page from the disk to move the offset on: a kill might
  // keep it from that.
  mlock(page_, kPageBytes);
  return absl::OkStatus();
}

absl::Status RunJournal::OpenSpool(uint64_t generation, bool create) {
  const std::string path = SpoolPath(generation);
  const int fd =
      open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0), S_IRUSR | S_IWUSR);
  if (fd < 0) return Errno("cannot open", path, errno);
  if (spool_fd_ >= 0) close(spool_fd_);
  spool_fd_ = fd;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RunJournal>> RunJournal::Create(const Options& options,
                                                               const RunKey& key, RunOrder order) {
  std::error_code error;
  // The outputs of tasks are nobody else's business.
  std::filesystem::create_directories(options.directory, error);
  if (error) return Errno("cannot make", options.directory, error.value());
  std::unique_ptr<RunJournal> journal(new RunJournal(options, key));
  journal->Step();
  if (absl::Status status = journal->OpenSpool(0, /*create=*/true); !status.ok()) return status;
  // Made under another name, so that whoever finds it under its own finds it whole.
  const std::string path = journal->PagePath();
  const std::string draft = absl::StrCat(path, ".", getpid());
  journal->Step();
  const int fd = open(draft.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return Errno("cannot make", draft, errno);
  flock(fd, LOCK_EX | LOCK_NB);
  journal->Step();
  // With its blocks, since a full disk would otherwise be met in a store to the mapping.
  if (const int full = posix_fallocate(fd, 0, kPageBytes); full != 0) {
    close(fd);
    unlink(draft.c_str());
    return Errno("cannot write", draft, full);
  }
  if (absl::Status status = journal->Map(fd); !status.ok()) return status;
  Page& page = *journal->page_;
  page.magic = kMagic;
  page.batch_id = key.batch_id;
  page.created_at = key.created_at;
  page.order = static_cast<uint32_t>(order);
  page.pid = getpid();
  journal->Step();
  if (rename(draft.c_str(), path.c_str()) != 0) return Errno("cannot make", path, errno);
  return journal;
}

absl::StatusOr<std::unique_ptr<RunJournal>> RunJournal::Open(const Options& options,
                                                             const RunKey& key) {
  std::unique_ptr<RunJournal> journal(new RunJournal(options, key));
  std::string path = journal->PagePath();
  int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    path = journal->FinishedPath();
    fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  }
  if (fd < 0 && errno == ENOENT) return absl::NotFoundError(absl::StrCat("there is no ", path));
  if (fd < 0) return Errno("cannot open", path, errno);
  const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
  struct stat file = {};
  if (fstat(fd, &file) == 0 && file.st_size != static_cast<off_t>(kPageBytes)) {
    close(fd);
    return absl::DataLossError(absl::StrCat(path, " is not the journal of a run; remove it"));
  }
  if (absl::Status status = journal->Map(fd); !status.ok()) return status;
  Page& page = *journal->page_;
  if (page.magic != kMagic || page.batch_id != key.batch_id || page.created_at != key.created_at) {
    return absl::DataLossError(absl::StrCat(path, " is not the journal of this run; remove it"));
  }
  if (!locked) {
    return absl::FailedPreconditionError(absl::StrCat(
        "batch ", key.batch_id, " is being printed by another client, process ", page.pid));
  }
  if (!journal->IsSound()) {
    return absl::DataLossError(absl::StrCat(
        path,
        " is damaged, so what was printed is not known; remove it to print all of the run anew"));
  }
  // The client that had it may have come to the end since it was opened here.
  if (file.st_nlink == 0) return absl::NotFoundError(absl::StrCat("there is no ", path));
  page.pid = getpid();
  if (absl::Status status = journal->Reopen(); !status.ok()) return status;
  if (path != journal->PagePath()) rename(path.c_str(), journal->PagePath().c_str());
  return journal;
}

absl::Status RunJournal::Reopen() {
  const Slot& now = active();
  const uint64_t generation = now.generation;
  if (absl::Status status = OpenSpool(generation, /*create=*/false); !status.ok()) {
    // One whose run is finished has no spool any more, and needs none.
    return now.offset < now.end ? absl::DataLossError(status.message()) : Rotate();
  }
  if (generation > 0) unlink(SpoolPath(generation - 1).c_str());
  Recover();
  return absl::OkStatus();
}

// A write was noted and it is not known whether it happened. A file that has a length tells.
void RunJournal::Recover() {
  Intent& intent = page_->intent;
  if (intent.valid == 0) return;
  struct stat file = {};
  if (intent.sized != 0 && stat(intent.path, &file) == 0 && file.st_dev == intent.device &&
      file.st_ino == intent.inode) {
    const int64_t arrived = std::clamp<int64_t>(file.st_size - intent.size, 0, intent.length);
    active().offset = intent.offset + arrived;
  }
  Step();
  intent.valid.store(0, std::memory_order_seq_cst);
}

// A spool must not be cut or written anew while it may still be read: what sendfile has put into a
// pipe are its very pages. So a new file follows, and the old one only loses its name.
absl::Status RunJournal::Rotate() {
  const Slot& now = active();
  const uint64_t old = now.generation;
  Step();
  if (absl::Status status = OpenSpool(old + 1, /*create=*/true); !status.ok()) return status;
  other() = {.generation = old + 1,
             .begin = 0,
             .end = 0,
             .last_id = now.last_id,
             .cursor = now.cursor,
             .offset = 0};
  Switch();
  Step();
  unlink(SpoolPath(old).c_str());
  return absl::OkStatus();
}

absl::Status RunJournal::Append(const RunChunk& chunk, const RunPosition& position) {
  if (active().end >= kSpoolBytes) {
    if (absl::Status status = Rotate(); !status.ok()) return status;
  }
  const Slot& now = active();
  Step();
  if (absl::Status status = WriteAll(spool_fd_, chunk.encoded(), now.end); !status.ok()) {
    return status;
  }
  other() = {.generation = now.generation,
             .begin = now.end,
             .end = now.end + static_cast<int64_t>(chunk.encoded().size()),
             .last_id = position.last_id,
             .cursor = position.cursor,
             .offset = now.end};
  Switch();
  return absl::OkStatus();
}

absl::Status RunJournal::Print() {
  Slot& slot = active();
  // The offset is at a header, inside of a part, or at its end.
  for (int64_t at = slot.begin; at < slot.end;) {
    RunChunk::Header header;
    if (!ReadAll(spool_fd_, reinterpret_cast<char*>(&header), sizeof(header), at)) {
      return absl::DataLossError(absl::StrCat("the spool ", SpoolPath(slot.generation),
                                              " ends before what is still to be printed"));
    }
    const auto first = at + static_cast<int64_t>(sizeof(header));
    const int64_t end = first + header.length;
    if (slot.offset < end) {
      Step();
      if (slot.offset < first) slot.offset = first;
      const bool out = StreamOf(header) == OutputStream::kStdout;
      if (absl::Status status = Send(out ? options_.out_fd : options_.err_fd, end); !status.ok()) {
        return status;
      }
    }
    at = end;
  }
  return absl::OkStatus();
}

absl::Status RunJournal::Send(int fd, int64_t end) {
  Slot& slot = active();
  while (slot.offset < end) {
    Step();
    const ssize_t count =
        sendfile(fd, spool_fd_, &slot.offset, static_cast<size_t>(end - slot.offset));
    if (count > 0 || (count < 0 && errno == EINTR)) continue;
    if (count == 0) {
      return absl::DataLossError(absl::StrCat("the spool ", SpoolPath(slot.generation),
                                              " ends before what is still to be printed"));
    }
    if (errno == EAGAIN) {
      AwaitWritable(fd);
    } else if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) {
      return WriteWithIntent(fd, end);
    } else {
      return OutputError(errno);
    }
  }
  return absl::OkStatus();
}

absl::Status RunJournal::WriteWithIntent(int fd, int64_t end) {
  Slot& slot = active();
  Intent& intent = page_->intent;
  std::string buffer;
  while (slot.offset < end) {
    NoteIntent(fd, std::min(end - slot.offset, kMaxWrite));
    buffer.resize(static_cast<size_t>(intent.length));
    if (!ReadAll(spool_fd_, buffer.data(), buffer.size(), slot.offset)) {
      return absl::DataLossError(absl::StrCat("cannot read ", SpoolPath(slot.generation)));
    }
    Step();
    intent.valid.store(1, std::memory_order_seq_cst);
    Step();
    const ssize_t count = write(fd, buffer.data(), buffer.size());
    const int error = errno;
    Step();
    if (count > 0) slot.offset += count;
    Step();
    intent.valid.store(0, std::memory_order_seq_cst);
    if (count >= 0 || error == EINTR) continue;
    if (error != EAGAIN) return OutputError(error);
    AwaitWritable(fd);
  }
  return absl::OkStatus();
}

void RunJournal::NoteIntent(int fd, int64_t length) {
  Intent& intent = page_->intent;
  intent.offset = active().offset;
  intent.sized = 0;
  intent.length = length;
  struct stat file = {};
  const int flags = fcntl(fd, F_GETFL);
  if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && flags >= 0 && (flags & O_APPEND) != 0) {
    const ssize_t size =
        readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), intent.path, sizeof(intent.path) - 1);
    if (size > 0 && size < static_cast<ssize_t>(sizeof(intent.path)) - 1) {
      intent.path[size] = '\0';
      intent.device = file.st_dev;
      intent.inode = file.st_ino;
      intent.size = file.st_size;
      intent.sized = 1;
    }
  }
  if (intent.sized == 0) intent.length = std::min(length, kBlindWrite);
}

void RunJournal::Finish() {
  Step();
  rename(PagePath().c_str(), FinishedPath().c_str());
  Step();
  unlink(SpoolPath(active().generation).c_str());
}

void RunJournal::Remove() {
  Step();
  unlink(PagePath().c_str());
  Step();
  unlink(SpoolPath(active().generation).c_str());
}

void RunJournal::RemoveOlderThan(const std::string& directory, absl::Time before,
                                 absl::Time finished_before) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const std::string path = it->path().string();
    const auto old = [&](const std::string& file) {
      struct stat about = {};
      const absl::Time limit = absl::EndsWith(file, ".done") ? finished_before : before;
      return lstat(file.c_str(), &about) != 0 ||
             (S_ISREG(about.st_mode) && absl::TimeFromTimespec(about.st_mtim) < limit);
    };
    // A spool goes with its journal, and that not while somebody has it open.
    const size_t spool = path.rfind(".out");
    const std::string page = spool == std::string::npos ? path : path.substr(0, spool) + ".run";
    if (!old(path) || !old(page)) continue;
    const int fd = open(page.c_str(), O_RDONLY | O_CLOEXEC);
    const bool in_use = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (!in_use) unlink(path.c_str());
    if (fd >= 0) close(fd);
  }
}

}  // namespace tarea
