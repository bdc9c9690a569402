// The look at the frames of a connection (FrameGuard) is taken where TLS hides them, too.

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <csignal>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/x509.h"
#include "tests/hostile/http2_peer.h"
#include "tests/integration/tls_fixture.h"

namespace tarea {
namespace {

// A connection with TLS that says whatever bytes a test wants.
class TlsPeer {
 public:
  TlsPeer(int port, const TlsOptions& tls) : context_(SSL_CTX_new(TLS_client_method())) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL would raise it where the other side has gone
    SSL_CTX_use_certificate_file(context_.get(), tls.certificate.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context_.get(), tls.key.c_str(), SSL_FILETYPE_PEM);
    connection_.reset(BIO_new_ssl_connect(context_.get()));
    SSL* ssl = nullptr;
    BIO_get_ssl(connection_.get(), &ssl);
    const unsigned char h2[] = {2, 'h', '2'};
    SSL_set_alpn_protos(ssl, h2, sizeof(h2));
    BIO_set_conn_hostname(connection_.get(), absl::StrCat("127.0.0.1:", port).c_str());
    open_ = BIO_do_connect(connection_.get()) == 1 && BIO_do_handshake(connection_.get()) == 1;
    const timeval patience = {60, 0};
    const int fd = static_cast<int>(BIO_get_fd(connection_.get(), nullptr));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  }

  bool open() const { return open_; }

  // False if the other side has ended the connection.
  bool Send(const std::string& bytes) {
    return BIO_write(connection_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  // Reads until `text` has come. False if the connection ends before.
  bool AwaitText(const std::string& text) {
    std::string received;
    char buffer[4096];
    while (received.find(text) == std::string::npos) {
      const int size = BIO_read(connection_.get(), buffer, sizeof(buffer));
      if (size <= 0) return false;
      received.append(buffer, static_cast<size_t>(size));
    }
    return true;
  }

 private:
  std::unique_ptr<SSL_CTX, SslFree<SSL_CTX_free>> context_;
  std::unique_ptr<BIO, SslFree<BIO_free_all>> connection_;
  bool open_ = false;
};

class TlsFrames : public TlsFixture {
 protected:
  void SetUp() override {
    TlsFixture::SetUp();
    Issue("pki", "client", {.role = Role::kAdmin, .queues = {}});
  }

  std::unique_ptr<TlsPeer> Greeted() {
    auto peer = std::make_unique<TlsPeer>(master_->port(), Of("pki/client"));
    EXPECT_TRUE(peer->open());
    EXPECT_TRUE(peer->Send(absl::StrCat(http2::Preface(), http2::Settings())));
    EXPECT_TRUE(peer->Send(http2::Frame(http2::kSettings, http2::kAck, 0, "")));
    return peer;
  }

  // Calls that are opened and reset, each a stream of its own; `first` is odd.
  static std::string Resets(uint32_t first, int count) {
    std::string bytes;
    for (uint32_t stream = first; stream < first + 2 * static_cast<uint32_t>(count); stream += 2) {
      absl::StrAppend(&bytes, http2::CallHeaders(stream, "GetStats"), http2::Reset(stream));
    }
    return bytes;
  }
};

TEST_F(TlsFrames, ACallOfSomebodyInOrderIsAnswered) {
  const auto peer = Greeted();
  EXPECT_TRUE(peer->Send(http2::Call(1, "GetStats", "")));
  EXPECT_TRUE(peer->AwaitText("sqlite"));
}

TEST_F(TlsFrames, WhoOpensAndResetsCallsWithoutEndIsCutOff) {
  const auto peer = Greeted();
  bool taken = true;
  for (uint32_t i = 0; taken && i < 100; ++i) taken = peer->Send(Resets(1 + 2000 * i, 1000));
  EXPECT_TRUE(!taken || !peer->AwaitText("what never comes"));
  // Others do not notice.
  const auto other = Greeted();
  EXPECT_TRUE(other->Send(http2::Call(1, "GetStats", "")));
  EXPECT_TRUE(other->AwaitText("sqlite"));
}

TEST_F(TlsFrames, AHeaderWithoutEndIsCutOff) {
  const auto peer = Greeted();
  bool taken =
      peer->Send(http2::Frame(http2::kHeaders, http2::kNoFlags, 1, http2::CallFields("GetStats")));
  const std::string more = http2::Frame(http2::kContinuation, http2::kNoFlags, 1, "");
  for (int i = 0; taken && i < 30'000; ++i) taken = peer->Send(more);
  EXPECT_TRUE(!taken || !peer->AwaitText("what never comes"));
}

}  // namespace
}  // namespace tarea
