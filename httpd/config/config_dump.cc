#include "httpd/config/config_dump.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "httpd/config/config.pb.h"
#include "httpd/config/text_source.h"
#include "httpd/http/request_head.h"
#include "httpd/server/method_set.h"

namespace pollux::httpd {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr absl::string_view kHeader =
    "# proto-file: httpd/config/config.proto\n"
    "# proto-message: pollux.httpd.Config\n";

// As they were or could have been written: without the HEAD that GET brings.
template <typename Names>
void AddMethods(MethodSet methods, Names* names) {
  const bool has_get = methods.Contains(http::Method::kGet);
  for (http::Method method : methods.List()) {
    if (has_get && method == http::Method::kHead) continue;
    *names->Add() = std::string(http::MethodName(method));
  }
}

// With the defaults that depend on other fields.
Config WithDefaults(Config config, const Settings& settings) {
  config.mutable_limits();
  config.mutable_timeouts();
  for (int i = 0; i < config.route_size(); ++i) {
    Route& route = *config.mutable_route(i);
    const RouteSettings& route_settings = settings.routes[i];
    if (route.methods().empty()) {
      AddMethods(route_settings.methods, route.mutable_methods());
    }
    route.set_name(route_settings.name);
    if (route.has_cors() && route.cors().methods().empty()) {
      AddMethods(route_settings.cors->methods,
                 route.mutable_cors()->mutable_methods());
    }
    if (route.has_rate_limit()) {
      route.mutable_rate_limit()->set_burst(route_settings.rate_limit->burst);
    }
  }
  return config;
}

// One of the values of a field; its only one if `index` is -1.
std::string ValueText(const Message& message, const FieldDescriptor& field,
                      int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool is_one_of_several = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(
          is_one_of_several
              ? reflection.GetRepeatedInt32(message, &field, index)
              : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.GetEnum(message, &field)->name();
    default:
      return absl::StrCat(
          "\"",
          absl::CEscape(
              is_one_of_several
                  ? reflection.GetRepeatedString(message, &field, index)
                  : reflection.GetString(message, &field)),
          "\"");
  }
}

// One run of DumpConfig().
class Dump {
 public:
  Dump(const TextSource& source, absl::string_view file)
      : source_(source), file_(file), text_(kHeader) {}

  void AddFields(const Message& message, const MessagePlace& place) {
    const auto& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      AddField(message, *type.field(i), place);
    }
  }

  std::string Take() && { return std::move(text_); }

 private:
  void AddField(const Message& message, const FieldDescriptor& field,
                const MessagePlace& place) {
    const Reflection& reflection = *message.GetReflection();
    const bool is_given = place.IsGiven(field.number());
    if (field.is_repeated()) {
      const int count = reflection.FieldSize(message, &field);
      if (count == 0) return AddNotSet(field);
      if (field.message_type() != nullptr) {
        const auto places = place.EachNested(field.number(), count);
        for (int i = 0; i < count; ++i) {
          AddMessage(field, reflection.GetRepeatedMessage(message, &field, i),
                     places[i], is_given);
        }
        return;
      }
      const std::vector<int> offsets = place.OffsetsOf(field.number(), count);
      for (int i = 0; i < count; ++i) {
        AddValue(field, ValueText(message, field, i), offsets[i], is_given);
      }
    } else if (reflection.HasField(message, &field) &&
               field.message_type() != nullptr) {
      AddMessage(field, reflection.GetMessage(message, &field),
                 place.Nested(field.number()), is_given);
    } else if (reflection.HasField(message, &field) ||
               field.has_default_value()) {
      AddValue(field, ValueText(message, field, -1),
               place.OffsetOf(field.number()), is_given);
    } else if (field.containing_oneof() == nullptr) {
      AddNotSet(field);
    }
  }

  void AddMessage(const FieldDescriptor& field, const Message& message,
                  const MessagePlace& place, bool is_given) {
    Indent();
    absl::StrAppend(&text_, field.name(), " {",
                    Origin(place.offset(), is_given), "\n");
    depth_ += 1;
    AddFields(message, place);
    depth_ -= 1;
    Indent();
    absl::StrAppend(&text_, "}\n");
  }

  void AddValue(const FieldDescriptor& field, absl::string_view value,
                int offset, bool is_given) {
    Indent();
    absl::StrAppend(&text_, field.name(), ": ", value, Origin(offset, is_given),
                    "\n");
  }

  void AddNotSet(const FieldDescriptor& field) {
    Indent();
    absl::StrAppend(&text_, "# ", field.name(), ": not set\n");
  }

  void Indent() { text_.append(2 * depth_, ' '); }

  std::string Origin(int offset, bool is_given) const {
    if (!is_given) return "  # default";
    return absl::StrCat("  # ", file_, ":", source_.Locate(offset).line);
  }

  const TextSource& source_;
  const absl::string_view file_;
  size_t depth_ = 0;
  std::string text_;
};

}  // namespace

std::string DumpConfig(const ParsedConfig& parsed, const Settings& settings,
                       absl::string_view file) {
  Dump dump(parsed.source, file);
  dump.AddFields(WithDefaults(parsed.config, settings), MessagePlace(parsed));
  return std::move(dump).Take();
}

}  // namespace pollux::httpd
