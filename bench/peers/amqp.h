#ifndef TAREA_BENCH_PEERS_AMQP_H_
#define TAREA_BENCH_PEERS_AMQP_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/peers/wire.h"

namespace tarea::peers {

// One connection with one channel to an AMQP 0-9-1 server, as far as RabbitMQ has to be measured.
// What is sent is gathered until Flush. Any error that the server tells of ends the program.
class Amqp {
 public:
  // A class and a method of the protocol, 60,60 for instance, as one number.
  enum Method : std::uint32_t {
    kStart = 10 << 16 | 10,
    kStartOk = 10 << 16 | 11,
    kTune = 10 << 16 | 30,
    kTuneOk = 10 << 16 | 31,
    kOpen = 10 << 16 | 40,
    kOpenOk = 10 << 16 | 41,
    kChannelOpen = 20 << 16 | 10,
    kChannelOpenOk = 20 << 16 | 11,
    kQueueDeclare = 50 << 16 | 10,
    kQueueDeclareOk = 50 << 16 | 11,
    kQueueDelete = 50 << 16 | 40,
    kQueueDeleteOk = 50 << 16 | 41,
    kQos = 60 << 16 | 10,
    kQosOk = 60 << 16 | 11,
    kConsume = 60 << 16 | 20,
    kConsumeOk = 60 << 16 | 21,
    kPublish = 60 << 16 | 40,
    kDeliver = 60 << 16 | 60,
    kAck = 60 << 16 | 80,
    kConfirmSelect = 85 << 16 | 10,
    kConfirmSelectOk = 85 << 16 | 11,
  };

  // Connects and opens the channel, as guest.
  explicit Amqp(int port);

  void DeclareQueue(const std::string& queue, const std::string& type);
  void DeleteQueue(const std::string& queue);
  // From now on each task that is published is acknowledged.
  void SelectConfirms();
  // Starts deliveries; at most `prefetch` tasks wait for their acknowledgement.
  void Consume(const std::string& queue, int prefetch);
  // Waits until the server has dealt with what was sent before on this channel.
  void Sync(const std::string& queue);

  // A persistent message, through the default exchange.
  void Publish(const std::string& queue, std::string_view payload);
  // This delivery and all before it.
  void AckUpTo(std::uint64_t delivery_tag);
  void Flush() { wire_.Flush(); }

  // True while something has arrived that Receive was not called for.
  bool HasMore() const { return wire_.Available() > 0; }
  bool AwaitBytes(std::chrono::milliseconds timeout) { return wire_.AwaitBytes(timeout); }

  struct Event {
    Method method;
    std::uint64_t tag = 0;  // Of kDeliver and kAck.
    bool multiple = false;  // Of kAck: it is about all up to the tag.
  };
  // Waits for a method. The content of a delivery is taken and dropped.
  Event Receive();

 private:
  void Call(int channel, Method method, const std::string& arguments, Method answer);
  void Send(int type, int channel, std::string_view payload);
  void SendMethod(int channel, Method method, std::string_view arguments);
  std::string_view ReceiveFrame(int wanted_type);

  Wire wire_;
};

}  // namespace tarea::peers

#endif  // TAREA_BENCH_PEERS_AMQP_H_
