#include "master/store/sqlite_log_mark.h"

#include <xxhash.h>

#include <cstring>

namespace tarea {
namespace {

constexpr char kMagic[8] = {'T', 'a', 'r', 'e', 'a', 'L', 'o', 'g'};
constexpr int kChecksumAt = LogMark::kSize - 8;

void Append(std::string& bytes, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t Take(const unsigned char*& bytes, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i) value |= static_cast<uint64_t>(*bytes++) << (8 * i);
  return value;
}

LogSalt TakeSalt(const unsigned char*& bytes) {
  const auto first = static_cast<uint32_t>(Take(bytes, 4));
  return {first, static_cast<uint32_t>(Take(bytes, 4))};
}

}  // namespace

std::string LogMark::Encode() const {
  std::string bytes(kMagic, sizeof(kMagic));
  Append(bytes, database, 8);
  Append(bytes, salt.first, 4);
  Append(bytes, salt.second, 4);
  Append(bytes, previous.first, 4);
  Append(bytes, previous.second, 4);
  Append(bytes, frames, 4);
  Append(bytes, settled ? 1 : 0, 4);
  Append(bytes, static_cast<uint64_t>(last_task), 8);
  Append(bytes, static_cast<uint64_t>(last_batch), 8);
  bytes.resize(kChecksumAt, '\0');
  Append(bytes, XXH3_64bits(bytes.data(), bytes.size()), 8);
  return bytes;
}

std::optional<LogMark> LogMark::Decode(const unsigned char* bytes) {
  const unsigned char* checksum = bytes + kChecksumAt;
  if (std::memcmp(bytes, kMagic, sizeof(kMagic)) != 0 ||
      Take(checksum, 8) != XXH3_64bits(bytes, kChecksumAt)) {
    return std::nullopt;
  }
  const unsigned char* at = bytes + sizeof(kMagic);
  LogMark mark;
  mark.database = Take(at, 8);
  mark.salt = TakeSalt(at);
  mark.previous = TakeSalt(at);
  mark.frames = static_cast<uint32_t>(Take(at, 4));
  mark.settled = Take(at, 4) != 0;
  mark.last_task = static_cast<TaskId>(Take(at, 8));
  mark.last_batch = static_cast<BatchId>(Take(at, 8));
  return mark;
}

}  // namespace tarea
