#include "httpd/access_log.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/request_head.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

// Beyond it lines are written before the iteration ends.
constexpr size_t kMaxKeptBytes = 64 * 1024;

constexpr mode_t kMode = 0640;

absl::string_view VersionText(http::Version version) {
  return version == http::Version::kHttp10 ? "HTTP/1.0" : "HTTP/1.1";
}

// Within double quotes: what is not plain text as "\xHH", as other servers do.
void AppendQuoted(std::string& out, absl::string_view text) {
  out.push_back('"');
  if (text.empty()) out.push_back('-');
  for (const char c : text) {
    if (c == '"' || c == '\\' || c < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&out, "\\x%02X", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

// As AppendQuoted(), and nothing that JSON could not hold: bytes beyond ASCII
// stand for the characters of Latin-1 (RFC 8259 §7).
void AppendJsonString(std::string& out, absl::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04x", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessLog>> AccessLog::Create(
    Reactor& reactor, const httpd::AccessLogSettings& settings,
    absl::Mutex* turn) {
  Descriptor file;
  int file_number = STDOUT_FILENO;
  if (settings.path != "-") {
    const SysResult opened = reactor.kernel().OpenAt(
        AT_FDCWD, settings.path.c_str(),
        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, kMode);
    if (!opened.ok()) {
      return opened.ToStatus(absl::StrCat("access log ", settings.path));
    }
    file_number = opened.descriptor();
    file = Descriptor(reactor.kernel(), file_number);
  }
  return std::unique_ptr<AccessLog>(new AccessLog(
      reactor, settings.format, std::move(file), file_number, turn));
}

AccessLog::AccessLog(Reactor& reactor, httpd::AccessLogFormat format,
                     Descriptor file, int file_number, absl::Mutex* turn)
    : reactor_(reactor),
      format_(format),
      file_(std::move(file)),
      file_number_(file_number),
      turn_(turn),
      flush_(reactor, [this] { Flush(); }) {}

AccessLog::~AccessLog() { Flush(); }

void AccessLog::OnExchange(const ExchangeRecord& record) {
  if (reactor_.Now() >= refresh_at_) RefreshTime();
  if (format_ == httpd::AccessLogFormat::kJson) {
    AppendJson(record);
  } else {
    AppendCommon(record);
  }
  if (lines_.size() >= kMaxKeptBytes) {
    Flush();
  } else if (!flush_.armed()) {
    flush_.ArmAfter(absl::ZeroDuration());
  }
}

void AccessLog::AppendCommon(const ExchangeRecord& record) {
  absl::StrAppend(&lines_, record.client.ToString(), " - - [", common_time_,
                  "] ");
  AppendQuoted(lines_, record.method.empty()
                           ? std::string()
                           : absl::StrCat(record.method, " ", record.target,
                                          " ", VersionText(record.version)));
  absl::StrAppend(&lines_, " ", record.status, " ", record.sent_bytes);
  if (format_ == httpd::AccessLogFormat::kCombined) {
    lines_.push_back(' ');
    AppendQuoted(lines_, record.referer);
    lines_.push_back(' ');
    AppendQuoted(lines_, record.user_agent);
  }
  lines_.push_back('\n');
}

void AccessLog::AppendJson(const ExchangeRecord& record) {
  absl::StrAppend(&lines_, "{\"time\":\"", iso_time_, "\",\"client\":\"",
                  record.client.ToString(), "\"");
  const auto append = [&](absl::string_view name, absl::string_view value) {
    if (value.empty()) return;
    absl::StrAppend(&lines_, ",\"", name, "\":");
    AppendJsonString(lines_, value);
  };
  append("method", record.method);
  append("target", record.target);
  if (!record.method.empty()) append("version", VersionText(record.version));
  append("host", record.host);
  append("route", record.route);
  absl::StrAppend(&lines_, ",\"status\":", record.status,
                  ",\"sent_bytes\":", record.sent_bytes, ",\"duration_us\":",
                  absl::ToInt64Microseconds(record.duration));
  append("referer", record.referer);
  append("user_agent", record.user_agent);
  append("request_id", record.request_id);
  append("traceparent", record.traceparent);
  lines_.append("}\n");
}

void AccessLog::RefreshTime() {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  const SysResult clock = reactor_.kernel().ClockGetTime(CLOCK_REALTIME);
  const int64_t nanos = clock.ok() ? clock.value() : 0;
  const absl::Time now = absl::FromUnixSeconds(nanos / kNanosPerSecond);
  const absl::TimeZone utc = absl::UTCTimeZone();
  common_time_ = absl::FormatTime("%d/%b/%Y:%H:%M:%S +0000", now, utc);
  iso_time_ = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, utc);
  refresh_at_ = reactor_.Now() +
                absl::Nanoseconds(kNanosPerSecond - nanos % kNanosPerSecond);
}

void AccessLog::Flush() {
  if (lines_.empty()) return;
  const absl::MutexLockMaybe lock(turn_);
  absl::string_view rest = lines_;
  while (!rest.empty()) {
    const SysResult written = RetryOnSignal([&] {
      return reactor_.kernel().Write(file_number_, {rest.data(), rest.size()});
    });
    if (!written.ok()) {
      lost_bytes_.Add(rest.size());
      break;
    }
    rest.remove_prefix(static_cast<size_t>(written.value()));
  }
  lines_.clear();
}

}  // namespace pollux
