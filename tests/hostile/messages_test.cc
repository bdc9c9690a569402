// What a message of a call can be used for.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/e2e/tasks.h"
#include "tests/hostile/hostile_fixture.h"

namespace tarea {
namespace {

using http2::Peer;
using Messages = Hostile;

// 1 GiB of zeros as gzip has it (RFC 1951, 1952), made by hand: a literal 0, then 258 more of them
// again and again, each time in 13 bits.
std::string Bomb() {
  std::string bytes("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  uint32_t pending = 0;
  int bits = 0;
  const auto put = [&](uint32_t value, int count) {
    pending |= value << bits;
    for (bits += count; bits >= 8; bits -= 8, pending >>= 8) {
      bytes.push_back(static_cast<char>(pending & 0xFF));
    }
  };
  put(0b011, 3);  // the last block, with the codes that are agreed on
  // Codes begin with their highest bit, all else with its lowest.
  put(0b00001100, 8);  // 0
  for (int64_t size = 0; size < int64_t{1} << 30; size += 258) {
    put(0b10100011, 8);  // a length of 258
    put(0, 5);           // a distance of 1
  }
  put(0, 7);   // the end
  put(0, 32);  // up to a byte, and what should be the checksum
  return bytes;
}

TEST_F(Messages, ACompressionBombIsNotUnpacked) {
  Start({.peak_megabytes = 150, .cpu_seconds = 4});
  const std::string bomb = Bomb();
  ASSERT_LT(bomb.size(), 8 << 20);
  Peer peer = Greeted();
  EXPECT_TRUE(peer.Send(absl::StrCat(
      http2::Frame(
          http2::kHeaders, http2::kEndHeaders, 1,
          absl::StrCat(http2::CallFields("SubmitTasks"), http2::Field("grpc-encoding", "gzip"))),
      http2::Data(1, http2::Message(bomb, static_cast<uint32_t>(bomb.size()), true)))));
  EXPECT_TRUE(peer.AwaitText("grpc-status"));
  other_caller().ExpectToGoOn();
}

TEST_F(Messages, OneThatIsTooLongIsRefusedAndOneWithoutEndIsCutOff) {
  Start({.peak_megabytes = 200, .cpu_seconds = 6});
  Peer somewhat = Greeted();
  EXPECT_TRUE(somewhat.SendCall(1, http2::CallHeaders(1, "SubmitTasks"),
                                http2::Message(std::string(10 << 20, 'x'))));
  EXPECT_TRUE(somewhat.AwaitText("larger than max"));
  // Announced as 4 GiB, and it comes.
  Peer endless = Greeted();
  EXPECT_FALSE(endless.SendCall(1, http2::CallHeaders(1, "SubmitTasks"),
                                http2::Message(std::string(200 << 20, 'x'), 0xFFFFFFFF, false)));
  EXPECT_TRUE(cluster_.master().AwaitLog("it sends a message without end"));
}

TEST_F(Messages, UnfinishedOnesTogetherTakeABoundedAmountOfMemory) {
  // An answer to the other caller may be among what is dropped; that costs it a lease.
  Start({.peak_megabytes = 600, .cpu_seconds = 20}, {"--lease", "1s"});
  const std::string piece(16000, 'x');
  std::vector<Peer> peers;
  for (int i = 0; i < 4; ++i) peers.push_back(Greeted());
  for (Peer& peer : peers) {
    std::string begin;
    for (uint32_t stream = 1; stream < 400; stream += 2) {
      begin += http2::CallHeaders(stream, "SubmitTasks") +
               http2::Data(stream, http2::Message("", 8 << 20, false), http2::kNoFlags);
    }
    EXPECT_TRUE(peer.Send(begin));
    // 400 KB each, 80 MB together per connection: many times what there is in all.
    for (int round = 0; round < 100; ++round) {
      std::string more;
      for (uint32_t stream = 1; stream < 400; stream += 2) {
        more += http2::Data(stream, piece, http2::kNoFlags);
      }
      if (!peer.Send(more)) break;
    }
  }
}

TEST_F(Messages, AMillionEmptyTasksAreRefusedBeforeTheyAreMade) {
  Start({.peak_megabytes = 200, .cpu_seconds = 6});
  std::string tasks;
  while (tasks.size() < 8'000'000) tasks += std::string("\x1a\0", 2);
  for (int i = 0; i < 5; ++i) {
    Peer peer = Greeted();
    EXPECT_TRUE(peer.SendCall(1, http2::CallHeaders(1, "SubmitTasks"), http2::Message(tasks)));
    EXPECT_TRUE(peer.AwaitText("has more than 250000 tasks, results, leases"));
  }
  // Chunks of output, three messages deep.
  std::string chunks;
  while (chunks.size() < 8'000'000) chunks += std::string("\x0a\0", 2);
  const auto wrap = [](char tag, const std::string& content) {
    std::string length;
    size_t rest = content.size();
    for (; rest >= 128; rest /= 128) length.push_back(static_cast<char>(rest % 128 + 128));
    length.push_back(static_cast<char>(rest));
    return absl::StrCat(std::string(1, tag), length, content);
  };
  Peer peer = Greeted();
  EXPECT_TRUE(peer.SendCall(1, http2::CallHeaders(1, "SubmitResult"),
                            http2::Message(wrap('\x12', wrap('\x3a', chunks)))));
  EXPECT_TRUE(peer.AwaitText("has more than 250000 tasks, results, leases"));
}

TEST_F(Messages, DeepNestingIsRefused) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  // Groups that nothing is known about, one in the other.
  for (const size_t depth : {size_t{1'000}, size_t{4'000'000}}) {
    Peer peer = Greeted();
    EXPECT_TRUE(peer.SendCall(1, http2::CallHeaders(1, "SubmitTasks"),
                              http2::Message(std::string(depth, '\x7b'))));
    EXPECT_TRUE(peer.AwaitText("cannot be read as tarea.v1.SubmitTasksRequest")) << depth;
  }
}

TEST_F(Messages, GarbageIsAnsweredWithWhatIsWrong) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  uint32_t seed = 1;
  for (int i = 0; i < 200; ++i) {
    std::string bytes;
    for (int k = 0; k < 100; ++k) {
      seed = seed * 1664525 + 1013904223;
      bytes.push_back(static_cast<char>(seed >> 24));
    }
    Peer peer = Greeted();
    EXPECT_TRUE(peer.Send(http2::Call(1, "Heartbeat", bytes)));
    EXPECT_TRUE(peer.AwaitText("grpc-status"));
  }
  Peer peer = Greeted();
  EXPECT_TRUE(peer.Send(absl::StrCat(http2::CallHeaders(1, "GetTask"), http2::Data(1, ""))));
  EXPECT_TRUE(peer.AwaitText("grpc-status"));
}

// The answer to a call whose every text is what it should be but one.
template <typename Request, typename Response>
absl::Status Answer(Connection& connection, Request request,
                    grpc::Status (Stub::*call)(grpc::ClientContext*, const Request&, Response*)) {
  return connection.Attempt(Process::kPatience, [&](Stub& stub, grpc::ClientContext& context) {
    Response response;
    return (stub.*call)(&context, request, &response);
  });
}

TEST_F(Messages, TextThatIsNotUtf8IsRefusedByNameEverywhere) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  constexpr char kBad[] =
      "a\xff"
      "b";
  Connection& connection = cluster_.connection();
  std::vector<std::pair<std::string, absl::Status>> answers;

  const auto submit = [&](const char* field, auto set) {
    v1::SubmitTasksRequest request;
    request.add_tasks()->set_type("echo");
    request.add_tasks()->set_type("echo");
    set(request);
    answers.emplace_back(field, Answer(connection, request, &Stub::SubmitTasks));
  };
  submit("request_id", [&](auto& r) { r.set_request_id(kBad); });
  submit("batch_name", [&](auto& r) { r.set_batch_name(kBad); });
  submit("tasks[1].type", [&](auto& r) { r.mutable_tasks(1)->set_type(kBad); });
  submit("tasks[1].queue", [&](auto& r) { r.mutable_tasks(1)->set_queue(kBad); });
  submit("tasks[1].key", [&](auto& r) { r.mutable_tasks(1)->set_key(kBad); });
  submit("tasks[1].labels[0].key", [&](auto& r) { (*r.mutable_tasks(1)->mutable_labels())[kBad]; });
  submit("tasks[0].labels[0].value",
         [&](auto& r) { (*r.mutable_tasks(0)->mutable_labels())["a"] = kBad; });

  const auto list = [&](const char* field, auto set) {
    v1::ListTasksRequest request;
    set(request);
    answers.emplace_back(field, Answer(connection, request, &Stub::ListTasks));
  };
  list("filter.queue", [&](auto& r) { r.mutable_filter()->set_queue(kBad); });
  list("filter.type", [&](auto& r) { r.mutable_filter()->set_type(kBad); });
  list("filter.labels[0].key", [&](auto& r) { (*r.mutable_filter()->mutable_labels())[kBad]; });
  list("page_token", [&](auto& r) { r.set_page_token(kBad); });

  const auto poll = [&](const char* field, auto set) {
    v1::RequestTaskRequest request;
    request.mutable_worker()->set_id("w");
    set(request);
    answers.emplace_back(field, Answer(connection, request, &Stub::RequestTask));
  };
  poll("worker.id", [&](auto& r) { r.mutable_worker()->set_id(kBad); });
  poll("worker.name", [&](auto& r) { r.mutable_worker()->set_name(kBad); });
  poll("worker.host", [&](auto& r) { r.mutable_worker()->set_host(kBad); });
  poll("worker.version", [&](auto& r) { r.mutable_worker()->set_version(kBad); });
  poll("worker.labels[0].value",
       [&](auto& r) { (*r.mutable_worker()->mutable_labels())["a"] = kBad; });
  poll("queues[0]", [&](auto& r) { r.add_queues(kBad); });
  poll("types[0]", [&](auto& r) { r.add_types(kBad); });
  poll("shares[0].queue", [&](auto& r) { r.add_shares()->set_queue(kBad); });

  v1::SubmitResultRequest result;
  result.add_results()->mutable_error()->set_message(kBad);
  answers.emplace_back("results[0].error.message", Answer(connection, result, &Stub::SubmitResult));
  v1::HeartbeatRequest heartbeat;
  heartbeat.add_held()->mutable_progress()->set_message(kBad);
  answers.emplace_back("held[0].progress.message", Answer(connection, heartbeat, &Stub::Heartbeat));
  v1::CancelTasksRequest cancel;
  cancel.set_reason(kBad);
  answers.emplace_back("reason", Answer(connection, cancel, &Stub::CancelTasks));
  v1::PauseQueueRequest pause;
  pause.set_queue(kBad);
  answers.emplace_back("queue", Answer(connection, pause, &Stub::PauseQueue));

  for (const auto& [field, status] : answers) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field << ": " << status;
    EXPECT_THAT(status.message(), testing::HasSubstr(absl::StrCat(field, " is not valid UTF-8")));
  }
}

}  // namespace
}  // namespace tarea
