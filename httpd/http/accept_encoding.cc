#include "httpd/http/accept_encoding.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/list_reader.h"
#include "httpd/http/request_head.h"
#include "httpd/http/weight.h"

namespace pollux::http {
namespace {

constexpr std::array<absl::string_view, kContentCodings> kNames = {
    "identity", "gzip", "deflate", "br", "zstd"};

struct Element {
  absl::string_view coding;
  Weight weight = kMaxWeight;
};

// coding [ OWS ";" OWS "q=" qvalue ]
std::optional<Element> ParseElement(absl::string_view text) {
  const size_t semicolon = text.find(';');
  Element element = {.coding = TrimOws(text.substr(0, semicolon))};
  if (!IsToken(element.coding)) return std::nullopt;
  if (semicolon == text.npos) return element;
  const absl::string_view parameter = TrimOws(text.substr(semicolon + 1));
  if (!absl::StartsWithIgnoreCase(parameter, "q=")) return std::nullopt;
  const std::optional<Weight> weight = ParseWeight(parameter.substr(2));
  if (!weight.has_value()) return std::nullopt;
  element.weight = *weight;
  return element;
}

std::optional<ContentCoding> CodingOf(absl::string_view name) {
  if (absl::EqualsIgnoreCase(name, "x-gzip")) return ContentCoding::kGzip;
  for (size_t i = 0; i < kContentCodings; ++i) {
    if (absl::EqualsIgnoreCase(name, kNames[i])) {
      return static_cast<ContentCoding>(i);
    }
  }
  return std::nullopt;
}

// What a list says, as far as it says anything.
struct Wishes {
  std::array<std::optional<Weight>, kContentCodings> weights;
  std::optional<Weight> any_other;
};

bool ReadLine(absl::string_view value, Wishes& wishes) {
  ListReader list(value);
  absl::string_view text;
  while (list.Next(text)) {
    if (text.empty()) continue;
    const std::optional<Element> element = ParseElement(text);
    if (!element.has_value()) return false;
    if (element->coding == "*") {
      wishes.any_other = element->weight;
    } else if (const auto coding = CodingOf(element->coding)) {
      wishes.weights[static_cast<size_t>(*coding)] = element->weight;
    }
  }
  return true;
}

}  // namespace

absl::string_view ContentCodingName(ContentCoding coding) {
  return kNames[static_cast<size_t>(coding)];
}

AcceptedCodings::AcceptedCodings(const RequestHead& head) {
  constexpr FieldName kName = FieldName::kAcceptEncoding;
  constexpr size_t kIdentity = static_cast<size_t>(ContentCoding::kIdentity);
  // Worse than anything that was asked for.
  constexpr Weight kLeast = 1;
  weights_[kIdentity] = kLeast;
  Wishes wishes;
  for (const Field* field = head.fields.Find(kName); field != nullptr;
       field = head.fields.FindNext(kName, field)) {
    if (!ReadLine(field->value, wishes)) return;
  }
  for (size_t i = 0; i < kContentCodings; ++i) {
    if (wishes.weights[i].has_value()) {
      weights_[i] = *wishes.weights[i];
    } else if (wishes.any_other.has_value() &&
               (i != kIdentity || *wishes.any_other == 0)) {
      weights_[i] = *wishes.any_other;
    }
  }
}

std::optional<ContentCoding> AcceptedCodings::Choose(
    absl::Span<const ContentCoding> offered) const {
  std::optional<ContentCoding> best;
  for (const ContentCoding coding : offered) {
    const Weight weight = WeightOf(coding);
    if (weight > (best.has_value() ? WeightOf(*best) : 0)) best = coding;
  }
  return best;
}

}  // namespace pollux::http
