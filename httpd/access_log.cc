#include "httpd/access_log.h"

#include <time.h>

#include <cstddef>

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

// When a reader that took no more is asked again.
constexpr absl::Duration kTryAgain = absl::Milliseconds(100);

absl::string_view VersionText(http::Version version) {
  return version == http::Version::kHttp10 ? "HTTP/1.0" : "HTTP/1.1";
}

// What is not plain text, and `also`, as "\xHH", as other servers do; a dash
// for nothing.
void AppendEscaped(std::string& out, absl::string_view text, char also) {
  if (text.empty()) out.push_back('-');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == also || c == '\\' || byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(&out, "\\x%02X", byte);
    } else {
      out.push_back(c);
    }
  }
}

void AppendQuoted(std::string& out, absl::string_view text) {
  out.push_back('"');
  AppendEscaped(out, text, '"');
  out.push_back('"');
}

// Not within quotes: a space would end it.
void AppendUser(std::string& out, absl::string_view name) {
  AppendEscaped(out, name, ' ');
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

AccessLog::AccessLog(Reactor& reactor, httpd::AccessLogFormat format,
                     LogFile& file)
    : reactor_(reactor),
      format_(format),
      file_(file),
      flush_(reactor, [this] { Flush(); }) {}

AccessLog::~AccessLog() { Flush(); }

void AccessLog::OnExchange(const ExchangeRecord& record) {
  if (reactor_.Now() >= refresh_at_) RefreshTime();
  const size_t kept = lines_.size();
  if (format_ == httpd::AccessLogFormat::kJson) {
    AppendJson(record);
  } else {
    AppendCommon(record);
  }
  if (is_blocked_) {
    if (lines_.size() <= kMaxKeptBytes) return;
    lost_bytes_.Add(lines_.size() - kept);
    lines_.resize(kept);
  } else if (lines_.size() >= kMaxKeptBytes) {
    Flush();
  } else if (!flush_.armed()) {
    flush_.ArmAfter(absl::ZeroDuration());
  }
}

void AccessLog::AppendCommon(const ExchangeRecord& record) {
  absl::StrAppend(&lines_, record.client.ToString(), " - ");
  AppendUser(lines_, record.user);
  absl::StrAppend(&lines_, " [", common_time_, "] ");
  AppendQuoted(lines_, record.method.empty()
                           ? std::string()
                           : absl::StrCat(record.method, " ", record.target,
                                          " ", VersionText(record.version)));
  absl::StrAppend(&lines_, " ", record.status, " ", record.body_bytes);
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
  append("user", record.user);
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
  if (lines_.empty() && !is_blocked_) return;
  const SysResult result = file_.Write(lines_);
  is_blocked_ = result.would_block();
  if (is_blocked_) return flush_.ArmAfter(kTryAgain);
  lost_bytes_.Add(lines_.size());
  lines_.clear();
}

}  // namespace pollux
