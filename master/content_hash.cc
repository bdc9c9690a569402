#include "master/content_hash.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream.h>
#include <xxhash.h>

#include <array>
#include <cstdint>
#include <memory>

namespace tarea {
namespace {

// Takes a message as it is serialised and hashes it piece by piece: no copy of all of it is made.
class HashStream : public google::protobuf::io::ZeroCopyOutputStream {
 public:
  HashStream() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  bool Next(void** data, int* size) override {
    Consume();
    *data = buffer_.data();
    *size = filled_ = static_cast<int>(buffer_.size());
    return true;
  }
  void BackUp(int count) override { filled_ -= count; }
  int64_t ByteCount() const override { return bytes_ + filled_; }

  std::string Digest() {
    Consume();
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    return {reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest)};
  }

 private:
  void Consume() {
    XXH3_128bits_update(state_.get(), buffer_.data(), static_cast<size_t>(filled_));
    bytes_ += filled_;
    filled_ = 0;
  }

  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
  std::array<char, 8192> buffer_;
  int filled_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace

std::string ContentHash(const google::protobuf::Message& message) {
  HashStream stream;
  {
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return stream.Digest();
}

}  // namespace tarea
