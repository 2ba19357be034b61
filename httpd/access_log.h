// A line for each request.
#ifndef POLLUX_HTTPD_ACCESS_LOG_H_
#define POLLUX_HTTPD_ACCESS_LOG_H_

#include <cstdint>
#include <string>

#include "httpd/config/settings.h"
#include "httpd/log_file.h"
#include "httpd/server/exchange_observer.h"
#include "reactor/loop_statistics.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

// Writes what a server answered as lines of text: the Common or Combined Log
// Format of other servers, or JSON, an object to a line. What clients sent is
// escaped, so that they cannot forge a line, nor a terminal's command.
//
// The lines of one iteration of the loop go out in one write. If nobody takes
// them, 64 KiB are kept and tried again. What cannot be kept, or be written, as
// on a full disk, is lost and counted; requests are answered all the same.
//
// Owned by whoever owns the server, which it must outlive; reactor's thread.
class AccessLog final : public ExchangeObserver {
 public:
  // `file` may have other logs on other threads; it must outlive them.
  AccessLog(Reactor& reactor, httpd::AccessLogFormat format, LogFile& file);
  // Writes what is left.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void OnExchange(const ExchangeRecord& record) override;

  // Bytes of lines that could not be written. Any thread.
  const Counter& lost_bytes() const { return lost_bytes_; }

 private:
  void AppendCommon(const ExchangeRecord& record);
  void AppendJson(const ExchangeRecord& record);
  void RefreshTime();
  void Flush();

  Reactor& reactor_;
  const httpd::AccessLogFormat format_;
  LogFile& file_;
  std::string lines_;
  // The file takes no more for now.
  bool is_blocked_ = false;
  Counter lost_bytes_;

  // The second that is logged, in both notations.
  MonotonicTime refresh_at_;
  std::string common_time_;
  std::string iso_time_;

  // Due in the iteration that wrote the first line, or to try again.
  Timer flush_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_ACCESS_LOG_H_
