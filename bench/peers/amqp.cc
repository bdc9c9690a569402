#include "bench/peers/amqp.h"

#include "bench/peers/peer.h"

namespace tarea::peers {
namespace {

using namespace std::literals;

enum FrameType : std::uint8_t { kMethodFrame = 1, kHeaderFrame = 2, kBodyFrame = 3 };
constexpr char kFrameEnd = '\xce';
constexpr std::size_t kFrameHead = 7;
constexpr std::uint16_t kBasicClass = 60;
constexpr std::uint32_t kChannelClose = 20 << 16 | 40;
constexpr std::uint32_t kConnectionClose = 10 << 16 | 50;
constexpr std::uint32_t kNack = 60 << 16 | 120;

std::string BigEndian(std::uint64_t number, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text += static_cast<char>(number >> shift & 0xff);
  }
  return text;
}

std::uint64_t ReadNumber(std::string_view bytes, std::size_t at, int count) {
  std::uint64_t number = 0;
  for (int i = 0; i < count; ++i) number = number << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return number;
}

std::string Short(std::string_view text) { return BigEndian(text.size(), 1) + std::string(text); }
std::string Long(std::string_view text) { return BigEndian(text.size(), 4) + std::string(text); }

}  // namespace

Amqp::Amqp(int port) : wire_(port) {
  wire_.Add("AMQP\0\0\x09\x01"sv);
  wire_.Flush();
  if (Receive().method != kStart) Die("the server did not start the connection");
  // No properties; user and password.
  Call(0, kStartOk, Long("") + Short("PLAIN") + Long("\0guest\0guest"sv) + Short("en_US"), kTune);
  // One channel, frames of up to 128 KiB, no heartbeats.
  SendMethod(0, kTuneOk, BigEndian(1, 2) + BigEndian(131072, 4) + BigEndian(0, 2));
  Call(0, kOpen, Short("/") + Short("") + "\0"s, kOpenOk);
  Call(1, kChannelOpen, Short(""), kChannelOpenOk);
}

void Amqp::DeclareQueue(const std::string& queue, const std::string& type) {
  constexpr int kDurable = 2;
  Call(1, kQueueDeclare,
       BigEndian(0, 2) + Short(queue) + BigEndian(kDurable, 1) +
           Long(Short("x-queue-type") + "S" + Long(type)),
       kQueueDeclareOk);
}

void Amqp::DeleteQueue(const std::string& queue) {
  Call(1, kQueueDelete, BigEndian(0, 2) + Short(queue) + BigEndian(0, 1), kQueueDeleteOk);
}

void Amqp::SelectConfirms() { Call(1, kConfirmSelect, BigEndian(0, 1), kConfirmSelectOk); }

void Amqp::Consume(const std::string& queue, int prefetch) {
  Call(1, kQos,
       BigEndian(0, 4) + BigEndian(static_cast<std::uint64_t>(prefetch), 2) + BigEndian(0, 1),
       kQosOk);
  Call(1, kConsume, BigEndian(0, 2) + Short(queue) + Short("") + BigEndian(0, 1) + Long(""),
       kConsumeOk);
}

void Amqp::Sync(const std::string& queue) {
  constexpr int kPassive = 1;
  Call(1, kQueueDeclare, BigEndian(0, 2) + Short(queue) + BigEndian(kPassive, 1) + Long(""),
       kQueueDeclareOk);
}

void Amqp::Publish(const std::string& queue, std::string_view payload) {
  constexpr int kHasDeliveryMode = 0x1000;
  constexpr int kPersistent = 2;
  SendMethod(1, kPublish, BigEndian(0, 2) + Short("") + Short(queue) + BigEndian(0, 1));
  Send(kHeaderFrame, 1,
       BigEndian(kBasicClass, 2) + BigEndian(0, 2) + BigEndian(payload.size(), 8) +
           BigEndian(kHasDeliveryMode, 2) + BigEndian(kPersistent, 1));
  Send(kBodyFrame, 1, payload);
}

void Amqp::AckUpTo(std::uint64_t delivery_tag) {
  SendMethod(1, kAck, BigEndian(delivery_tag, 8) + BigEndian(1, 1));
}

Amqp::Event Amqp::Receive() {
  const std::string_view frame = ReceiveFrame(kMethodFrame);
  Event event{static_cast<Method>(ReadNumber(frame, 0, 4))};
  if (event.method == kDeliver) {
    const auto consumer_tag = static_cast<std::size_t>(ReadNumber(frame, 4, 1));
    event.tag = ReadNumber(frame, 5 + consumer_tag, 8);
    std::uint64_t left = ReadNumber(ReceiveFrame(kHeaderFrame), 4, 8);
    while (left > 0) left -= ReceiveFrame(kBodyFrame).size();
  } else if (event.method == kAck) {
    event.tag = ReadNumber(frame, 4, 8);
    event.multiple = ReadNumber(frame, 12, 1) == 1;
  } else if (const std::uint32_t method = event.method;
             method == kChannelClose || method == kConnectionClose) {
    const auto size = static_cast<std::size_t>(ReadNumber(frame, 6, 1));
    Die("the server says: " + std::string(frame.substr(7, size)));
  } else if (method == kNack) {
    Die("the server did not take a task");
  }
  return event;
}

void Amqp::Call(int channel, Method method, const std::string& arguments, Method answer) {
  SendMethod(channel, method, arguments);
  wire_.Flush();
  if (const Method got = Receive().method; got != answer) {
    Die("the server answered method " + std::to_string(method) + " with " + std::to_string(got) +
        " instead of " + std::to_string(answer));
  }
}

void Amqp::SendMethod(int channel, Method method, std::string_view arguments) {
  Send(kMethodFrame, channel, BigEndian(method, 4) + std::string(arguments));
}

void Amqp::Send(int type, int channel, std::string_view payload) {
  wire_.Add(BigEndian(static_cast<std::uint64_t>(type), 1));
  wire_.Add(BigEndian(static_cast<std::uint64_t>(channel), 2));
  wire_.Add(BigEndian(payload.size(), 4));
  wire_.Add(payload);
  wire_.Add(std::string_view(&kFrameEnd, 1));
}

std::string_view Amqp::ReceiveFrame(int wanted_type) {
  const std::string_view head = wire_.Peek(kFrameHead);
  const auto type = static_cast<int>(ReadNumber(head, 0, 1));
  const auto size = static_cast<std::size_t>(ReadNumber(head, 3, 4));
  const std::string_view payload = wire_.Peek(kFrameHead + size + 1).substr(kFrameHead, size);
  wire_.Consume(kFrameHead + size + 1);
  if (type != wanted_type) Die("the server sent a frame of type " + std::to_string(type));
  return payload;
}

}  // namespace tarea::peers
