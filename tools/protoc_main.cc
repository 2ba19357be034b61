// protoc with the C++ generator alone: upstream's main() links one for each
// language, which would triple the time of a first build.
#include "google/protobuf/compiler/command_line_interface.h"
#include "google/protobuf/compiler/cpp/generator.h"

int main(int argc, char* argv[]) {
  google::protobuf::compiler::CommandLineInterface command_line;
  google::protobuf::compiler::cpp::CppGenerator cpp;
  command_line.RegisterGenerator("--cpp_out", &cpp, "Generate C++ code.");
  return command_line.Run(argc, argv);
}
