// Random calls on files, on Linux and on the fake kernel, side by side. Every
// result must be the same.
//
// A failure shows the seed and a script that was made shorter. To run one seed:
//
//   bazel test //testing:kernel_files_differential_test --test_arg=--seed=N

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/sys_result.h"
#include "testing/fake/random.h"
#include "testing/fake_kernel.h"
#include "testing/tree_under_test.h"

namespace pollux {
namespace {

// Seeds of a run, and the steps of each.
constexpr int64_t kSeeds = 40;
constexpr size_t kSteps = 1000;

// Descriptors that a script has in hand, by slot. The first is the root of its
// tree, and stays.
constexpr size_t kSlots = 12;

// In a path: the root of the tree, which every kernel has elsewhere.
constexpr absl::string_view kRoot = "$ROOT";

constexpr uint64_t kTemporary = O_TMPFILE & ~O_DIRECTORY;

std::optional<int64_t> only_seed;

struct Step {
  enum class Call : uint8_t {
    // On descriptors: `slot` is the directory or the file.
    kOpenAt2,  // path, flags, resolve, mode; to: the slot of the result
    kOpenAt,   // path, flags, mode; to
    kDup,      // to
    kRead,     // number: bytes
    kPread,    // number: bytes; offset
    kWrite,    // number: bytes
    kFstat,
    kList,
    kUnlinkAt,  // path, flags
    kSendFile,  // number: bytes; offset
    // What another process does.
    kWriteFile,  // path, number: bytes
    kTruncate,   // path, number: bytes
    kMakeDirectory,
    kMakeSymlink,  // path, other: the target
    kRename,       // path, other
  };

  Call call = Call::kFstat;
  size_t slot = 0;
  size_t to = 0;
  std::string path = "";
  std::string other = "";
  uint64_t flags = 0;
  uint64_t resolve = 0;
  uint64_t mode = 0;
  int64_t number = 0;
  int64_t offset = 0;
  // Of what is written: different each time.
  size_t letter = 0;
};

using Call = Step::Call;

std::string ToString(const Step& step) {
  static constexpr absl::string_view kCalls[] = {
      "openat2",    "openat",   "dup",      "read",         "pread",
      "write",      "fstat",    "list",     "unlinkat",     "sendfile",
      "write_file", "truncate", "make_dir", "make_symlink", "rename"};
  return absl::StrCat(kCalls[static_cast<size_t>(step.call)], "(slot ",
                      step.slot, " to ", step.to, ", \"", step.path, "\", \"",
                      step.other, "\", flags 0", absl::Hex(step.flags),
                      ", resolve 0x", absl::Hex(step.resolve), ", mode 0x",
                      absl::Hex(step.mode), ", ", step.number, ", ",
                      step.offset, ")");
}

std::string BytesOf(const Step& step) {
  std::string bytes;
  for (size_t i = 0; i < static_cast<size_t>(step.number); ++i) {
    bytes += static_cast<char>('a' + (step.letter + i / 4) % 26);
  }
  return bytes;
}

// Runs steps on one kernel, which must outlive it.
class Runner {
 public:
  explicit Runner(Kernel& kernel)
      : kernel_(kernel), tree_(TreeUnderTest::Make(kernel)) {
    slots_.fill(-1);
    slots_[0] = kernel
                    .OpenAt(AT_FDCWD, tree_->root().c_str(),
                            O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
                    .descriptor();
    EXPECT_TRUE(
        kernel.SocketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_)
            .ok());
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner() {
    for (int descriptor : slots_) {
      if (descriptor >= 0) (void)kernel_.Close(descriptor);
    }
    for (int socket : sockets_) (void)kernel_.Close(socket);
  }

  // What came of it, in words that are the same on every kernel.
  std::string Run(const Step& step) {
    const int descriptor = slots_[step.slot];
    const std::string path = Real(step.path);
    switch (step.call) {
      case Call::kOpenAt2:
        return Open(step, [&] {
          return kernel_.OpenAt2(descriptor, path.c_str(),
                                 {.flags = step.flags | O_CLOEXEC,
                                  .mode = step.mode,
                                  .resolve = step.resolve});
        });
      case Call::kOpenAt:
        return Open(step, [&] {
          return kernel_.OpenAt(descriptor, path.c_str(),
                                static_cast<int>(step.flags) | O_CLOEXEC,
                                static_cast<mode_t>(step.mode));
        });
      case Call::kDup:
        return Open(step, [&] {
          return kernel_.Fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        });
      case Call::kRead:
      case Call::kPread: {
        std::vector<char> buffer(static_cast<size_t>(step.number));
        return Told(step.call == Call::kRead
                        ? kernel_.Read(descriptor, absl::MakeSpan(buffer))
                        : kernel_.Pread(descriptor, absl::MakeSpan(buffer),
                                        step.offset),
                    buffer);
      }
      case Call::kWrite:
        return Told(kernel_.Write(descriptor, BytesOf(step)));
      case Call::kFstat:
        return Fstat(descriptor);
      case Call::kList:
        return List(descriptor);
      case Call::kUnlinkAt:
        return Told(kernel_.UnlinkAt(descriptor, path.c_str(),
                                     static_cast<int>(step.flags)));
      case Call::kSendFile:
        return SendFile(step, descriptor);
      case Call::kWriteFile:
        return Told(tree_->WriteFile(step.path, BytesOf(step)));
      case Call::kTruncate:
        return Told(
            tree_->Truncate(step.path, static_cast<size_t>(step.number)));
      case Call::kMakeDirectory:
        return Told(tree_->MakeDirectory(step.path));
      case Call::kMakeSymlink:
        return Told(tree_->MakeSymlink(step.path, Real(step.other)));
      case Call::kRename:
        return Told(tree_->Rename(step.path, step.other));
    }
    return "";
  }

 private:
  static std::string Told(SysResult result) {
    return result.ok() ? absl::StrCat(result.value())
                       : ::strerrorname_np(result.error());
  }
  static std::string Told(SysResult result, const std::vector<char>& bytes) {
    if (!result.ok()) return Told(result);
    return absl::StrCat(result.value(), " \"",
                        absl::CHexEscape(absl::string_view(
                            bytes.data(), static_cast<size_t>(result.value()))),
                        "\"");
  }
  static std::string Told(bool done) { return done ? "done" : "failed"; }

  std::string Real(const std::string& path) const {
    return absl::StrReplaceAll(path, {{kRoot, tree_->root()}});
  }

  template <typename Try>
  std::string Open(const Step& step, Try attempt) {
    SysResult result = attempt();
    // openat2(2): also if somebody else renames something at the same time.
    for (int tries = 0; tries < 1000 && result.would_block(); ++tries) {
      result = attempt();
    }
    if (!result.ok()) return Told(result);
    const int old = std::exchange(slots_[step.to], result.descriptor());
    if (old >= 0) (void)kernel_.Close(old);
    return "opened";
  }

  std::string Fstat(int descriptor) {
    struct stat status = {};
    const SysResult result = kernel_.Fstat(descriptor, status);
    if (!result.ok()) return Told(result);
    // How many bytes a directory has, and how often it is named, is its file
    // system's business.
    const bool is_directory = S_ISDIR(status.st_mode);
    return absl::StrCat("mode 0x", absl::Hex(status.st_mode), ", size ",
                        is_directory ? 0 : status.st_size, ", links ",
                        is_directory ? status.st_nlink > 0 : status.st_nlink);
  }

  // All of a directory, whatever was read of it.
  std::string List(int descriptor) {
    const SysResult opened =
        kernel_.OpenAt(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (!opened.ok()) return Told(opened);
    std::set<std::string> names;
    std::array<char, 512> buffer;
    SysResult result = SysResult::Ok();
    while (true) {
      result = kernel_.GetDents64(opened.descriptor(), absl::MakeSpan(buffer));
      if (result.value() <= 0) break;
      for (size_t at = 0; at < static_cast<size_t>(result.value());) {
        dirent64 entry;
        std::memcpy(&entry, buffer.data() + at, offsetof(dirent64, d_name));
        names.insert(
            absl::StrCat(buffer.data() + at + offsetof(dirent64, d_name), ":",
                         entry.d_type));
        at += entry.d_reclen;
      }
    }
    (void)kernel_.Close(opened.descriptor());
    return absl::StrCat(Told(result), " ", absl::StrJoin(names, " "));
  }

  std::string SendFile(const Step& step, int file) {
    off_t offset = step.offset;
    const SysResult result = kernel_.SendFile(sockets_[0], file, offset,
                                              static_cast<size_t>(step.number));
    // All of it fits.
    std::vector<char> buffer(4096);
    const SysResult received =
        kernel_.Recv(sockets_[1], absl::MakeSpan(buffer), 0);
    return absl::StrCat(Told(result), ", offset ", offset, ", received ",
                        Told(received, buffer));
  }

  Kernel& kernel_;
  const std::unique_ptr<TreeUnderTest> tree_;
  std::array<int, kSlots> slots_;
  std::array<int, 2> sockets_ = {};
};

// The two kernels, in step.
class SideBySide {
 public:
  // What both did; else what each did, in words.
  struct Comparison {
    std::string outcome;
    std::string difference;
  };

  Comparison Run(const Step& step) {
    const std::string real = linux_.Run(step);
    // What another process cannot do is not for the fake, which would end.
    if (real == "failed") return {real, ""};
    const std::string fake = fake_.Run(step);
    if (real == fake) return {real, ""};
    return {real, absl::StrCat("  Linux: ", real, "\n  fake:  ", fake, "\n")};
  }

 private:
  LinuxKernel linux_kernel_;
  FakeKernel fake_kernel_;
  Runner linux_{linux_kernel_};
  Runner fake_{fake_kernel_};
};

// Makes up steps, in a namespace so small that they meet.
//
// Not asked for: permissions, which are nothing to root; names outside of the
// tree, but for its parents.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Step Next() {
    const uint64_t roll = random_.Below(100);
    Step step;
    step.letter = ++steps_;
    step.slot = random_.Chance(50) ? 0 : Slot();
    step.path = Path();
    if (roll < 30) return OpenAny(step);
    if (roll < 32) {
      step.call = Call::kDup;
      step.slot = Slot();
      step.to = FreeSlot();
    } else if (roll < 42) {
      step.call = random_.Chance(50) ? Call::kRead : Call::kPread;
      step.slot = Slot();
      step.number = Size();
      step.offset = random_.Chance(5) ? -1 : Size();
    } else if (roll < 49) {
      step.call = Call::kWrite;
      step.slot = Slot();
      step.number = Size();
    } else if (roll < 56) {
      step.call = Call::kFstat;
      step.slot = Slot();
    } else if (roll < 61) {
      step.call = Call::kList;
    } else if (roll < 69) {
      step.call = Call::kUnlinkAt;
      step.flags = random_.Chance(30) ? AT_REMOVEDIR : 0;
      if (random_.Chance(2)) step.flags |= 1;
    } else if (roll < 76) {
      step.call = Call::kSendFile;
      step.slot = Slot();
      step.number = Size();
      step.offset = random_.Chance(5) ? -1 : Size();
    } else {
      return Other(step, random_.Below(100));
    }
    return step;
  }

 private:
  template <typename T, size_t N>
  T Pick(const T (&from)[N]) {
    return from[random_.Below(N)];
  }

  size_t Slot() { return static_cast<size_t>(random_.Below(kSlots)); }
  size_t FreeSlot() {
    return 1 + static_cast<size_t>(random_.Below(kSlots - 1));
  }
  int64_t Size() { return random_.Chance(5) ? 0 : random_.Between(1, 40); }

  std::string Path() {
    static constexpr const char* kNames[] = {"a", "a", "a", "b", "b",
                                             "c", "d", "d", "e"};
    static constexpr const char* kDots[] = {".", ".."};
    if (random_.Chance(1)) return "";
    if (random_.Chance(1)) return ".";
    if (random_.Chance(1)) return std::string(255 + random_.Below(2), 'n');
    std::vector<std::string> parts;
    for (int64_t i = random_.Chance(60) ? 1 : random_.Between(2, 4); i > 0;
         --i) {
      parts.push_back(random_.Chance(12) ? Pick(kDots) : Pick(kNames));
    }
    std::string path = absl::StrJoin(parts, random_.Chance(95) ? "/" : "//");
    if (random_.Chance(8)) path += "/";
    // Where it is a root, this leads to other files than where it is not. No
    // file of the machine has such a name.
    if (random_.Chance(5)) return absl::StrCat("/no-such-folder/", path);
    if (random_.Chance(8)) return absl::StrCat(kRoot, "/", path);
    return path;
  }

  // For those who are not the kernel under test: from the root.
  std::string PlainPath() {
    static constexpr const char* kNames[] = {"a", "b", "c",
                                             "d", "e", "no-such-folder"};
    std::string path = Pick(kNames);
    while (random_.Chance(40)) absl::StrAppend(&path, "/", Pick(kNames));
    return path;
  }

  Step OpenAny(Step step) {
    static constexpr uint64_t kAccess[] = {O_RDONLY, O_RDONLY, O_RDWR, O_WRONLY,
                                           O_ACCMODE};
    static constexpr uint64_t kFlags[] = {
        O_CREAT,    O_CREAT,     O_CREAT, O_EXCL,    O_TRUNC,   O_APPEND,
        O_NOFOLLOW, O_DIRECTORY, O_PATH,  O_TMPFILE, O_NONBLOCK};
    static constexpr uint64_t kResolve[] = {
        RESOLVE_BENEATH,  RESOLVE_BENEATH,     RESOLVE_IN_ROOT,
        RESOLVE_IN_ROOT,  RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS,
        uint64_t{1} << 20};
    step.call = random_.Chance(75) ? Call::kOpenAt2 : Call::kOpenAt;
    step.to = FreeSlot();
    step.flags = random_.Chance(92) ? Pick(kAccess) : 0;
    while (random_.Chance(45)) step.flags |= Pick(kFlags);
    if (random_.Chance(1)) step.flags |= 1 << 30;
    if (step.call == Call::kOpenAt2 && random_.Chance(70)) {
      // The last is wrong.
      step.resolve = kResolve[random_.Below(random_.Chance(5) ? 7 : 6)];
    }
    if ((step.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0 &&
        random_.Chance(3)) {
      // Never the machine's, where later steps would make files.
      step.path = "/";
    }
    const bool creates = (step.flags & (O_CREAT | kTemporary)) != 0;
    // Wrong now and then. What is made can always be read.
    if (creates || random_.Chance(3)) step.mode = 0644;
    if (random_.Chance(1)) step.mode |= 1 << 16;
    return step;
  }

  Step Other(Step step, uint64_t roll) {
    step.path = PlainPath();
    step.number = Size();
    if (roll < 30) {
      step.call = Call::kWriteFile;
    } else if (roll < 45) {
      step.call = Call::kTruncate;
    } else if (roll < 60) {
      step.call = Call::kMakeDirectory;
    } else if (roll < 75) {
      step.call = Call::kMakeSymlink;
      step.other = Path();
    } else {
      step.call = Call::kRename;
      step.other = PlainPath();
    }
    return step;
  }

  Random random_;
  size_t steps_ = 0;
};

struct Failure {
  size_t steps;
  std::string difference;
};

// The first difference, if there is one.
std::optional<Failure> Replay(const std::vector<Step>& script) {
  SideBySide both;
  for (size_t i = 0; i < script.size(); ++i) {
    const std::string difference = both.Run(script[i]).difference;
    if (!difference.empty()) return Failure{i + 1, difference};
  }
  return std::nullopt;
}

// Leaves out what is not needed for a step to differ.
std::vector<Step> Shrink(std::vector<Step> script) {
  for (size_t chunk = script.size() / 2; chunk > 0; chunk /= 2) {
    for (size_t at = 0; at + chunk < script.size();) {
      std::vector<Step> shorter = script;
      const auto from = shorter.begin() + static_cast<ptrdiff_t>(at);
      shorter.erase(from, from + static_cast<ptrdiff_t>(chunk));
      const std::optional<Failure> failure = Replay(shorter);
      if (failure.has_value()) {
        shorter.resize(failure->steps);
        script = std::move(shorter);
      } else {
        at += chunk;
      }
    }
  }
  return script;
}

std::string Describe(const std::vector<Step>& script) {
  SideBySide both;
  std::string text;
  for (const Step& step : script) {
    const auto [outcome, difference] = both.Run(step);
    absl::StrAppend(&text, ToString(step), " = ", outcome, "\n", difference);
  }
  return text;
}

// Once in a run: it takes its time.
std::string MakeShorter(const std::vector<Step>& script) {
  static bool was_here = false;
  if (std::exchange(was_here, true)) return "";
  return absl::StrCat("\nShorter:\n", Describe(Shrink(script)));
}

std::vector<int64_t> Seeds() {
  if (only_seed.has_value()) return {*only_seed};
  std::vector<int64_t> seeds;
  for (int64_t seed = 1; seed <= kSeeds; ++seed) seeds.push_back(seed);
  return seeds;
}

class RandomFilesTest : public testing::TestWithParam<int64_t> {};

TEST_P(RandomFilesTest, AreTheSameOnBoth) {
  Generator generator(static_cast<uint64_t>(GetParam()));
  SideBySide both;
  std::vector<Step> script;
  while (script.size() < kSteps) {
    script.push_back(generator.Next());
    const std::string difference = both.Run(script.back()).difference;
    if (!difference.empty()) {
      FAIL() << "seed " << GetParam() << ", step " << script.size() << ", "
             << ToString(script.back()) << "\n"
             << difference << MakeShorter(script);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFilesTest, testing::ValuesIn(Seeds()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    int64_t seed;
    if (absl::ConsumePrefix(&argument, "--seed=") &&
        absl::SimpleAtoi(argument, &seed)) {
      pollux::only_seed = seed;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  // What files get must not depend on who runs this.
  ::umask(022);
  return RUN_ALL_TESTS();
}
