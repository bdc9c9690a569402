// Measures gearmand over its binary protocol: background jobs, pipelined in both directions.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/peers/peer.h"
#include "bench/peers/wire.h"

namespace tarea::peers {
namespace {

using namespace std::literals;

enum Type : std::uint32_t {
  kCanDo = 1,
  kPreSleep = 4,
  kNoop = 6,
  kSubmitJob = 7,
  kJobCreated = 8,
  kGrabJob = 9,
  kNoJob = 10,
  kJobAssign = 11,
  kWorkComplete = 13,
  kSubmitJobBackground = 18,
};

constexpr std::size_t kHeader = 12;
constexpr std::string_view kFunction = "bench";
// Under way at once on a connection: enough to keep the server busy.
constexpr std::int64_t kSubmitWindow = 1024;
constexpr std::int64_t kGrabWindow = 256;

std::string Packet(Type type, std::string_view body) {
  std::string packet("\0REQ"sv);
  for (const std::uint32_t number :
       {std::uint32_t{type}, static_cast<std::uint32_t>(body.size())}) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      packet += static_cast<char>(number >> shift & 0xff);
    }
  }
  packet += body;
  return packet;
}

std::uint32_t Number(std::string_view bytes) {
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i) number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  return number;
}

// The next packet's type and body; the body is valid until the next call.
Type Receive(Wire& wire, std::string_view* body) {
  const std::string_view header = wire.Peek(kHeader);
  const auto type = static_cast<Type>(Number(header.substr(4)));
  const std::uint32_t size = Number(header.substr(8));
  *body = wire.Peek(kHeader + size).substr(kHeader, size);
  wire.Consume(kHeader + size);
  return type;
}

void Expect(Wire& wire, Type wanted) {
  std::string_view body;
  const Type type = Receive(wire, &body);
  if (type != wanted) {
    Die("gearmand sent packet type " + std::to_string(type) + " instead of " +
        std::to_string(wanted) + ": " + std::string(body));
  }
}

class Gearman : public Peer {
 public:
  explicit Gearman(const Load& load)
      : load_(load),
        grab_(Packet(kGrabJob, "")),
        // The middle part, an empty unique id, spares the server a lookup.
        job_(std::string(kFunction) + "\0\0"s + std::string(load.payload, 'p')) {}

  void Submit(std::int64_t tasks) override {
    Wire wire(load_.port);
    const std::string packet = Packet(kSubmitJobBackground, job_);
    std::int64_t sent = 0, created = 0;
    while (created < tasks) {
      const std::int64_t burst = std::min(tasks, created + kSubmitWindow) - sent;
      if (burst >= kSubmitWindow / 4 || sent + burst == tasks) {
        for (std::int64_t i = 0; i < burst; ++i) wire.Add(packet);
        wire.Flush();
        sent += burst;
      }
      Expect(wire, kJobCreated);
      ++created;
    }
  }

  void Drain(const std::function<void()>& start, Progress& progress) override {
    Wire wire(load_.port);
    wire.Add(Packet(kCanDo, kFunction));
    wire.Flush();
    start();
    std::int64_t grabs = kGrabWindow, done = 0;
    for (std::int64_t i = 0; i < grabs; ++i) wire.Add(grab_);
    wire.Flush();
    bool empty = false;
    // A grab is answered after what was sent before it is dealt with, so the last answer, that
    // there is no job, tells that all completions have arrived.
    while (grabs > 0) {
      std::string_view body;
      const Type type = Receive(wire, &body);
      --grabs;
      if (type == kJobAssign) {
        AddComplete(wire, body);
        wire.Add(grab_);
        ++grabs;
        ++done;
      } else if (type == kNoJob) {
        empty = true;
      } else {
        Die("gearmand sent packet type " + std::to_string(type) + " to a worker");
      }
      if (wire.Available() < kHeader || empty) wire.Flush();
    }
    progress.Add(done);
  }

  void WorkRoundTrips(RoundTrips& trips) override {
    Wire wire(load_.port);
    const std::string sleep = Packet(kPreSleep, "");
    wire.Add(Packet(kCanDo, kFunction));
    wire.Add(sleep);
    wire.Flush();
    trips.Ready();
    for (int i = 0; i < trips.count(); ++i) {
      Expect(wire, kNoop);
      wire.Add(grab_);
      wire.Flush();
      std::string_view body;
      if (const Type type = Receive(wire, &body); type != kJobAssign) {
        Die("gearmand woke a worker and sent packet type " + std::to_string(type));
      }
      AddComplete(wire, body);
      wire.Add(sleep);
      wire.Flush();
      trips.Ready();
    }
  }

  void SubmitRoundTrips(RoundTrips& trips) override {
    Wire wire(load_.port);
    const std::string packet = Packet(kSubmitJob, job_);
    for (int i = 0; i < trips.count(); ++i) {
      trips.AwaitReady();
      trips.Begin();
      wire.Add(packet);
      wire.Flush();
      Expect(wire, kJobCreated);
      Expect(wire, kWorkComplete);
      trips.End();
    }
  }

 private:
  // Answers a JOB_ASSIGN: handle, function and payload, with NULs between them.
  static void AddComplete(Wire& wire, std::string_view assigned) {
    std::string body(assigned.substr(0, assigned.find('\0') + 1));
    body += "ok";
    wire.Add(Packet(kWorkComplete, body));
  }

  const Load load_;
  const std::string grab_;
  const std::string job_;
};

}  // namespace
}  // namespace tarea::peers

int main(int argc, char** argv) {
  return tarea::peers::PeerMain<tarea::peers::Gearman>(argc, argv);
}
