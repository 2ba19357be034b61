#include "httpd/handlers/prometheus_checker.h"

#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace pollux {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

bool IsName(absl::string_view text, absl::string_view more) {
  if (text.empty() || absl::ascii_isdigit(text.front())) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && c != '_' && !absl::StrContains(more, c)) {
      return false;
    }
  }
  return true;
}

// Reads the lines one by one; stops at the first that is wrong.
class Checker {
 public:
  absl::Status Read(absl::string_view line) {
    if (absl::ConsumePrefix(&line, "# HELP ")) return ReadHelp(line);
    if (absl::ConsumePrefix(&line, "# TYPE ")) return ReadType(line);
    if (absl::StartsWith(line, "#") || line.empty()) return Wrong("no sample");
    return ReadSample(line);
  }

  absl::Status EndFamily() {
    if (!family_.empty() && sample_count_ == 0) return Wrong("empty family");
    return EndHistogram();
  }

  PrometheusSamples samples;

 private:
  static absl::Status Wrong(absl::string_view what) {
    return absl::InvalidArgumentError(what);
  }

  absl::Status ReadHelp(absl::string_view line) {
    if (absl::Status status = EndFamily(); !status.ok()) return status;
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    family_ = parts.first;
    type_.clear();
    sample_count_ = 0;
    if (!IsName(family_, ":")) return Wrong("bad name");
    if (parts.second.empty()) return Wrong("no help");
    if (!families_.insert(family_).second) return Wrong("family twice");
    return absl::OkStatus();
  }

  absl::Status ReadType(absl::string_view line) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(line, ' ');
    if (parts.first != family_ || !type_.empty()) return Wrong("type astray");
    type_ = parts.second;
    if (type_ != "counter" && type_ != "gauge" && type_ != "histogram") {
      return Wrong("bad type");
    }
    if ((type_ == "counter") != absl::EndsWith(family_, "_total")) {
      return Wrong("\"_total\" is for counters, and for all of them");
    }
    return absl::OkStatus();
  }

  absl::Status ReadSample(absl::string_view line) {
    const absl::string_view whole = line;
    const size_t name_end = line.find_first_of("{ ");
    if (name_end == absl::string_view::npos) return Wrong("no value");
    absl::string_view name = line.substr(0, name_end);
    line.remove_prefix(name_end);
    Labels labels;
    if (absl::ConsumePrefix(&line, "{") && !ReadLabels(line, labels)) {
      return Wrong("bad labels");
    }
    const absl::string_view key = whole.substr(0, whole.size() - line.size());
    double value;
    if (!absl::ConsumePrefix(&line, " ") || absl::StrContains(line, ' ') ||
        !absl::SimpleAtod(line, &value)) {
      return Wrong("bad value");
    }
    if (type_.empty()) return Wrong("no type");
    if (type_ != "gauge" && value < 0) return Wrong("negative");
    if (!samples.emplace(key, value).second) return Wrong("sample twice");
    ++sample_count_;
    if (!absl::ConsumePrefix(&name, family_)) return Wrong("other family");
    return type_ == "histogram"
               ? ReadOfHistogram(name, std::move(labels), value)
           : name.empty() ? absl::OkStatus()
                          : Wrong("other family");
  }

  // Behind "{", to behind "}".
  static bool ReadLabels(absl::string_view& line, Labels& labels) {
    while (true) {
      const size_t end = line.find("=\"");
      if (end == absl::string_view::npos) return false;
      const absl::string_view name = line.substr(0, end);
      if (!IsName(name, "")) return false;
      for (const auto& [other, value] : labels) {
        if (other == name) return false;
      }
      line.remove_prefix(end + 2);
      std::string value;
      for (; !line.empty() && line.front() != '"'; line.remove_prefix(1)) {
        if (line.front() == '\\') {
          line.remove_prefix(1);
          if (line.empty() || !absl::StrContains("\\\"n", line.front())) {
            return false;
          }
        }
        value.push_back(line.front());
      }
      if (!absl::ConsumePrefix(&line, "\"")) return false;
      labels.emplace_back(name, std::move(value));
      if (absl::ConsumePrefix(&line, "}")) return true;
      if (!absl::ConsumePrefix(&line, ",")) return false;
    }
  }

  absl::Status ReadOfHistogram(absl::string_view suffix, Labels labels,
                               double value) {
    if (suffix == "_bucket") {
      if (labels.empty() || labels.back().first != "le") return Wrong("no le");
      double bound;
      if (!absl::SimpleAtod(labels.back().second, &bound)) return Wrong("le");
      labels.pop_back();
      if (in_histogram_ && labels != labels_) return Wrong("no sum");
      if (in_histogram_ && bound <= last_bound_) return Wrong("le falls");
      if (in_histogram_ && value < last_value_) return Wrong("bucket falls");
      in_histogram_ = true;
      labels_ = std::move(labels);
      last_bound_ = bound;
      last_value_ = value;
      return absl::OkStatus();
    }
    if (!in_histogram_ || labels != labels_) return Wrong("no buckets");
    if (suffix == "_sum") return absl::OkStatus();
    if (suffix != "_count") return Wrong("other family");
    if (last_bound_ != std::numeric_limits<double>::infinity()) {
      return Wrong("no +Inf");
    }
    if (value != last_value_) return Wrong("count is not +Inf's");
    in_histogram_ = false;
    return absl::OkStatus();
  }

  absl::Status EndHistogram() {
    return in_histogram_ ? Wrong("no count") : absl::OkStatus();
  }

  absl::btree_set<std::string> families_;
  std::string family_;
  std::string type_;
  size_t sample_count_ = 0;

  bool in_histogram_ = false;
  Labels labels_;
  double last_bound_ = 0;
  double last_value_ = 0;
};

}  // namespace

absl::StatusOr<PrometheusSamples> ParsePrometheusText(absl::string_view text) {
  if (!absl::ConsumeSuffix(&text, "\n")) {
    return absl::InvalidArgumentError("the last line has no end");
  }
  Checker checker;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::Status status = checker.Read(line); !status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(status.message(), ": ", line));
    }
  }
  if (absl::Status status = checker.EndFamily(); !status.ok()) return status;
  return std::move(checker.samples);
}

}  // namespace pollux
