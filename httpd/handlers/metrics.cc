#include "httpd/handlers/metrics.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/parse_error.h"
#include "httpd/server/response.h"
#include "reactor/histogram.h"

namespace pollux {
namespace {

using Type = PrometheusText::Type;
using Workers = absl::Span<const MetricsHandler::Worker>;
using Worker = MetricsHandler::Worker;

// By the enumerators of server_statistics.h.
constexpr auto kStatusClasses =
    std::to_array<absl::string_view>({"1xx", "2xx", "3xx", "4xx", "5xx"});
constexpr auto kStates = std::to_array<absl::string_view>(
    {"idle", "reading", "answering", "closing"});
constexpr auto kTimeouts = std::to_array<absl::string_view>(
    {"head", "body", "idle", "write", "drain", "handler"});
constexpr auto kShedReasonNames = std::to_array<absl::string_view>(
    {"connections", "connections_of_client", "idle_for_new", "buffered_bytes"});
static_assert(kStatusClasses.size() ==
              std::tuple_size_v<decltype(RouteStatistics::responses)>);
static_assert(kStates.size() == kConnectionStates);
static_assert(kTimeouts.size() == kTimeoutKinds);
static_assert(kShedReasonNames.size() == kShedReasons);

constexpr auto kRequestBounds = std::to_array<absl::Duration>(
    {absl::Microseconds(500), absl::Milliseconds(1), absl::Microseconds(2500),
     absl::Milliseconds(5), absl::Milliseconds(10), absl::Milliseconds(25),
     absl::Milliseconds(50), absl::Milliseconds(100), absl::Milliseconds(250),
     absl::Milliseconds(500), absl::Seconds(1), absl::Milliseconds(2500),
     absl::Seconds(5), absl::Seconds(10)});
constexpr auto kLoopBounds = std::to_array<absl::Duration>(
    {absl::Microseconds(10), absl::Microseconds(25), absl::Microseconds(50),
     absl::Microseconds(100), absl::Microseconds(250), absl::Microseconds(500),
     absl::Milliseconds(1), absl::Microseconds(2500), absl::Milliseconds(5),
     absl::Milliseconds(10), absl::Milliseconds(25), absl::Milliseconds(50),
     absl::Milliseconds(100), absl::Milliseconds(250), absl::Seconds(1)});

// A family with a sample for each worker.
template <typename Value>
void WritePerWorker(PrometheusText& text, Workers workers,
                    absl::string_view name, Type type, absl::string_view help,
                    absl::FunctionRef<Value(const Worker&)> value) {
  text.Begin(name, type, help);
  for (size_t i = 0; i < workers.size(); ++i) {
    text.Add({{"worker", absl::AlphaNum(i).Piece()}}, value(workers[i]));
  }
}

void WriteCounter(PrometheusText& text, Workers workers, absl::string_view name,
                  absl::string_view help,
                  absl::FunctionRef<uint64_t(const Worker&)> value) {
  WritePerWorker(text, workers, name, Type::kCounter, help, value);
}

// A family with a sample for each of `names`, all workers added up.
void WriteByName(PrometheusText& text, Workers workers, absl::string_view name,
                 absl::string_view help, absl::string_view label,
                 absl::Span<const absl::string_view> names,
                 absl::FunctionRef<uint64_t(const Worker&, size_t)> value) {
  text.Begin(name, Type::kCounter, help);
  for (size_t i = 0; i < names.size(); ++i) {
    uint64_t sum = 0;
    for (const Worker& worker : workers) sum += value(worker, i);
    text.Add({{label, names[i]}}, sum);
  }
}

void WriteConnections(PrometheusText& text, Workers workers) {
  text.Begin("pollux_http_connections", Type::kGauge,
             "Open connections, by what they are doing.");
  for (size_t i = 0; i < workers.size(); ++i) {
    for (size_t state = 0; state < kStates.size(); ++state) {
      text.Add(
          {{"worker", absl::AlphaNum(i).Piece()}, {"state", kStates[state]}},
          workers[i].server->connections[state].Read());
    }
  }
  WriteCounter(text, workers, "pollux_http_received_bytes_total",
               "Bytes of requests.", [](const Worker& worker) {
                 return worker.server->received_bytes.Read();
               });
  WriteCounter(
      text, workers, "pollux_http_sent_bytes_total", "Bytes of answers.",
      [](const Worker& worker) { return worker.server->sent_bytes.Read(); });
  WritePerWorker<uint64_t>(
      text, workers, "pollux_http_buffered_bytes", Type::kGauge,
      "Bytes in memory because of connections.",
      [](const Worker& worker) { return worker.buffered_bytes; });
  text.Begin("pollux_http_refused_requests_total", Type::kCounter,
             "Requests that could not be understood or are not served.");
  // From the first that is an error.
  for (size_t i = 1; i < http::kParseErrors; ++i) {
    uint64_t sum = 0;
    for (const Worker& worker : workers) {
      sum += worker.server->refused[i].Read();
    }
    text.Add({{"reason", http::NameOf(static_cast<http::ParseError>(i))}}, sum);
  }
  WriteByName(text, workers, "pollux_http_timeouts_total",
              "Clients that ran out of time, by what they did not do.", "kind",
              kTimeouts, [](const Worker& worker, size_t kind) {
                return worker.server->timeouts[kind].Read();
              });
  WriteByName(text, workers, "pollux_http_shed_connections_total",
              "Connections that were refused or ended for lack of room.",
              "reason", kShedReasonNames,
              [](const Worker& worker, size_t reason) {
                return worker.server->shed[reason].Read();
              });
  WriteCounter(text, workers, "pollux_http_cancelled_requests_total",
               "Requests whose client was gone before the answer was.",
               [](const Worker& worker) {
                 return worker.server->cancelled_requests.Read();
               });
  WriteCounter(text, workers, "pollux_http_invalid_responses_total",
               "Answers of handlers that could not be written.",
               [](const Worker& worker) {
                 return worker.server->invalid_responses.Read();
               });
}

void WriteLogs(PrometheusText& text, Workers workers) {
  WriteCounter(text, workers, "pollux_access_log_lost_bytes_total",
               "Bytes of lines that nobody took, or that no disk had room for.",
               [](const Worker& worker) { return worker.lost_log_bytes; });
}

void WriteListeners(PrometheusText& text, Workers workers) {
  WriteCounter(text, workers, "pollux_listener_accepted_total",
               "Connections that were accepted.",
               [](const Worker& worker) { return worker.listener.accepted; });
  WriteCounter(text, workers, "pollux_listener_shed_total",
               "Connections that were closed at once, for want of descriptors.",
               [](const Worker& worker) { return worker.listener.shed; });
  WriteCounter(text, workers, "pollux_listener_backoffs_total",
               "Times that it did not listen for a while.",
               [](const Worker& worker) { return worker.listener.backoffs; });
  WriteCounter(text, workers, "pollux_listener_aborted_total",
               "Connections that were gone before they were accepted.",
               [](const Worker& worker) { return worker.listener.aborted; });
}

void WriteLoopHistogram(PrometheusText& text, Workers workers,
                        absl::string_view name, absl::string_view help,
                        Histogram LoopStatistics::*histogram) {
  text.Begin(name, Type::kHistogram, help);
  for (size_t i = 0; i < workers.size(); ++i) {
    text.Add({{"worker", absl::AlphaNum(i).Piece()}},
             {(workers[i].loop->*histogram).Read()}, kLoopBounds);
  }
}

void WriteLoops(PrometheusText& text, Workers workers) {
  const auto counter = [&](absl::string_view name, absl::string_view help,
                           Counter LoopStatistics::*member) {
    WriteCounter(text, workers, name, help, [member](const Worker& worker) {
      return (worker.loop->*member).Read();
    });
  };
  counter("pollux_loop_iterations_total", "Rounds of the event loop.",
          &LoopStatistics::iterations);
  counter("pollux_loop_events_total", "Readiness told to handlers.",
          &LoopStatistics::events);
  counter("pollux_loop_stale_events_total",
          "Events of registrations that were gone.",
          &LoopStatistics::stale_events);
  counter("pollux_loop_timers_total", "Timers that fired.",
          &LoopStatistics::timers);
  counter("pollux_loop_tasks_total", "Tasks that were run.",
          &LoopStatistics::tasks);
  counter("pollux_loop_event_bound_hits_total",
          "Rounds that left events to the next.",
          &LoopStatistics::event_bound_hits);
  counter("pollux_loop_timer_bound_hits_total",
          "Rounds that left timers to the next.",
          &LoopStatistics::timer_bound_hits);
  counter("pollux_loop_task_bound_hits_total",
          "Rounds that left tasks to the next.",
          &LoopStatistics::task_bound_hits);
  WriteLoopHistogram(text, workers, "pollux_loop_iteration_seconds",
                     "How long a round took, without its wait.",
                     &LoopStatistics::iteration_time);
  WriteLoopHistogram(text, workers, "pollux_loop_poll_delay_seconds",
                     "How much later than asked for a wait came back.",
                     &LoopStatistics::poll_delay);
  WriteLoopHistogram(text, workers, "pollux_loop_timer_lateness_seconds",
                     "How late timers fired.", &LoopStatistics::timer_lateness);
  WriteLoopHistogram(text, workers, "pollux_loop_task_wait_seconds",
                     "How long tasks waited that woke the loop.",
                     &LoopStatistics::task_wait);
}

}  // namespace

MetricsHandler::MetricsHandler(
    const Options& options, absl::AnyInvocable<std::vector<Worker>()> workers)
    : process_start_(options.process_start),
      version_(options.version),
      workers_(std::move(workers)) {
  for (size_t route = 0; route < options.route_names.size(); ++route) {
    const std::string& name = options.route_names[route];
    auto group = std::find_if(
        route_groups_.begin(), route_groups_.end(),
        [&name](const RouteGroup& group) { return group.name == name; });
    if (group == route_groups_.end()) {
      group = route_groups_.insert(group, {.name = name, .routes = {}});
    }
    group->routes.push_back(route);
  }
}

void MetricsHandler::WriteProcess(PrometheusText& text) const {
  text.Begin("pollux_build_info", Type::kGauge, "Always 1.");
  text.Add({{"version", version_}}, uint64_t{1});
  text.Begin("process_start_time_seconds", Type::kGauge,
             "When the program was started, since the epoch.");
  text.Add({}, absl::ToDoubleSeconds(process_start_ - absl::UnixEpoch()));
}

void MetricsHandler::WriteRoutes(Workers workers, PrometheusText& text) const {
  text.Begin("pollux_http_requests_total", Type::kCounter,
             "Requests that were answered.");
  for (const RouteGroup& group : route_groups_) {
    for (size_t i = 0; i < kStatusClasses.size(); ++i) {
      uint64_t count = 0;
      for (const Worker& worker : workers) {
        for (const size_t route : group.routes) {
          count += worker.server->routes[route].responses[i].Read();
        }
      }
      text.Add({{"route", group.name}, {"code", kStatusClasses[i]}}, count);
    }
  }
  text.Begin("pollux_http_request_duration_seconds", Type::kHistogram,
             "From the end of a request's head to the end of its answer.");
  std::vector<Histogram::Snapshot> snapshots;
  for (const RouteGroup& group : route_groups_) {
    snapshots.clear();
    for (const Worker& worker : workers) {
      for (const size_t route : group.routes) {
        snapshots.push_back(worker.server->routes[route].latency.Read());
      }
    }
    text.Add({{"route", group.name}}, snapshots, kRequestBounds);
  }
}

void MetricsHandler::Handle(const Request&, Responder responder) {
  std::string body;
  PrometheusText text(body);
  const std::vector<Worker> workers = workers_();
  WriteProcess(text);
  WriteRoutes(workers, text);
  WriteConnections(text, workers);
  WriteListeners(text, workers);
  WriteLogs(text, workers);
  WriteLoops(text, workers);
  std::move(responder).Send(
      Response{.head = {.status = 200,
                        .fields = {{"Content-Type",
                                    std::string(PrometheusText::kContentType)},
                                   {"Cache-Control", "no-store"}}},
               .body = std::move(body)});
}

}  // namespace pollux
