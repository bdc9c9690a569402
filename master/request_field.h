#ifndef TAREA_MASTER_REQUEST_FIELD_H_
#define TAREA_MASTER_REQUEST_FIELD_H_

#include <string>

#include "absl/strings/str_cat.h"

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

}  // namespace tarea

#endif  // TAREA_MASTER_REQUEST_FIELD_H_
