// usage: corpus_replay FILE_OR_DIRECTORY...
//
// The main of a fuzz target that runs as an ordinary test: gives each file that
// is named, or found below a directory, to LLVMFuzzerTestOneInput, and after it
// every prefix of a short one, since parsers break where the input ends. The
// file's name is printed first, so the last one in a log is the one that
// failed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kShortBytes = 256;

// Runs the first `size` bytes of `input` from a buffer of exactly that size, so
// that AddressSanitizer sees a read past the end.
void Run(const std::string& input, size_t size) {
  auto buffer = std::make_unique<uint8_t[]>(size);
  std::copy_n(input.begin(), size, buffer.get());
  LLVMFuzzerTestOneInput(buffer.get(), size);
}

void Replay(const std::filesystem::path& path) {
  std::cout << path.string() << std::endl;
  std::ifstream file(path, std::ios::binary);
  const std::string input{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::cerr << "cannot read " << path << "\n";
    std::exit(1);
  }
  Run(input, input.size());
  if (input.size() >= kShortBytes) return;
  for (size_t size = 0; size < input.size(); ++size) Run(input, size);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(argv[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    std::cerr << "no corpus: " << argv[0] << " was given no file\n";
    return 1;
  }
  std::sort(files.begin(), files.end());

  Run("", 0);
  for (const auto& path : files) Replay(path);
  std::cout << "replayed " << files.size() << " files\n";
}
