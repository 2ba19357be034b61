// Writes metrics as Prometheus reads them.
#ifndef POLLUX_HTTPD_HANDLERS_PROMETHEUS_TEXT_H_
#define POLLUX_HTTPD_HANDLERS_PROMETHEUS_TEXT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/histogram.h"

namespace pollux {

// Writes the text format 0.0.4: families of metrics, one behind another, each
// begun and then followed by its samples. Whoever tells metrics owns one, on
// the stack; one thread. Escapes the values of labels; that names are valid,
// and no sample stands there twice, is the caller's to see to.
class PrometheusText {
 public:
  enum class Type : uint8_t { kCounter, kGauge, kHistogram };

  // Names and values.
  using Labels = std::vector<std::pair<absl::string_view, absl::string_view>>;

  // The Content-Type of the text.
  static constexpr absl::string_view kContentType =
      "text/plain; version=0.0.4; charset=utf-8";

  // Appends to `out`, which must outlive this.
  explicit PrometheusText(std::string& out) : out_(out) {}

  // A family; without samples nothing is written of it. `name` is looked at
  // until the next one begins; `help` is one line without "\".
  void Begin(absl::string_view name, Type type, absl::string_view help);

  // Samples of the family.
  void Add(const Labels& labels, uint64_t value);
  void Add(const Labels& labels, int64_t value);
  void Add(const Labels& labels, double value);
  // All snapshots taken together, in seconds, with a bucket for each of
  // `bounds`, which ascend, and one for the rest.
  void Add(const Labels& labels,
           absl::Span<const Histogram::Snapshot> snapshots,
           absl::Span<const absl::Duration> bounds);

 private:
  void Write(absl::string_view suffix, const Labels& labels,
             absl::string_view value);

  std::string& out_;
  absl::string_view name_;
  // What stands before the first sample; empty behind it.
  std::string head_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_PROMETHEUS_TEXT_H_
