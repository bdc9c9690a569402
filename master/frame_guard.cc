#include "master/frame_guard.h"

#include <algorithm>

namespace tarea {
namespace {

constexpr absl::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113, section 6.
enum FrameType : unsigned char {
  kData = 0,
  kHeaders = 1,
  kResetStream = 3,
  kSettings = 4,
  kPing = 6,
  kContinuation = 9,
};
constexpr unsigned char kAck = 0x1;
constexpr unsigned char kEndStream = 0x1;

uint32_t ReadNumber(const unsigned char* bytes, int count) {
  uint32_t number = 0;
  for (int i = 0; i < count; ++i) number = number << 8 | bytes[i];
  return number;
}

}  // namespace

bool FrameGuard::Allowance::Take(absl::Time now) {
  if (last_ != absl::InfinitePast()) {
    left_ = std::min(most_, left_ + per_second_ * absl::ToDoubleSeconds(now - last_));
  }
  last_ = now;
  left_ -= 1;
  return left_ >= 0;
}

const char* FrameGuard::Read(absl::string_view bytes, absl::Time now) {
  if (preface_read_ < kPreface.size()) {
    if (const char* why = ReadPreface(bytes)) return why;
  }
  while (!bytes.empty()) {
    if (head_read_ < head_.size()) {
      const size_t part = std::min(head_.size() - head_read_, bytes.size());
      std::copy_n(bytes.begin(), part, head_.begin() + head_read_);
      head_read_ += part;
      bytes.remove_prefix(part);
      if (head_read_ < head_.size()) return nullptr;
      if (const char* why = BeginFrame(now)) return why;
    }
    const size_t part = std::min<size_t>(left_, bytes.size());
    left_ -= static_cast<uint32_t>(part);
    bytes.remove_prefix(part);
    if (left_ == 0) head_read_ = 0;
  }
  return nullptr;
}

const char* FrameGuard::ReadPreface(absl::string_view& bytes) {
  const size_t part = std::min(kPreface.size() - preface_read_, bytes.size());
  if (bytes.substr(0, part) != kPreface.substr(preface_read_, part)) {
    return "what it sends is not HTTP/2 without TLS";
  }
  preface_read_ += part;
  bytes.remove_prefix(part);
  return nullptr;
}

const char* FrameGuard::BeginFrame(absl::Time now) {
  left_ = ReadNumber(head_.data(), 3);
  const bool ack = (head_[4] & kAck) != 0;
  const bool ends = (head_[4] & kEndStream) != 0;
  const uint32_t stream = ReadNumber(&head_[5], 4);
  switch (head_[3]) {
    case kData:
      return AddData(stream, ends);
    case kHeaders:
      header_bytes_ = 0;
      header_frames_ = 0;
      if (!acknowledged_ && ++early_calls_ > kMaxEarlyCalls) {
        return "it makes many calls without acknowledging the settings";
      }
      return AddHeaders(left_);
    case kContinuation:
      return AddHeaders(left_);
    case kResetStream:
      unfinished_.erase(stream);
      return resets_.Take(now) ? nullptr : "it resets calls without end";
    case kSettings:
      if (ack) acknowledged_ = true;
      return ack || orders_.Take(now) ? nullptr : "it sends settings without end";
    case kPing:
      return ack || orders_.Take(now) ? nullptr : "it sends pings without end";
    default:
      return nullptr;
  }
}

const char* FrameGuard::AddHeaders(uint32_t length) {
  header_bytes_ += length;
  return header_bytes_ <= kMaxHeaderBytes && ++header_frames_ <= kMaxHeaderFrames
             ? nullptr
             : "it sends a header without end";
}

const char* FrameGuard::AddData(uint32_t stream, bool ends) {
  if (ends) {
    // Most messages are one frame, and are not looked up.
    if (!unfinished_.empty()) unfinished_.erase(stream);
    return nullptr;
  }
  int64_t& bytes = unfinished_[stream];
  bytes += left_;
  if (bytes > max_call_bytes_) return "it sends a message without end";
  return unfinished_.size() <= kMaxUnfinished ? nullptr : "it begins messages without end";
}

}  // namespace tarea
