// Who gets through to a master with certificates, and who does not.

#include "common/tls.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/client.h"
#include "tests/integration/tls_fixture.h"
#include "tests/support/raw_call.h"
#include "worker/worker.h"

namespace tarea {
namespace {

class Tls : public TlsFixture {
 protected:
  void SetUp() override {
    TlsFixture::SetUp();
    Issue("pki", "client", {.role = Role::kAdmin, .queues = {}});
    Issue("pki", "expired", {.role = Role::kAdmin, .queues = {}}, /*is_valid=*/false);
    MakeAuthority("other");
    Issue("other", "client", {.role = Role::kAdmin, .queues = {}});
  }

  // Asks as the client with these certificates.
  absl::Status Try(const TlsOptions& tls, const std::string& host = "127.0.0.1") {
    const absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
        MakeChannelCredentials(tls, absl::Now());
    return credentials.ok() ? Try(*credentials, host) : credentials.status();
  }

  absl::Status Try(std::shared_ptr<grpc::ChannelCredentials> credentials,
                   const std::string& host = "127.0.0.1") {
    ClientOptions options;
    options.masters = {absl::StrCat(host, ":", master_->port())};
    options.retry_time = absl::Milliseconds(500);
    options.credentials.channel = std::move(credentials);
    Client client(options);
    return client.Stats().status();
  }
};

// Whoever connects now gets a certificate that names the host `name`.
bool Names(int port, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
           const std::string& name) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(name);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  const auto channel =
      grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port), credentials, arguments);
  return CallRaw(channel, "/tarea.v1.TaskService/GetStats", "").ok();
}

TEST_F(Tls, WhoHasACertificateOfTheAuthorityGetsThrough) {
  const absl::Status status = Try(Of("pki/client"));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(Tls, WhoHasNoneDoesNot) {
  EXPECT_TRUE(absl::IsUnavailable(
      Try(TlsOptions{.certificate = "", .key = "", .authority = File("pki/ca.crt")})));
  EXPECT_TRUE(absl::IsUnavailable(Try(TlsOptions{})));
}

TEST_F(Tls, WhoHasOneOfAnotherAuthorityDoesNot) {
  EXPECT_TRUE(absl::IsUnavailable(Try(Of("other/client"))));
}

TEST_F(Tls, WhoHasOneThatIsNotValidAnyMoreDoesNot) {
  // Ours would not even try.
  EXPECT_TRUE(absl::IsFailedPrecondition(Try(Of("pki/expired"))));
  EXPECT_TRUE(absl::IsUnavailable(Try(OthersOf("pki/expired"))));
}

// Also on a connection that was made before, and with a session that is resumed.
TEST_F(Tls, ACertificateThatHasRunOutIsOfNoUse) {
  IssueFor(absl::Seconds(2), "pki", "brief", {.role = Role::kRead, .queues = {}});
  ClientOptions options;
  options.masters = {absl::StrCat("127.0.0.1:", master_->port())};
  options.retry_time = absl::Milliseconds(500);
  options.credentials.channel = OthersOf("pki/brief");
  Client client(options);
  const absl::Time too_late = absl::Now() + absl::Seconds(30);
  absl::Status status = client.Stats().status();
  EXPECT_TRUE(status.ok()) << status;
  while (status.ok() && absl::Now() < too_late) status = client.Stats().status();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
}

TEST_F(Tls, AStreamDoesNotKeepAnOldConnection) {
  options_.server_limits.max_connection_age = absl::Milliseconds(200);
  options_.server_limits.max_unread = absl::Milliseconds(200);
  options_.limits.max_wait = absl::Milliseconds(200);
  Start();
  const auto stub = v1::TaskService::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", master_->port()), OthersOf("pki/client")));
  v1::SubmitTasksRequest submission;
  submission.add_tasks()->set_type("echo");
  v1::SubmitTasksResponse batch;
  grpc::ClientContext submit_context;
  ASSERT_TRUE(stub->SubmitTasks(&submit_context, submission, &batch).ok());
  v1::WatchBatchRequest request;
  request.set_batch_id(batch.batch_id());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  const auto stream = stub->WatchBatch(&context, request);
  v1::WatchBatchResponse news;
  while (stream->Read(&news)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Tls, AMasterOfAnotherAuthorityIsNotBelieved) {
  EXPECT_TRUE(absl::IsUnavailable(Try(Of("pki/client", "other"))));
}

TEST_F(Tls, AMasterThatIsCalledOtherwiseIsNotBelieved) {
  absl::StatusOr<CertificateAuthority> authority = CertificateAuthority::Open(File("pki"));
  ASSERT_TRUE(authority->Issue("named", MasterCertificate{{"localhost"}}, absl::Now(), kYear).ok());
  options_.tls.certificate = File("pki/named.crt");
  options_.tls.key = File("pki/named.key");
  Start();
  EXPECT_TRUE(Names(master_->port(), OthersOf("pki/client"), "localhost"));
  EXPECT_TRUE(absl::IsUnavailable(Try(Of("pki/client"), "127.0.0.1")));
}

TEST_F(Tls, CertificatesAreSwappedWhileTasksRunAndNoneFails) {
  constexpr int kTasks = 1000;
  absl::StatusOr<CertificateAuthority> authority = CertificateAuthority::Open(File("pki"));
  ASSERT_TRUE(
      authority->Issue("next", MasterCertificate{{"next.example", "127.0.0.1"}}, absl::Now(), kYear)
          .ok());
  const std::shared_ptr<grpc::ChannelCredentials> others = OthersOf("pki/client");
  ASSERT_TRUE(Names(master_->port(), others, "localhost"));
  ASSERT_FALSE(Names(master_->port(), others, "next.example"));

  const auto credentials = [this](const std::string& name) {
    return Credentials{.channel = *MakeChannelCredentials(Of("pki/" + name), absl::Now())};
  };
  const std::string address = absl::StrCat("127.0.0.1:", master_->port());
  ClientOptions client_options;
  client_options.masters = {address};
  client_options.credentials = credentials("client");
  Client client(client_options);

  // The tasks wait for the swap, but for the first ones.
  absl::Notification swapped;
  std::atomic<int> started = 0;
  WorkerOptions worker_options;
  worker_options.masters = {address};
  worker_options.credentials = credentials("client");
  worker_options.slots = 20;
  Worker worker(worker_options);
  worker.Handle("wait", [&](const v1::LeasedTask&, TaskContext&) -> absl::StatusOr<std::string> {
    if (++started > kTasks / 2) swapped.WaitForNotification();
    return "done";
  });
  std::thread working([&] { EXPECT_TRUE(worker.Run().ok()); });

  v1::TaskSpec spec;
  spec.set_type("wait");
  spec.mutable_retry()->set_max_attempts(1);
  const absl::StatusOr<Submission> batch =
      client.Submit("swap", std::vector<v1::TaskSpec>(kTasks, spec));
  ASSERT_TRUE(batch.ok()) << batch.status();
  while (started <= kTasks / 2) std::this_thread::yield();

  // As "mv" does it.
  std::filesystem::rename(File("pki/next.key"), options_.tls.key);
  std::filesystem::rename(File("pki/next.crt"), options_.tls.certificate);
  while (!Names(master_->port(), others, "next.example")) std::this_thread::yield();
  EXPECT_FALSE(Names(master_->port(), others, "localhost"));
  swapped.Notify();

  int succeeded = 0;
  const absl::Status end =
      client.Watch(batch->batch_id, {}, [&](const v1::WatchBatchResponse& news) {
        for (const v1::Task& task : news.tasks()) {
          if (task.state() == v1::TASK_STATE_SUCCEEDED && task.attempt() == 1) ++succeeded;
        }
        return absl::OkStatus();
      });
  EXPECT_TRUE(end.ok()) << end;
  EXPECT_EQ(succeeded, kTasks);
  worker.Drain();
  working.join();
}

}  // namespace
}  // namespace tarea
