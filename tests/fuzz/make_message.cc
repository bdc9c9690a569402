#include "tests/fuzz/make_message.h"

#include <cstdint>
#include <limits>
#include <string>

namespace tarea {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kMaxDepth = 5;

void MakeMessage(FuzzInput& input, Message& message, int depth);

std::string MakeText(FuzzInput& input) {
  switch (input.Below(4)) {
    case 0:
      return input.Text(40);
    case 1:  // around the limits of names and texts
      return std::string(static_cast<size_t>(input.Below(1200)),
                         static_cast<char>(input.Below(256)));
    default:
      return input.Pick(
          {"a", "b", "default", "q1", "w1", "k1", "r1", "colour", "red", "1", "", "\n"});
  }
}

double MakeDouble(FuzzInput& input) {
  constexpr double kDoubles[] = {0,
                                 0.2,
                                 1,
                                 2,
                                 100,
                                 -1,
                                 1.01,
                                 1e300,
                                 1e-300,
                                 std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN()};
  return kDoubles[input.Below(std::size(kDoubles))];
}

// Sets a field, or adds to a list.
void MakeField(FuzzInput& input, Message& message, const FieldDescriptor* field, int depth) {
  const Reflection& reflection = *message.GetReflection();
  const bool list = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      const auto value = static_cast<int32_t>(input.Number());
      return list ? reflection.AddInt32(&message, field, value)
                  : reflection.SetInt32(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      const int64_t value = input.Number();
      return list ? reflection.AddInt64(&message, field, value)
                  : reflection.SetInt64(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const auto value = static_cast<uint32_t>(input.Number());
      return list ? reflection.AddUInt32(&message, field, value)
                  : reflection.SetUInt32(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const auto value = static_cast<uint64_t>(input.Number());
      return list ? reflection.AddUInt64(&message, field, value)
                  : reflection.SetUInt64(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      const double value = MakeDouble(input);
      return list ? reflection.AddDouble(&message, field, value)
                  : reflection.SetDouble(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_FLOAT: {
      const auto value = static_cast<float>(input.Number());
      return list ? reflection.AddFloat(&message, field, value)
                  : reflection.SetFloat(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      const bool value = input.OneIn(2);
      return list ? reflection.AddBool(&message, field, value)
                  : reflection.SetBool(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto value = static_cast<int>(input.Below(10)) - 1;
      return list ? reflection.AddEnumValue(&message, field, value)
                  : reflection.SetEnumValue(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const bool bytes = field->type() == FieldDescriptor::TYPE_BYTES;
      std::string value = bytes ? input.Bytes(100) : MakeText(input);
      return list ? reflection.AddString(&message, field, std::move(value))
                  : reflection.SetString(&message, field, std::move(value));
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      if (depth >= kMaxDepth) return;
      return MakeMessage(input,
                         list ? *reflection.AddMessage(&message, field)
                              : *reflection.MutableMessage(&message, field),
                         depth + 1);
    }
  }
}

void MakeMessage(FuzzInput& input, Message& message, int depth) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  while (!input.empty() && !input.OneIn(4)) {
    const int field = static_cast<int>(input.Below(type.field_count()));
    MakeField(input, message, type.field(field), depth);
  }
}

}  // namespace

void MakeMessage(FuzzInput& input, Message& message) { MakeMessage(input, message, 0); }

}  // namespace tarea
