#ifndef TAREA_MASTER_CONNECTION_GUARD_H_
#define TAREA_MASTER_CONNECTION_GUARD_H_

#include <cstdint>

namespace tarea {

// The highest number that a descriptor of GuardConnection may have.
inline constexpr int kMaxGuardedDescriptor = (1 << 16) - 1;

// From now on a FrameGuard sees what this connection receives, until the socket is closed; one that
// it objects to looks to gRPC as if the peer had reset it, and the log says why. `fd` is a socket
// that was accepted, at most kMaxGuardedDescriptor, and not yet read from; `max_call_bytes` is for
// the FrameGuard. Thread-safe.
//
// gRPC 1.51 has no place for that: what an interceptor sees comes long after the frames have had
// their effect. A proxy in front of it would cost every call four more system calls and two more
// thread switches. So the library's calls of recvmsg(2) come to one that is defined here, which
// passes through everything but the connections given to this function.
void GuardConnection(int fd, int64_t max_call_bytes);

}  // namespace tarea

#endif  // TAREA_MASTER_CONNECTION_GUARD_H_
