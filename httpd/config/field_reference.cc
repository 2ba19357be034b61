#include "httpd/config/field_reference.h"

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "httpd/config/did_you_mean.h"

namespace pollux::httpd {
namespace {

constexpr size_t kLineCharacters = 80;

// Of "limits.max_head": "limits" and "max_head".
absl::string_view ParentOf(absl::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == absl::string_view::npos ? "" : path.substr(0, dot);
}
absl::string_view LeafOf(absl::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

std::vector<FieldReference> FieldsOf(absl::string_view message) {
  std::vector<FieldReference> fields;
  for (const FieldReference& field : FieldReferences()) {
    if (ParentOf(field.path) == message) fields.push_back(field);
  }
  return fields;
}

// Those that `name` may mean.
std::vector<FieldReference> Find(absl::string_view name) {
  std::vector<FieldReference> found;
  const std::string end = absl::StrCat(".", name);
  for (const FieldReference& field : FieldReferences()) {
    if (field.path == name) return {field};
    if (absl::EndsWith(field.path, end)) found.push_back(field);
  }
  return found;
}

std::string JoinPaths(const std::vector<FieldReference>& fields) {
  return absl::StrJoin(fields, ", ",
                       [](std::string* out, const FieldReference& field) {
                         absl::StrAppend(out, field.path);
                       });
}

absl::Status Unknown(absl::string_view name) {
  std::vector<absl::string_view> candidates;
  for (const FieldReference& field : FieldReferences()) {
    candidates.push_back(field.path);
    candidates.push_back(LeafOf(field.path));
  }
  const absl::string_view meant = DidYouMean(name, candidates);
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no field \"", absl::CHexEscape(name), "\": ",
      meant.empty()
          ? absl::StrCat("at the top are ", JoinPaths(FieldsOf("")))
          : absl::StrCat("did you mean ", JoinPaths(Find(meant)), "?")));
}

std::string Wrapped(absl::string_view text) {
  std::string lines;
  size_t line_characters = 0;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (line_characters > 0 &&
        line_characters + 1 + word.size() > kLineCharacters) {
      lines.push_back('\n');
      line_characters = 0;
    }
    absl::StrAppend(&lines, line_characters > 0 ? " " : "", word);
    line_characters += (line_characters > 0 ? 1 : 0) + word.size();
  }
  return absl::StrCat(lines, "\n");
}

// With what stands in quotes as code, where no character means anything else.
std::string Markdown(absl::string_view comment) {
  std::string markdown;
  bool is_code = false;
  for (absl::string_view part : absl::StrSplit(comment, '"')) {
    absl::StrAppend(&markdown, is_code ? "`\"" : "",
                    absl::StrReplaceAll(part, {{"|", "\\|"}}),
                    is_code ? "\"`" : "");
    is_code = !is_code;
  }
  return markdown;
}

}  // namespace

absl::StatusOr<std::string> ExplainField(absl::string_view name) {
  const std::vector<FieldReference> found = Find(name);
  if (found.empty()) return Unknown(name);
  if (found.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name,
                     "\" is the end of several names: choose one "
                     "of ",
                     JoinPaths(found)));
  }
  const FieldReference& field = found.front();
  std::string text = absl::StrCat(field.path, ": ", field.type);
  if (!field.default_value.empty()) {
    absl::StrAppend(&text, ", default ", field.default_value);
  }
  absl::StrAppend(&text, "\n\n", Wrapped(field.comment));
  const std::vector<FieldReference> fields = FieldsOf(field.path);
  if (!fields.empty()) {
    absl::StrAppend(&text, "\n", Wrapped("Its fields: " + JoinPaths(fields)));
  }
  return text;
}

std::string FieldReferenceMarkdown() {
  std::string markdown;
  std::vector<FieldReference> messages = {{}};
  for (const FieldReference& field : FieldReferences()) {
    messages.push_back(field);
  }
  for (const FieldReference& message : messages) {
    const std::vector<FieldReference> fields = FieldsOf(message.path);
    if (fields.empty()) continue;
    if (!message.path.empty()) {
      absl::StrAppend(&markdown, "\n### `", message.path, "`\n\n",
                      Markdown(message.comment), "\n\n");
    }
    absl::StrAppend(&markdown, "| Field | Type | Default | |\n",
                    "| --- | --- | --- | --- |\n");
    for (const FieldReference& field : fields) {
      absl::StrAppend(&markdown, "| `", LeafOf(field.path), "` | ", field.type,
                      " | ",
                      field.default_value.empty()
                          ? ""
                          : absl::StrCat("`", field.default_value, "`"),
                      " | ", Markdown(field.comment), " |\n");
    }
  }
  return markdown;
}

}  // namespace pollux::httpd
