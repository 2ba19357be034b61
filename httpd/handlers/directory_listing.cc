#include "httpd/handlers/directory_listing.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/handlers/root_directory.h"
#include "httpd/http/path_segments.h"
#include "reactor/descriptor.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

// What one step does.
constexpr size_t kNameBufferBytes = 16 * 1024;
constexpr size_t kDescribedAtOnce = 32;
constexpr size_t kRowsAtOnce = 128;

void AppendEscaped(std::string& html, absl::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        html.append("&amp;");
        break;
      case '<':
        html.append("&lt;");
        break;
      case '>':
        html.append("&gt;");
        break;
      case '"':
        html.append("&quot;");
        break;
      case '\'':
        html.append("&#39;");
        break;
      default:
        html.push_back(c);
    }
  }
}

// All but what RFC 3986 §2.3 leaves as it is.
void AppendPercentEncoded(std::string& url, absl::string_view text) {
  constexpr absl::string_view kDigits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' ||
        c == '~') {
      url.push_back(c);
    } else {
      url.append({'%', kDigits[byte >> 4], kDigits[byte & 0xF]});
    }
  }
}

}  // namespace

DirectoryListing::DirectoryListing(RootDirectory& root, Descriptor directory,
                                   std::string path, std::string title,
                                   Parent parent, size_t max_names)
    : root_(root),
      directory_(std::move(directory)),
      path_(std::move(path)),
      path_bytes_(path_.size()),
      title_(std::move(title)),
      parent_(parent),
      max_names_(max_names) {}

SysResult DirectoryListing::Step() {
  switch (phase_) {
    case Phase::kReadNames:
      return ReadNames();
    case Phase::kDescribe:
      return DescribeSome();
    case Phase::kWriteRows:
      WriteSomeRows();
      break;
    case Phase::kDone:
      break;
  }
  return SysResult::Ok();
}

SysResult DirectoryListing::ReadNames() {
  alignas(dirent64) std::array<char, kNameBufferBytes> buffer;
  const SysResult read = RetryOnSignal([&] {
    return root_.kernel().GetDents64(directory_.number(),
                                     absl::MakeSpan(buffer));
  });
  if (!read.ok()) return read;
  const auto bytes = static_cast<size_t>(read.value());
  for (size_t at = 0; at < bytes && !is_cut_short_;) {
    dirent64 head;
    std::memcpy(&head, buffer.data() + at, offsetof(dirent64, d_name));
    const absl::string_view name(buffer.data() + at +
                                 offsetof(dirent64, d_name));
    at += head.d_reclen;
    if (http::KindOf(name) != http::SegmentKind::kName) continue;
    if (entries_.size() == max_names_) {
      is_cut_short_ = true;
      break;
    }
    entries_.push_back({.name = std::string(name)});
    name_bytes_ += name.size() + sizeof(Entry);
  }
  if (bytes == 0 || is_cut_short_) {
    directory_.Close();
    phase_ = Phase::kDescribe;
  }
  return SysResult::Ok();
}

SysResult DirectoryListing::DescribeSome() {
  const size_t end = std::min(next_ + kDescribedAtOnce, entries_.size());
  for (; next_ < end; ++next_) {
    if (const SysResult described = Describe(entries_[next_]);
        !described.ok()) {
      return described;
    }
  }
  if (next_ < entries_.size()) return SysResult::Ok();
  Sort();
  WriteHead();
  next_ = 0;
  phase_ = Phase::kWriteRows;
  return SysResult::Ok();
}

SysResult DirectoryListing::Describe(Entry& entry) {
  path_.resize(path_bytes_);
  path_.append(entry.name);
  RootDirectory::Opened opened;
  const SysResult result =
      root_.Open(path_, RootDirectory::Access::kDescribe, opened);
  switch (result.error()) {
    case 0:
      break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return result;
    default:
      // Removed meanwhile, or a link to where nobody is let.
      return SysResult::Ok();
  }
  if (S_ISDIR(opened.status.st_mode)) entry.kind = Kind::kDirectory;
  if (S_ISREG(opened.status.st_mode)) entry.kind = Kind::kFile;
  entry.size_bytes = static_cast<uint64_t>(opened.status.st_size);
  entry.modified_seconds = opened.status.st_mtim.tv_sec;
  return SysResult::Ok();
}

void DirectoryListing::Sort() {
  const auto others = std::remove_if(
      entries_.begin(), entries_.end(),
      [](const Entry& entry) { return entry.kind == Kind::kNeither; });
  entries_.erase(others, entries_.end());
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) {
              return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
            });
}

void DirectoryListing::WriteHead() {
  page_ =
      "<!doctype html>\n"
      "<html lang=\"en\">\n"
      "<head>\n"
      "<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>";
  AppendEscaped(page_, title_);
  page_.append("</title>\n</head>\n<body>\n<h1>");
  AppendEscaped(page_, title_);
  page_.append(
      "</h1>\n<table>\n"
      "<tr><th>Name</th><th>Bytes</th><th>Changed (UTC)</th></tr>\n");
  if (parent_ == Parent::kLinked) {
    page_.append(
        "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
  }
}

void DirectoryListing::WriteSomeRows() {
  const size_t end = std::min(next_ + kRowsAtOnce, entries_.size());
  for (; next_ < end; ++next_) WriteRow(entries_[next_]);
  if (next_ < entries_.size()) return;
  page_.append("</table>\n");
  if (is_cut_short_) {
    absl::StrAppend(&page_, "<p>There are more than ", max_names_,
                    " names; not all are shown.</p>\n");
  }
  page_.append("</body>\n</html>\n");
  phase_ = Phase::kDone;
}

void DirectoryListing::WriteRow(const Entry& entry) {
  const absl::string_view slash = entry.kind == Kind::kDirectory ? "/" : "";
  page_.append("<tr><td><a href=\"./");
  AppendPercentEncoded(page_, entry.name);
  absl::StrAppend(&page_, slash, "\">");
  AppendEscaped(page_, entry.name);
  absl::StrAppend(&page_, slash, "</a></td><td>");
  if (entry.kind == Kind::kFile) absl::StrAppend(&page_, entry.size_bytes);
  absl::StrAppend(
      &page_, "</td><td>",
      absl::FormatTime("%Y-%m-%d %H:%M",
                       absl::FromUnixSeconds(entry.modified_seconds),
                       absl::UTCTimeZone()),
      "</td></tr>\n");
}

}  // namespace pollux
