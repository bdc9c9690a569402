#include "master/tls_guard.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "master/frame_guard.h"

namespace tarea {
namespace {

// 0: nothing is guarded.
std::atomic<int64_t> max_call_bytes = 0;

absl::Time Now() {
  // Without an end: gRPC's threads may outlive main().
  static auto* const kClock = new MonotonicClock();
  return kClock->Now();
}

// Where a connection keeps its guard. OpenSSL deletes it with the connection.
int GuardIndex() {
  static const int kIndex = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* guard, CRYPTO_EX_DATA*, int, long, void*) {  // NOLINT(google-runtime-int)
        delete static_cast<FrameGuard*>(guard);
      });
  return kIndex;
}

// Why the connection is to end, or null.
const char* Look(SSL* ssl, const void* bytes, int size) {
  auto* guard = static_cast<FrameGuard*>(SSL_get_ex_data(ssl, GuardIndex()));
  if (guard == nullptr) {
    auto made = std::make_unique<FrameGuard>(max_call_bytes.load());
    guard = made.get();
    if (SSL_set_ex_data(ssl, GuardIndex(), guard) != 1) return "it cannot be looked at";
    made.release();  // NOLINT(bugprone-unused-return-value)
  }
  return guard->Read({static_cast<const char*>(bytes), static_cast<size_t>(size)}, Now());
}

}  // namespace

void GuardTlsConnections(int64_t bytes) { max_call_bytes = bytes; }

}  // namespace tarea

// Comes before OpenSSL's for all that is linked dynamically, which gRPC is. gRPC reads a connection
// on one thread at a time.
extern "C" int SSL_read(SSL* ssl, void* buffer, int size) {
  using Read = int (*)(SSL*, void*, int);
  static const auto kRead = reinterpret_cast<Read>(dlsym(RTLD_NEXT, "SSL_read"));
  const int read = kRead(ssl, buffer, size);
  if (read <= 0 || tarea::max_call_bytes == 0 || SSL_is_server(ssl) != 1) return read;
  const char* const why = tarea::Look(ssl, buffer, read);
  if (why == nullptr) return read;
  spdlog::warn("ended a connection with TLS: {}", why);
  ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
  return -1;
}
