// Writes FieldReferences() from a descriptor set with comments:
//   field_reference_generator DESCRIPTOR_SET TABLE
// Runs in the build, so it has no more dependencies than protoc itself.
#include <fstream>
#include <iostream>
#include <ostream>
#include <sstream>
#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// "COMMON, COMBINED or JSON".
std::string WordsOf(const google::protobuf::EnumDescriptor& type) {
  std::string words;
  for (int i = 0; i < type.value_count(); ++i) {
    if (i > 0) words += i + 1 < type.value_count() ? ", " : " or ";
    words += type.value(i)->name();
  }
  return words;
}

std::string TypeOf(const FieldDescriptor& field) {
  const std::string repeated = field.is_repeated() ? "repeated " : "";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return repeated + "message";
    case FieldDescriptor::CPPTYPE_ENUM:
      return repeated + WordsOf(*field.enum_type());
    case FieldDescriptor::CPPTYPE_BOOL:
      return repeated + "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated + "string";
    default:
      return repeated + "integer";
  }
}

std::string DefaultOf(const FieldDescriptor& field) {
  if (!field.has_default_value()) return "";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_ENUM:
      return field.default_value_enum()->name();
    case FieldDescriptor::CPPTYPE_BOOL:
      return field.default_value_bool() ? "true" : "false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "\"" + field.default_value_string() + "\"";
    default:
      return std::to_string(field.default_value_int32());
  }
}

// Without line breaks.
std::string CommentOf(const FieldDescriptor& field) {
  google::protobuf::SourceLocation location;
  if (!field.GetSourceLocation(&location)) return "";
  std::istringstream words(location.leading_comments);
  std::string comment;
  std::string word;
  while (words >> word) comment += (comment.empty() ? "" : " ") + word;
  return comment;
}

std::string Literal(const std::string& text) {
  return "R\"text(" + text + ")text\"";
}

// Whether every field has a comment.
bool WriteFields(const Descriptor& type, const std::string& prefix,
                 std::ostream& out) {
  bool is_complete = true;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string path = prefix + field.name();
    const std::string comment = CommentOf(field);
    if (comment.empty()) {
      std::cerr << path << " has no comment in config.proto\n";
      is_complete = false;
    }
    out << "    {" << Literal(path) << ", " << Literal(TypeOf(field)) << ", "
        << Literal(DefaultOf(field)) << ",\n     " << Literal(comment)
        << "},\n";
    if (field.message_type() != nullptr) {
      is_complete &= WriteFields(*field.message_type(), path + ".", out);
    }
  }
  return is_complete;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 3) {
    std::cerr << "usage: field_reference_generator DESCRIPTOR_SET TABLE\n";
    return 1;
  }
  google::protobuf::FileDescriptorSet files;
  std::ifstream in(argv[1], std::ios::binary);
  if (!files.ParseFromIstream(&in)) {
    std::cerr << argv[1] << " is not a descriptor set\n";
    return 1;
  }
  google::protobuf::DescriptorPool pool;
  for (const auto& file : files.file()) pool.BuildFile(file);
  const Descriptor* config = pool.FindMessageTypeByName("pollux.httpd.Config");
  if (config == nullptr) {
    std::cerr << argv[1] << " has no pollux.httpd.Config\n";
    return 1;
  }
  std::ofstream out(argv[2]);
  out << "// Generated from config.proto.\n"
         "#include \"httpd/config/field_reference.h\"\n\n"
         "namespace pollux::httpd {\n\n"
         "absl::Span<const FieldReference> FieldReferences() {\n"
         "  static constexpr FieldReference kFields[] = {\n";
  const bool is_complete = WriteFields(*config, "", out);
  out << "  };\n  return kFields;\n}\n\n}  // namespace pollux::httpd\n";
  return is_complete && out.flush() ? 0 : 1;
}
