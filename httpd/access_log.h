// A line for each request.
#ifndef POLLUX_HTTPD_ACCESS_LOG_H_
#define POLLUX_HTTPD_ACCESS_LOG_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "httpd/config/settings.h"
#include "httpd/server/exchange_observer.h"
#include "reactor/descriptor.h"
#include "reactor/loop_statistics.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

// Writes what a server answered as lines of text: the Common or Combined Log
// Format of other servers, or JSON, an object to a line. What clients sent is
// escaped, so that they cannot forge a line, nor a terminal's command.
//
// The lines of one iteration of the loop go out in one write. A log that cannot
// be written, as on a full disk, loses lines, which are counted; requests are
// answered all the same.
//
// Several logs, each on a thread of its own, may write to one file. A write to
// a regular file is whole, but a pipe takes no more than 4096 bytes at once
// before others get their turn (PIPE_BUF, pipe(7)), and a full disk takes a
// part: so they have a lock in common, and no line is ever torn.
//
// Owned by whoever owns the server, which it must outlive; reactor's thread.
class AccessLog final : public ExchangeObserver {
 public:
  // Opens the file, and makes it if need be. open(2), O_APPEND. Whoever writes
  // holds `turn`, which all logs at this file have in common, and which must
  // outlive them; null: there is no other.
  static absl::StatusOr<std::unique_ptr<AccessLog>> Create(
      Reactor& reactor, const httpd::AccessLogSettings& settings,
      absl::Mutex* turn = nullptr);
  // Writes what is left.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void OnExchange(const ExchangeRecord& record) override;

  // Bytes of lines that could not be written. Any thread.
  const Counter& lost_bytes() const { return lost_bytes_; }

 private:
  AccessLog(Reactor& reactor, httpd::AccessLogFormat format, Descriptor file,
            int file_number, absl::Mutex* turn);

  void AppendCommon(const ExchangeRecord& record);
  void AppendJson(const ExchangeRecord& record);
  void RefreshTime();
  void Flush();

  Reactor& reactor_;
  const httpd::AccessLogFormat format_;
  // Unless it is the standard output.
  const Descriptor file_;
  const int file_number_;
  absl::Mutex* const turn_;
  std::string lines_;
  Counter lost_bytes_;

  // The second that is logged, in both notations.
  MonotonicTime refresh_at_;
  std::string common_time_;
  std::string iso_time_;

  // Due in the iteration that wrote the first line.
  Timer flush_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_ACCESS_LOG_H_
