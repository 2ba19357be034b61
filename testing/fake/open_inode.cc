#include "testing/fake/open_inode.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace pollux {
namespace {

size_t RoundUp(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

SysResult OpenRegularFile::Read(absl::Span<char> buffer) {
  const SysResult result = Pread(buffer, static_cast<int64_t>(offset_));
  if (result.ok()) offset_ += static_cast<size_t>(result.value());
  return result;
}

SysResult OpenRegularFile::Write(absl::Span<const char> bytes) {
  if (!is_writable()) return SysResult::Error(EBADF);
  // Not even the times change.
  if (bytes.empty()) return SysResult::Ok(0);
  if (appends()) offset_ = inode()->contents().size();
  inode()->Write(offset_, {bytes.data(), bytes.size()});
  offset_ += bytes.size();
  return SysResult::Ok(static_cast<int64_t>(bytes.size()));
}

SysResult OpenRegularFile::Pread(absl::Span<char> buffer, int64_t offset) {
  if (!is_readable()) return SysResult::Error(EBADF);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  if (offset > kMax - static_cast<int64_t>(buffer.size())) {
    return SysResult::Error(EINVAL);
  }
  absl::string_view rest = inode()->contents();
  rest.remove_prefix(std::min(rest.size(), static_cast<size_t>(offset)));
  const size_t count = rest.copy(buffer.data(), buffer.size());
  return SysResult::Ok(static_cast<int64_t>(count));
}

SysResult OpenDirectory::Read(absl::Span<char>) {
  return SysResult::Error(EISDIR);
}

SysResult OpenDirectory::Write(absl::Span<const char>) {
  return SysResult::Error(EBADF);
}

SysResult OpenDirectory::Pread(absl::Span<char>, int64_t) {
  return SysResult::Error(EISDIR);
}

OpenDirectory::Entry OpenDirectory::Next() const {
  if (told_ == 0) return {".", inode().get()};
  if (told_ == 1) return {"..", inode()->Parent().get()};
  const Inode::Entries& entries = inode()->entries();
  const auto next = entries.upper_bound(last_told_);
  if (next == entries.end()) return {};
  return {next->first, next->second.get()};
}

SysResult OpenDirectory::GetDents(absl::Span<char> buffer) {
  if (inode()->is_removed()) return SysResult::Error(ENOENT);
  constexpr size_t kNameAt = offsetof(dirent64, d_name);
  size_t used = 0;
  while (true) {
    const Entry entry = Next();
    if (entry.name.empty()) break;
    const size_t length =
        RoundUp(kNameAt + entry.name.size() + 1, alignof(dirent64));
    if (length > buffer.size() - used) {
      if (used == 0) return SysResult::Error(EINVAL);
      break;
    }
    dirent64 record = {};
    record.d_ino = entry.inode->number();
    record.d_off = told_ + 1;
    record.d_reclen = static_cast<uint16_t>(length);
    record.d_type = static_cast<uint8_t>(IFTODT(entry.inode->mode()));
    entry.name.copy(record.d_name, sizeof(record.d_name) - 1);
    std::memcpy(buffer.data() + used, &record, length);
    used += length;
    // "." and ".." are not among the entries.
    if (told_++ >= 2) last_told_ = entry.name;
  }
  return SysResult::Ok(static_cast<int64_t>(used));
}

}  // namespace pollux
