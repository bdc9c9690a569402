#ifndef TAREA_MASTER_MESSAGE_CHECK_H_
#define TAREA_MASTER_MESSAGE_CHECK_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace tarea {

// Looks at the bytes of a message of one type, before and after protobuf does. Thread-safe.
class MessageCheck {
 public:
  // Messages within one message that are let pass: more than any call may have of tasks, results or
  // leases by default, which is answered with more to the point once it is parsed.
  static constexpr int64_t kMaxParts = 250'000;

  explicit MessageCheck(const google::protobuf::Descriptor* type);

  // Counts the messages within the message, those in a map aside, without making them: an empty one
  // is two bytes on the wire and up to 300 in memory, so that 8 MiB of them become 1 GB. What
  // cannot be read is not complained about here.
  //   INVALID_ARGUMENT  there are more than kMaxParts
  absl::Status CountParts(google::protobuf::io::ZeroCopyInputStream& bytes) const;

  // What is wrong with a message that protobuf could not read. INVALID_ARGUMENT, always; the text
  // names the field that is not UTF-8, if that is it.
  absl::Status Explain(google::protobuf::io::ZeroCopyInputStream& bytes) const;

 private:
  // A type of message; what its fields of each number lead to.
  struct Type {
    // Index in types_; 0: nothing that is counted.
    std::vector<int> children;
    bool has_children = false;
  };

  int Add(const google::protobuf::Descriptor* type,
          std::map<const google::protobuf::Descriptor*, int>& known);
  // False if the bytes make no sense or there are too many parts.
  bool Count(int type, google::protobuf::io::CodedInputStream& in, int64_t& parts) const;

  const google::protobuf::Descriptor* const type_;
  std::vector<Type> types_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_MESSAGE_CHECK_H_
