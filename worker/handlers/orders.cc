#include "worker/handlers/orders.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>

namespace tarea {
namespace {

// Of the text in one packet. The kernel takes packets of up to about 200 KiB.
constexpr size_t kPacketBytes = 64 << 10;
// Far beyond what the kernel runs.
constexpr size_t kMaxTextBytes = 64 << 20;
// What a guardian keeps between two commands. Untouched pages cost nothing.
constexpr size_t kUsualBytes = 1 << 20;
constexpr size_t kMaxFds = 4;

ssize_t SendPacket(int fd, const msghdr& message) {
  ssize_t size = 0;
  do {
    size = sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  return size;
}

ssize_t ReceivePacket(int fd, msghdr& message) {
  ssize_t size = 0;
  do {
    size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  return size;
}

size_t AlignForPointers(size_t bytes) {
  return (bytes + alignof(char*) - 1) / alignof(char*) * alignof(char*);
}

}  // namespace

// --- The worker's side -------------------------------------------------------------------------

bool SendOrders(int control_fd, OrdersHeader header, const std::string& text,
                const OrdersFds& fds) {
  if (text.size() > kMaxTextBytes) {
    errno = E2BIG;
    return false;
  }
  header.text_bytes = static_cast<uint32_t>(text.size());
  header.has_progress = fds.progress >= 0 ? 1 : 0;
  header.has_stdin = fds.in >= 0 ? 1 : 0;
  int given[kMaxFds] = {fds.out, fds.err};
  size_t count = 2;
  if (fds.progress >= 0) given[count++] = fds.progress;
  if (fds.in >= 0) given[count++] = fds.in;

  size_t sent = std::min(text.size(), kPacketBytes);
  // sendmsg does not write to what it sends.
  char* const begin = const_cast<char*>(text.data());
  iovec parts[] = {{&header, sizeof(header)}, {begin, sent}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(given))] = {};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(rights), given, count * sizeof(int));
  if (SendPacket(control_fd, message) < 0) return false;

  for (size_t size = 0; sent < text.size(); sent += size) {
    size = std::min(text.size() - sent, kPacketBytes);
    iovec part = {begin + sent, size};
    msghdr more = {};
    more.msg_iov = &part;
    more.msg_iovlen = 1;
    if (SendPacket(control_fd, more) < 0) return false;
  }
  return true;
}

// --- The guardian's side -----------------------------------------------------------------------

bool ReceivedOrders::Receive(int control_fd) {
  if (!Reserve(kPacketBytes)) return false;
  size_t received = 0;
  if (!ReceiveFirst(control_fd, received) || !IsSound(received)) return false;
  if (!Reserve(AlignForPointers(header_.text_bytes) + PointerCount() * sizeof(char*))) return false;
  while (received < header_.text_bytes) {
    iovec part = {memory_ + received, header_.text_bytes - received};
    msghdr more = {};
    more.msg_iov = &part;
    more.msg_iovlen = 1;
    const ssize_t size = ReceivePacket(control_fd, more);
    if (size <= 0 || (more.msg_flags & MSG_TRUNC) != 0) return false;
    received += size;
  }
  return MakePointers();
}

bool ReceivedOrders::ReceiveFirst(int control_fd, size_t& received) {
  iovec parts[] = {{&header_, sizeof(header_)}, {memory_, kPacketBytes}};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  ssize_t size = 0;
  do {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    size = ReceivePacket(control_fd, message);
  } while (size == 1);  // a stop that came too late
  if (size < static_cast<ssize_t>(sizeof(header_))) return false;
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return false;
  received = size - sizeof(header_);
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (rights == nullptr || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) {
    return false;
  }
  int fds[kMaxFds];
  const size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  memcpy(fds, CMSG_DATA(rights), std::min(count, kMaxFds) * sizeof(int));
  return TakeFds(fds, count);
}

bool ReceivedOrders::TakeFds(const int* fds, size_t count) {
  if (count != 2 + size_t{header_.has_progress} + size_t{header_.has_stdin}) return false;
  size_t next = 0;
  fds_[0] = UniqueFd(fds[next++]);
  fds_[1] = UniqueFd(fds[next++]);
  if (header_.has_progress != 0) fds_[2] = UniqueFd(fds[next++]);
  if (header_.has_stdin != 0) fds_[3] = UniqueFd(fds[next++]);
  return true;
}

bool ReceivedOrders::IsSound(size_t received) const {
  return header_.text_bytes <= kMaxTextBytes && received <= header_.text_bytes &&
         header_.programs <= header_.text_bytes && header_.directories <= 1 &&
         header_.arguments <= header_.text_bytes && header_.variables <= header_.text_bytes &&
         header_.user.group_count <= ProcessUser::kMaxGroups;
}

// A nullptr at the end of each of the four.
size_t ReceivedOrders::PointerCount() const {
  return size_t{header_.programs} + header_.directories + header_.arguments + header_.variables + 4;
}

bool ReceivedOrders::Reserve(size_t bytes) {
  if (bytes <= capacity_) return true;
  bytes = std::max(bytes, kUsualBytes);
  void* memory = capacity_ == 0 ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                : mremap(memory_, capacity_, bytes, MREMAP_MAYMOVE);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<char*>(memory);
  capacity_ = bytes;
  return true;
}

bool ReceivedOrders::MakePointers() {
  pointers_ = reinterpret_cast<char**>(memory_ + AlignForPointers(header_.text_bytes));
  char** pointer = pointers_;
  char* at = memory_;
  char* const end = memory_ + header_.text_bytes;
  for (const uint32_t count :
       {header_.programs, header_.directories, header_.arguments, header_.variables}) {
    for (uint32_t i = 0; i < count; ++i) {
      void* nul = memchr(at, '\0', end - at);
      if (nul == nullptr) return false;
      *pointer++ = at;
      at = static_cast<char*>(nul) + 1;
    }
    *pointer++ = nullptr;
  }
  return at == end;
}

void ReceivedOrders::Clear() {
  for (UniqueFd& fd : fds_) fd.Close();
  if (capacity_ > kUsualBytes) {
    munmap(memory_, capacity_);
    memory_ = nullptr;
    capacity_ = 0;
  }
}

const char* ReceivedOrders::directory() const { return pointers_[header_.programs + 1]; }

char* const* ReceivedOrders::argv() const {
  return pointers_ + header_.programs + header_.directories + 2;
}

char* const* ReceivedOrders::envp() const { return argv() + header_.arguments + 1; }

}  // namespace tarea
