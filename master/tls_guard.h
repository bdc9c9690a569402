#ifndef TAREA_MASTER_TLS_GUARD_H_
#define TAREA_MASTER_TLS_GUARD_H_

#include <cstdint>

namespace tarea {

// What GuardConnection does for connections without TLS, for all with it on which this process is
// the server: from the first call on a FrameGuard sees what each of them receives, decrypted, and
// one that it objects to ends with an error. What recvmsg(2) brings is of no use there, so
// OpenSSL's SSL_read is defined here in its place. Thread-safe.
void GuardTlsConnections(int64_t max_call_bytes);

}  // namespace tarea

#endif  // TAREA_MASTER_TLS_GUARD_H_
