#include "master/message_check.h"

#include <google/protobuf/stubs/common.h>
#include <google/protobuf/wire_format_lite.h>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::ZeroCopyInputStream;

bool IsLengthDelimited(uint32_t tag) {
  return WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}

// Reads a message; the name of the first field that is not UTF-8, or empty.
std::string FindBadText(const Descriptor* type, const std::string& path, CodedInputStream& in) {
  std::map<int, int> seen;  // how many of each repeated field
  while (const uint32_t tag = in.ReadTag()) {
    const FieldDescriptor* const field =
        type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (field == nullptr || !IsLengthDelimited(tag)) {
      if (!WireFormatLite::SkipField(&in, tag)) return "";
      continue;
    }
    std::string name = absl::StrCat(path, path.empty() ? "" : ".", field->name());
    if (field->is_repeated()) absl::StrAppend(&name, "[", seen[field->number()]++, "]");
    uint32_t size = 0;
    if (!in.ReadVarint32(&size)) return "";
    if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      const auto limit = in.PushLimit(static_cast<int>(size));
      std::string bad = FindBadText(field->message_type(), name, in);
      if (!bad.empty()) return bad;
      if (in.BytesUntilLimit() != 0) return "";
      in.PopLimit(limit);
    } else if (field->type() == FieldDescriptor::TYPE_STRING) {
      std::string text;
      if (!in.ReadString(&text, static_cast<int>(size))) return "";
      if (!google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                               static_cast<int>(text.size()))) {
        return name;
      }
    } else if (!in.Skip(static_cast<int>(size))) {
      return "";
    }
  }
  return "";
}

}  // namespace

MessageCheck::MessageCheck(const Descriptor* type) : type_(type) {
  types_.emplace_back();  // 0 stands for what is not counted
  std::map<const Descriptor*, int> known;
  Add(type, known);
}

int MessageCheck::Add(const Descriptor* type, std::map<const Descriptor*, int>& known) {
  const auto [place, is_new] = known.emplace(type, static_cast<int>(types_.size()));
  const int index = place->second;
  if (!is_new) return index;
  types_.emplace_back();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* const field = type->field(i);
    if (field->type() != FieldDescriptor::TYPE_MESSAGE || field->is_map()) continue;
    // A field that may come once may be sent often, but is one message then; what is in it may be
    // more.
    const int child = Add(field->message_type(), known);
    if (!field->is_repeated() && !types_[child].has_children) continue;
    Type& self = types_[index];
    self.has_children = true;
    if (static_cast<int>(self.children.size()) <= field->number()) {
      self.children.resize(field->number() + 1);
    }
    self.children[field->number()] = child;
  }
  return index;
}

bool MessageCheck::Count(int type, CodedInputStream& in, int64_t& parts) const {
  const std::vector<int>& children = types_[type].children;
  while (const uint32_t tag = in.ReadTag()) {
    const size_t number = static_cast<size_t>(WireFormatLite::GetTagFieldNumber(tag));
    const int child = number < children.size() ? children[number] : 0;
    if (child == 0 || !IsLengthDelimited(tag)) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    uint32_t size = 0;
    if (++parts > kMaxParts || !in.ReadVarint32(&size)) return false;
    if (!types_[child].has_children) {
      if (!in.Skip(static_cast<int>(size))) return false;
      continue;
    }
    const auto limit = in.PushLimit(static_cast<int>(size));
    if (!Count(child, in, parts) || in.BytesUntilLimit() != 0) return false;
    in.PopLimit(limit);
  }
  return true;
}

absl::Status MessageCheck::CountParts(ZeroCopyInputStream& bytes) const {
  CodedInputStream in(&bytes);
  int64_t parts = 0;
  Count(1, in, parts);
  if (parts <= kMaxParts) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the ", type_->name(), " has more than ", kMaxParts,
                   " tasks, results, leases or pieces of output; send fewer per call"));
}

absl::Status MessageCheck::Explain(ZeroCopyInputStream& bytes) const {
  CodedInputStream in(&bytes);
  const std::string bad = FindBadText(type_, "", in);
  if (!bad.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        bad, " is not valid UTF-8; only payloads, results and output may be any bytes"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the message cannot be read as ", type_->full_name(),
                   " (proto/tasks.proto): it is damaged, or another"));
}

}  // namespace tarea
