#include "httpd/handlers/prometheus_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace pollux {
namespace {

absl::string_view NameOf(PrometheusText::Type type) {
  switch (type) {
    case PrometheusText::Type::kCounter:
      return "counter";
    case PrometheusText::Type::kGauge:
      return "gauge";
    case PrometheusText::Type::kHistogram:
      return "histogram";
  }
  return "untyped";
}

// To the nanosecond, up to a few days; 0.1 stays 0.1.
std::string Seconds(absl::Duration duration) {
  return absl::StrFormat("%.15g", absl::ToDoubleSeconds(duration));
}

}  // namespace

void PrometheusText::Begin(absl::string_view name, Type type,
                           absl::string_view help) {
  name_ = name;
  head_ = absl::StrCat("# HELP ", name, " ", help, "\n# TYPE ", name, " ",
                       NameOf(type), "\n");
}

void PrometheusText::Add(const Labels& labels, uint64_t value) {
  Write("", labels, absl::AlphaNum(value).Piece());
}

void PrometheusText::Add(const Labels& labels, int64_t value) {
  Write("", labels, absl::AlphaNum(value).Piece());
}

void PrometheusText::Add(const Labels& labels, double value) {
  Write("", labels, absl::StrFormat("%.15g", value));
}

void PrometheusText::Add(const Labels& labels,
                         absl::Span<const Histogram::Snapshot> snapshots,
                         absl::Span<const absl::Duration> bounds) {
  const auto write_bucket = [&](absl::string_view bound, uint64_t count) {
    Labels bucket = labels;
    bucket.emplace_back("le", bound);
    Write("_bucket", bucket, absl::AlphaNum(count).Piece());
  };
  for (const absl::Duration bound : bounds) {
    uint64_t count = 0;
    for (const Histogram::Snapshot& snapshot : snapshots) {
      count += snapshot.CountAtMost(bound);
    }
    write_bucket(Seconds(bound), count);
  }
  uint64_t count = 0;
  absl::Duration sum;
  for (const Histogram::Snapshot& snapshot : snapshots) {
    count += snapshot.count();
    sum += snapshot.sum();
  }
  write_bucket("+Inf", count);
  Write("_sum", labels, Seconds(sum));
  Write("_count", labels, absl::AlphaNum(count).Piece());
}

void PrometheusText::Write(absl::string_view suffix, const Labels& labels,
                           absl::string_view value) {
  absl::StrAppend(&out_, head_, name_, suffix);
  head_.clear();
  absl::string_view before = "{";
  for (const auto& [name, text] : labels) {
    absl::StrAppend(&out_, before, name, "=\"",
                    absl::StrReplaceAll(
                        text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}),
                    "\"");
    before = ",";
  }
  absl::StrAppend(&out_, labels.empty() ? " " : "} ", value, "\n");
}

}  // namespace pollux
