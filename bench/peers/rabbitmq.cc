// Measures RabbitMQ: a quorum queue, published with confirms, consumed with prefetch and
// acknowledged many at a time.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "bench/peers/amqp.h"
#include "bench/peers/peer.h"

namespace tarea::peers {
namespace {

// Published and not confirmed yet: enough to keep the server busy.
constexpr std::int64_t kPublishWindow = 4096;
constexpr int kPrefetch = 1000;
// How often a worker without tasks looks whether all are done.
constexpr std::chrono::milliseconds kLook(100);
const std::string kQueue = "bench";

// Counts confirms. They may be about one task or about all up to theirs, in any order.
class Confirms {
 public:
  std::int64_t count() const {
    return static_cast<std::int64_t>(up_to_) + static_cast<std::int64_t>(beyond_.size());
  }

  void Await(Amqp& amqp) {
    const Amqp::Event event = amqp.Receive();
    if (event.method != Amqp::kAck) Die("the server sent something else than a confirm");
    if (event.multiple) {
      up_to_ = std::max(up_to_, event.tag);
      beyond_.erase(beyond_.begin(), beyond_.upper_bound(up_to_));
    } else {
      beyond_.insert(event.tag);
    }
    while (!beyond_.empty() && *beyond_.begin() == up_to_ + 1) {
      beyond_.erase(beyond_.begin());
      ++up_to_;
    }
  }

 private:
  std::uint64_t up_to_ = 0;         // All tasks up to this one are confirmed,
  std::set<std::uint64_t> beyond_;  // and these.
};

class RabbitMq : public Peer {
 public:
  explicit RabbitMq(const Load& load) : load_(load), payload_(load.payload, 'p') {}

  void Prepare() override {
    Amqp amqp(load_.port);
    amqp.DeleteQueue(kQueue);  // Of an earlier round, if there was one.
    amqp.DeclareQueue(kQueue, "quorum");
  }

  void Submit(std::int64_t tasks) override {
    Amqp amqp(load_.port);
    amqp.SelectConfirms();
    Confirms confirms;
    std::int64_t sent = 0;
    while (confirms.count() < tasks) {
      const std::int64_t burst = std::min(tasks, confirms.count() + kPublishWindow) - sent;
      if (burst >= kPublishWindow / 8 || sent + burst == tasks) {
        for (std::int64_t i = 0; i < burst; ++i) amqp.Publish(kQueue, payload_);
        amqp.Flush();
        sent += burst;
      }
      confirms.Await(amqp);
    }
  }

  void Drain(const std::function<void()>& start, Progress& progress) override {
    Amqp amqp(load_.port);
    start();
    amqp.Consume(kQueue, kPrefetch);
    std::uint64_t received = 0, acknowledged = 0;
    while (!progress.complete()) {
      if (!amqp.AwaitBytes(kLook)) continue;
      received = ReceiveDelivery(amqp);
      // All that has arrived at once.
      if (amqp.HasMore() && received - acknowledged < kPrefetch / 4) continue;
      amqp.AckUpTo(received);
      amqp.Flush();
      progress.Add(static_cast<std::int64_t>(received - acknowledged));
      acknowledged = received;
      if (progress.complete()) {
        amqp.Sync(kQueue);
        progress.Add(0);
      }
    }
  }

  void WorkRoundTrips(RoundTrips& trips) override {
    Amqp amqp(load_.port);
    amqp.Consume(kQueue, 1);
    for (int i = 0; i < trips.count(); ++i) {
      trips.Ready();
      amqp.AckUpTo(ReceiveDelivery(amqp));
      amqp.Flush();
      // The server does not answer an acknowledgement.
      trips.End();
    }
  }

  void SubmitRoundTrips(RoundTrips& trips) override {
    Amqp amqp(load_.port);
    amqp.SelectConfirms();
    Confirms confirms;
    for (int i = 0; i < trips.count(); ++i) {
      trips.AwaitReady();
      trips.Begin();
      amqp.Publish(kQueue, payload_);
      amqp.Flush();
      while (confirms.count() == i) confirms.Await(amqp);
    }
  }

 private:
  static std::uint64_t ReceiveDelivery(Amqp& amqp) {
    const Amqp::Event event = amqp.Receive();
    if (event.method != Amqp::kDeliver) Die("the server sent something else than a delivery");
    return event.tag;
  }

  const Load load_;
  const std::string payload_;
};

}  // namespace
}  // namespace tarea::peers

int main(int argc, char** argv) {
  return tarea::peers::PeerMain<tarea::peers::RabbitMq>(argc, argv);
}
