#include "httpd/handlers/file_cache.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/handlers/file_variant.h"
#include "httpd/handlers/file_version.h"
#include "httpd/handlers/root_directory.h"
#include "httpd/http/accept_encoding.h"
#include "httpd/http/media_type.h"
#include "reactor/descriptor.h"
#include "reactor/kernel.h"
#include "reactor/monotonic_time.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

struct Sibling {
  http::ContentCoding coding;
  absl::string_view extension;
};
constexpr std::array<Sibling, 3> kSiblings = {{
    {http::ContentCoding::kBrotli, ".br"},
    {http::ContentCoding::kZstd, ".zst"},
    {http::ContentCoding::kGzip, ".gz"},
}};

bool IsOutOfDescriptors(int error) {
  return error == EMFILE || error == ENFILE;
}

bool IsShortage(int error) {
  return IsOutOfDescriptors(error) || error == ENOMEM;
}

absl::string_view NameIn(absl::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// As many bytes as `contents` has, or fewer if the file ends before.
SysResult Read(const Descriptor& file, std::string& contents) {
  size_t size = 0;
  while (size < contents.size()) {
    const SysResult read = RetryOnSignal([&] {
      return file.kernel().Pread(file.number(),
                                 absl::MakeSpan(contents).subspan(size),
                                 static_cast<off_t>(size));
    });
    if (!read.ok()) return read;
    if (read.value() == 0) break;
    size += static_cast<size_t>(read.value());
  }
  contents.resize(size);
  return SysResult::Ok();
}

}  // namespace

SysResult FileCache::Find(const std::string& path, MonotonicTime now,
                          const Variants*& variants) {
  if (const auto kept = FindKept(path);
      kept != files_.end() && now < kept->fresh_until) {
    variants = &kept->variants;
    return SysResult::Ok();
  }

  // Looked at before the file, so that its age errs on the young side.
  const int64_t wall_nanos =
      root_.kernel().ClockGetTime(CLOCK_REALTIME).value();
  RootDirectory::Opened opened;
  SysResult result = Open(path, opened);
  const auto kept = FindKept(path);
  if (IsShortage(result.error()) && kept != files_.end()) {
    variants = &kept->variants;
    return SysResult::Ok();
  }
  Variants old;
  if (kept != files_.end()) old = Take(kept);
  if (!result.ok()) return result;
  if (S_ISDIR(opened.status.st_mode)) return SysResult::Error(EISDIR);
  if (!S_ISREG(opened.status.st_mode)) return SysResult::Error(ENOENT);

  Variants loaded;
  result = Load(path, std::move(opened), wall_nanos, old, loaded);
  if (!result.ok()) return result;
  Keep(path, now, std::move(loaded));
  variants = &files_.front().variants;
  return SysResult::Ok();
}

FileCache::Files::iterator FileCache::FindKept(const std::string& path) {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return files_.end();
  files_.splice(files_.begin(), files_, found->second);
  return found->second;
}

SysResult FileCache::Open(const std::string& path,
                          RootDirectory::Opened& opened) {
  using Access = RootDirectory::Access;
  const SysResult result = root_.Open(path, Access::kRead, opened);
  // What is asked for goes before what might be.
  if (!IsOutOfDescriptors(result.error()) || !DropDescriptors()) return result;
  return root_.Open(path, Access::kRead, opened);
}

SysResult FileCache::Load(const std::string& path, RootDirectory::Opened opened,
                          int64_t wall_nanos, Variants& old, Variants& loaded) {
  const FileVersion version = VersionOf(opened.status);
  if (const SysResult result =
          LoadOne(path, http::ContentCoding::kIdentity, std::move(opened),
                  wall_nanos, old, loaded);
      !result.ok() || options_.siblings == Siblings::kIgnored) {
    return result;
  }
  for (const Sibling& sibling : kSiblings) {
    scratch_ = absl::StrCat(path, sibling.extension);
    RootDirectory::Opened found;
    if (!root_.Open(scratch_, RootDirectory::Access::kRead, found).ok() ||
        !S_ISREG(found.status.st_mode) ||
        VersionOf(found.status).modified_nanos < version.modified_nanos) {
      continue;
    }
    // One that cannot be read is as good as none.
    (void)LoadOne(path, sibling.coding, std::move(found), wall_nanos, old,
                  loaded);
  }
  return SysResult::Ok();
}

SysResult FileCache::LoadOne(const std::string& path,
                             http::ContentCoding coding,
                             RootDirectory::Opened opened, int64_t wall_nanos,
                             Variants& old, Variants& loaded) {
  FileVariant::Description description = {
      .version = VersionOf(opened.status),
      .opened_wall_nanos = wall_nanos,
      .coding = coding,
      .media_type = http::MediaTypeOfFile(NameIn(path)),
      .cache_control = options_.cache_control,
      .vary = options_.siblings == Siblings::kServed ? "Accept-Encoding" : "",
  };
  for (FileVariant::Owner& variant : old) {
    if (variant != nullptr && variant->coding() == coding &&
        variant->version() == description.version && variant->is_settled()) {
      loaded.push_back(std::move(variant));
      return SysResult::Ok();
    }
  }

  std::string contents;
  bool is_in_memory = false;
  if (FitsInMemory(description.version.size_bytes)) {
    contents.resize(description.version.size_bytes);
    if (const SysResult read = Read(opened.descriptor, contents); !read.ok()) {
      return read;
    }
    if (const SysResult looked = RetryOnSignal([&] {
          return root_.kernel().Fstat(opened.descriptor.number(),
                                      opened.status);
        });
        !looked.ok()) {
      return looked;
    }
    // Somebody wrote to it meanwhile: who knows what was read.
    const FileVersion version = VersionOf(opened.status);
    is_in_memory =
        version == description.version && contents.size() == version.size_bytes;
    description.version = version;
  }
  description.is_settled = description.version.IsSettled(wall_nanos);
  loaded.push_back(
      is_in_memory
          ? FileVariant::InMemory(description, contents)
          : FileVariant::InFile(description, std::move(opened.descriptor)));
  return SysResult::Ok();
}

void FileCache::Keep(const std::string& path, MonotonicTime now,
                     Variants variants) {
  files_.push_front({path, now + kFreshFor, std::move(variants)});
  File& file = files_.front();
  by_path_.emplace(file.path, files_.begin());
  for (const FileVariant::Owner& variant : file.variants) {
    bytes_ += variant->memory_bytes();
    descriptors_ += variant->has_descriptor() ? 1 : 0;
  }
  // The last one is the one that was asked for.
  while (IsTooMuch() && files_.size() > 1) (void)Take(std::prev(files_.end()));
}

bool FileCache::FitsInMemory(uint64_t file_bytes) const {
  return file_bytes <= options_.max_file_bytes_in_memory &&
         FileVariant::MemoryFor(file_bytes) <= options_.max_bytes;
}

bool FileCache::IsTooMuch() const {
  return bytes_ > options_.max_bytes || files_.size() > options_.max_files ||
         descriptors_ > options_.max_descriptors;
}

FileCache::Variants FileCache::Take(Files::iterator file) {
  for (const FileVariant::Owner& variant : file->variants) {
    bytes_ -= variant->memory_bytes();
    descriptors_ -= variant->has_descriptor() ? 1 : 0;
  }
  Variants variants = std::move(file->variants);
  by_path_.erase(file->path);
  files_.erase(file);
  return variants;
}

bool FileCache::DropDescriptors() {
  if (descriptors_ == 0) return false;
  for (auto file = files_.begin(); file != files_.end();) {
    const auto next = std::next(file);
    if (std::any_of(
            file->variants.begin(), file->variants.end(),
            [](const auto& variant) { return variant->has_descriptor(); })) {
      (void)Take(file);
    }
    file = next;
  }
  return true;
}

}  // namespace pollux
