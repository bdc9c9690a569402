// Measures beanstalkd: put, and reserve with delete, pipelined.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/peers/peer.h"
#include "bench/peers/wire.h"

namespace tarea::peers {
namespace {

// Under way at once on a connection: enough to keep the server busy.
constexpr std::int64_t kWindow = 256;
// The server makes a packet of each reply.
constexpr std::chrono::microseconds kPause(100);
constexpr std::string_view kReserved = "RESERVED ";

void Expect(Wire& wire, std::string_view wanted) {
  const std::string_view line = wire.Line();
  if (line.substr(0, wanted.size()) != wanted) {
    Die("beanstalkd answered \"" + std::string(line) + "\" instead of " + std::string(wanted));
  }
}

class Beanstalkd : public Peer {
 public:
  explicit Beanstalkd(const Load& load)
      : load_(load),
        // Priority, delay, seconds to run.
        put_("put 1024 0 600 " + std::to_string(load.payload) + "\r\n" +
             std::string(load.payload, 'p') + "\r\n") {}

  void Submit(std::int64_t tasks) override {
    Wire wire(load_.port);
    wire.GatherFor(kPause);
    std::int64_t sent = 0, inserted = 0;
    while (inserted < tasks) {
      const std::int64_t burst = std::min(tasks, inserted + kWindow) - sent;
      if (burst >= kWindow / 2 || sent + burst == tasks) {
        for (std::int64_t i = 0; i < burst; ++i) wire.Add(put_);
        wire.Flush();
        sent += burst;
      }
      Expect(wire, "INSERTED ");
      ++inserted;
    }
  }

  void Drain(const std::function<void()>& start, Progress& progress) override {
    Wire wire(load_.port);
    wire.GatherFor(kPause);
    start();
    // Commands are answered in order, so the last answer, that there is no job, comes after all
    // deletions.
    const std::string reserve = "reserve-with-timeout 0\r\n";
    std::int64_t reserves = kWindow, deletes = 0, done = 0;
    for (std::int64_t i = 0; i < reserves; ++i) wire.Add(reserve);
    wire.Flush();
    while (reserves + deletes > 0) {
      const std::string_view line = wire.Line();
      if (line == "DELETED") {
        --deletes;
        ++done;
      } else if (line == "TIMED_OUT") {
        --reserves;
      } else {
        AddDelete(wire, line);
        wire.Add(reserve);
        ++deletes;
      }
      if (wire.Available() == 0) wire.Flush();
    }
    progress.Add(done);
  }

  void WorkRoundTrips(RoundTrips& trips) override {
    Wire wire(load_.port);
    for (int i = 0; i < trips.count(); ++i) {
      wire.Add("reserve\r\n");
      wire.Flush();
      trips.Ready();
      AddDelete(wire, wire.Line());
      wire.Flush();
      Expect(wire, "DELETED");
      trips.End();
    }
  }

  void SubmitRoundTrips(RoundTrips& trips) override {
    Wire wire(load_.port);
    for (int i = 0; i < trips.count(); ++i) {
      trips.AwaitReady();
      trips.Begin();
      wire.Add(put_);
      wire.Flush();
      Expect(wire, "INSERTED ");
    }
  }

 private:
  // Takes the body of the job that this line tells of, and asks for the job to be deleted.
  void AddDelete(Wire& wire, std::string_view line) const {
    if (line.substr(0, kReserved.size()) != kReserved) {
      Die("beanstalkd answered \"" + std::string(line) + "\" to reserve");
    }
    const std::string_view rest = line.substr(kReserved.size());
    const std::string id(rest.substr(0, rest.find(' ')));
    const std::size_t body = static_cast<std::size_t>(load_.payload) + 2;
    wire.Peek(body);
    wire.Consume(body);
    wire.Add("delete " + id + "\r\n");
  }

  const Load load_;
  const std::string put_;
};

}  // namespace
}  // namespace tarea::peers

int main(int argc, char** argv) {
  return tarea::peers::PeerMain<tarea::peers::Beanstalkd>(argc, argv);
}
