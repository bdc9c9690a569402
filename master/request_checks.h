#ifndef TAREA_MASTER_REQUEST_CHECKS_H_
#define TAREA_MASTER_REQUEST_CHECKS_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/map.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

// What checking requests is made of: each check answers INVALID_ARGUMENT with the field, its value
// and what it may be.
namespace tarea {

// Where a value stands in a request: "tasks[3].retry.jitter". It is made into text only when there
// is something wrong with the value. Names must be literals; a member must not outlive what it is
// of.
class Field {
 public:
  Field(const char* name) : name_(name) {}  // NOLINT(google-explicit-constructor): a literal is one
  Field(const char* list, int index) : name_(list), index_(index) {}

  Field Member(const char* name) const {
    Field member(name);
    member.parent_ = this;
    return member;
  }

  std::string ToString() const {
    return absl::StrCat(parent_ == nullptr ? "" : parent_->ToString() + ".", name_,
                        index_ < 0 ? "" : absl::StrCat("[", index_, "]"));
  }

 private:
  const Field* parent_ = nullptr;
  const char* name_;
  int index_ = -1;
};

template <typename... Args>
absl::Status Invalid(const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(args...));
}

template <typename... Args>
absl::Status Invalid(const Field& field, const Args&... args) {
  return Invalid(field.ToString(), args...);
}

// Required, and made of what a name may be made of.
absl::Status CheckName(const std::string& value, const Field& field);

absl::Status CheckText(const std::string& value, const Field& field, int max_bytes);

// `flag`: how the limit can be changed, for instance " (--max-depends-on)".
absl::Status CheckCount(int count, int max, const Field& field, const char* flag = "");

// A duration within [min, max], in whole microseconds.
absl::Status ParseDurationField(const google::protobuf::Duration& proto, const Field& field,
                                absl::Duration min, absl::Duration max, absl::Duration& value);

absl::Status ParseLabels(const google::protobuf::Map<std::string, std::string>& proto,
                         const Field& field, std::map<std::string, std::string>& labels);

}  // namespace tarea

#endif  // TAREA_MASTER_REQUEST_CHECKS_H_
