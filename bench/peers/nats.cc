// Measures NATS JetStream over its text protocol: a work queue in a file, published with
// acknowledgements, pulled in batches, each message acknowledged.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/wire.h"

namespace tarea::peers {
namespace {

// Published and not acknowledged yet: enough to keep the server busy.
constexpr std::int64_t kPublishWindow = 4096;
// Messages in one pull, and pulls that wait at the server.
constexpr std::int64_t kBatch = 500;
constexpr int kPulls = 2;
constexpr std::string_view kAck = "+ACK";
// A pull ends after this, so that a worker sees that nothing is left.
constexpr std::string_view kPullNanos = "200000000";

struct Message {
  std::string_view reply_to;
  std::string_view status;  // "404 No Messages", or empty.
  std::string_view payload;
};

std::vector<std::string_view> Split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

std::size_t ToSize(std::string_view digits) {
  std::size_t size = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), size);
  return size;
}

// A connection that has subscribed to an inbox of its own.
class Session {
 public:
  explicit Session(int port) : wire_(port) {
    const std::string info(wire_.Line());
    if (info.substr(0, 5) != "INFO ") Die("this is not NATS: " + info);
    wire_.Add(
        "CONNECT "
        "{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n");
    inbox_ = "_INBOX." + std::to_string(getpid()) + "." + std::to_string(port);
    wire_.Add("SUB " + inbox_ + " 1\r\n");
  }

  const std::string& inbox() const { return inbox_; }

  void Publish(std::string_view subject, std::string_view reply_to, std::string_view payload) {
    wire_.Add("PUB ");
    wire_.Add(subject);
    wire_.Add(" ");
    wire_.Add(reply_to);
    wire_.Add(reply_to.empty() ? "" : " ");
    wire_.Add(std::to_string(payload.size()));
    wire_.Add("\r\n");
    wire_.Add(payload);
    wire_.Add("\r\n");
  }

  void Flush() { wire_.Flush(); }
  bool HasMore() const { return wire_.Available() > 0; }

  // Waits for a message, which is valid until the next call.
  Message Receive() {
    while (true) {
      header_ = wire_.Line();
      const std::vector<std::string_view> words = Split(header_);
      if (words.empty()) Die("NATS sent an empty line");
      if (words[0] == "PING") {
        wire_.Add("PONG\r\n");
        wire_.Flush();
      } else if (words[0] == "MSG") {
        // MSG subject subscription [reply-to] size
        const std::size_t size = ToSize(words.back());
        const std::string_view body = Take(size);
        return {words.size() == 5 ? words[3] : std::string_view(), {}, body};
      } else if (words[0] == "HMSG") {
        // HMSG subject subscription [reply-to] size-of-headers size
        const std::size_t headers = ToSize(words[words.size() - 2]);
        const std::string_view body = Take(ToSize(words.back()));
        // NATS/1.0 404 No Messages
        const std::string_view first = body.substr(0, body.find("\r\n"));
        return {words.size() == 6 ? words[3] : std::string_view(),
                first.substr(std::min(first.size(), first.find(' ') + 1)), body.substr(headers)};
      } else if (words[0] != "PONG" && words[0] != "+OK" && words[0] != "INFO") {
        Die("NATS sent: " + header_);
      }
    }
  }

  // Asks the server's interface for JetStream, and waits for the answer.
  std::string Ask(std::string_view subject, std::string_view question) {
    Publish(subject, inbox_, question);
    Flush();
    return std::string(Receive().payload);
  }

 private:
  std::string_view Take(std::size_t size) {
    const std::string_view body = wire_.Peek(size + 2).substr(0, size);
    wire_.Consume(size + 2);
    return body;
  }

  Wire wire_;
  std::string inbox_;
  std::string header_;
};

class Nats : public Peer {
 public:
  explicit Nats(const Load& load) : load_(load), payload_(load.payload, 'p') {}

  void Prepare() override {
    Session session(load_.port);
    session.Ask("$JS.API.STREAM.DELETE.bench", "");  // Of an earlier round, if there was one.
    Check(session.Ask("$JS.API.STREAM.CREATE.bench",
                      R"({"name":"bench","subjects":["bench"],"retention":"workqueue",)"
                      R"("storage":"file","num_replicas":1,"max_consumers":-1,"max_msgs":-1,)"
                      R"("max_bytes":-1,"max_age":0,"discard":"old"})"));
    Check(session.Ask("$JS.API.CONSUMER.DURABLE.CREATE.bench.workers",
                      R"({"stream_name":"bench","config":{"durable_name":"workers",)"
                      R"("ack_policy":"explicit","deliver_policy":"all","replay_policy":"instant",)"
                      R"("max_ack_pending":-1,"ack_wait":600000000000}})"));
  }

  void Submit(std::int64_t tasks) override {
    Session session(load_.port);
    std::int64_t sent = 0, stored = 0;
    while (stored < tasks) {
      const std::int64_t burst = std::min(tasks, stored + kPublishWindow) - sent;
      if (burst >= kPublishWindow / 8 || sent + burst == tasks) {
        for (std::int64_t i = 0; i < burst; ++i) {
          session.Publish("bench", session.inbox(), payload_);
        }
        session.Flush();
        sent += burst;
      }
      CheckStored(session.Receive());
      ++stored;
    }
  }

  void Drain(const std::function<void()>& start, Progress& progress) override {
    Session session(load_.port);
    session.Flush();
    start();
    for (int i = 0; i < kPulls; ++i) Pull(session, kBatch);
    session.Flush();
    std::deque<std::int64_t> unconfirmed;  // How many each confirmation will stand for.
    std::int64_t acknowledged = 0, received = 0;
    std::string held;  // Where the newest message is to be acknowledged.
    while (true) {
      const Message message = session.Receive();
      if (!message.status.empty()) {  // The pull has waited long enough.
        if (progress.complete()) return;
        Pull(session, kBatch);
      } else if (message.reply_to.empty()) {  // An acknowledgement has been dealt with.
        progress.Add(unconfirmed.front());
        unconfirmed.pop_front();
      } else {
        if (!held.empty()) session.Publish(held, "", kAck);
        held = message.reply_to;
        ++acknowledged;
        if (++received % kBatch == 0) Pull(session, kBatch);
      }
      if (session.HasMore()) continue;
      // The last of what has arrived asks for a confirmation, which stands for those before it.
      if (!held.empty()) {
        session.Publish(held, session.inbox(), kAck);
        held.clear();
        unconfirmed.push_back(std::exchange(acknowledged, 0));
      }
      session.Flush();
    }
  }

  void WorkRoundTrips(RoundTrips& trips) override {
    Session session(load_.port);
    for (int i = 0; i < trips.count(); ++i) {
      session.Publish(kNext, session.inbox(), "{\"batch\":1}");
      session.Flush();
      trips.Ready();
      const Message message = session.Receive();
      session.Publish(message.reply_to, session.inbox(), kAck);
      session.Flush();
      session.Receive();
      trips.End();
    }
  }

  void SubmitRoundTrips(RoundTrips& trips) override {
    Session session(load_.port);
    for (int i = 0; i < trips.count(); ++i) {
      trips.AwaitReady();
      trips.Begin();
      session.Publish("bench", session.inbox(), payload_);
      session.Flush();
      CheckStored(session.Receive());
    }
  }

 private:
  static constexpr std::string_view kNext = "$JS.API.CONSUMER.MSG.NEXT.bench.workers";

  static void Check(const std::string& answer) {
    if (answer.find("\"error\"") != std::string::npos) Die("JetStream answered: " + answer);
  }

  static void CheckStored(const Message& message) {
    if (message.payload.find("\"seq\"") == std::string_view::npos) {
      Die("JetStream did not store a task: " + std::string(message.status) +
          std::string(message.payload));
    }
  }

  static void Pull(Session& session, std::int64_t batch) {
    session.Publish(
        kNext, session.inbox(),
        "{\"batch\":" + std::to_string(batch) + ",\"expires\":" + std::string(kPullNanos) + "}");
  }

  const Load load_;
  const std::string payload_;
};

}  // namespace
}  // namespace tarea::peers

int main(int argc, char** argv) { return tarea::peers::PeerMain<tarea::peers::Nats>(argc, argv); }
