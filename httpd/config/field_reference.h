// What the fields of the configuration are, for people: the comments of
// config.proto at run time.
#ifndef POLLUX_HTTPD_CONFIG_FIELD_REFERENCE_H_
#define POLLUX_HTTPD_CONFIG_FIELD_REFERENCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pollux::httpd {

// One field. Constant for the program's life.
struct FieldReference {
  // "limits.max_head", "route.files.root".
  absl::string_view path;
  // "string", "repeated string", "message", "COMMON, COMBINED or JSON", ...
  absl::string_view type;
  // As it is written in a configuration; empty if there is none.
  absl::string_view default_value;
  // config.proto's, without line breaks.
  absl::string_view comment;
};

// Pure functions, for any thread.

// All fields, each message's own behind it: generated from config.proto.
absl::Span<const FieldReference> FieldReferences();

// The type, the default and the comment of the field that `name` names: a whole
// path, or the end of one that no other path has ("max_head"). Lines of at most
// 80 characters. InvalidArgument, in a sentence to show, if there is none such,
// or several.
absl::StatusOr<std::string> ExplainField(absl::string_view name);

// README.md's reference: a table for each message.
std::string FieldReferenceMarkdown();

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_FIELD_REFERENCE_H_
