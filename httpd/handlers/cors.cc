#include "httpd/handlers/cors.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "httpd/handlers/cors_rules.h"
#include "httpd/http/field.h"
#include "httpd/http/field_check.h"
#include "httpd/http/field_name.h"

namespace pollux {
namespace {

constexpr absl::string_view kAnyOrigin = "*";

bool IsPreflight(const Request& request) {
  return request.method() == http::Method::kOptions &&
         request.head().fields.Has(http::FieldName::kOrigin) &&
         !request.field("Access-Control-Request-Method").empty();
}

absl::Status Wrong(absl::string_view what, absl::string_view value,
                   absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " \"", absl::CEscape(value), "\" ", why));
}

absl::Status CheckNames(absl::string_view what,
                        const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!http::IsValidField({name, ""})) {
      return Wrong(what, name, "is no field's name");
    }
  }
  return absl::OkStatus();
}

absl::Status Check(const CorsHandler::Policy& policy) {
  if (policy.origins.empty()) {
    return absl::InvalidArgumentError("cors without an origin");
  }
  for (const std::string& origin : policy.origins) {
    if (origin == kAnyOrigin) {
      if (policy.origins.size() > 1) {
        return Wrong("origin", origin, "leaves no place for others");
      }
      if (policy.credentials == CorsHandler::Credentials::kAllowed) {
        return Wrong("origin", origin,
                     "cannot have credentials: browsers refuse that");
      }
    } else if (!IsCorsOrigin(origin)) {
      return Wrong("origin", origin,
                   "is none: write \"https://example.org\", in small letters, "
                   "or \"*\"");
    }
  }
  if (policy.max_age < absl::ZeroDuration() ||
      policy.max_age == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError("cors with a max_age that is no time");
  }
  absl::Status status = CheckNames("request field", policy.request_fields);
  status.Update(CheckNames("exposed field", policy.exposed_fields));
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CorsHandler>> CorsHandler::Create(
    std::unique_ptr<Handler> inner, const Policy& policy) {
  if (absl::Status status = Check(policy); !status.ok()) return status;
  const MethodSet methods = policy.methods.WithHead();

  const std::string allow_methods = methods.ToString();
  const std::string allow_fields = absl::StrJoin(policy.request_fields, ", ");
  const std::string max_age =
      absl::StrCat(absl::ToInt64Seconds(policy.max_age));
  std::vector<http::Field> fields = {
      {"Access-Control-Allow-Methods", allow_methods},
      {"Access-Control-Max-Age", max_age}};
  if (!allow_fields.empty()) {
    fields.push_back({"Access-Control-Allow-Headers", allow_fields});
  }
  auto preflight = http::PreparedResponse::Create(204, fields, "");
  if (!preflight.ok()) return preflight.status();

  const std::string allow =
      WithPreflight(policy.route_methods.WithHead()).ToString();
  auto options = http::PreparedResponse::Create(204, {{"Allow", allow}}, "");
  if (!options.ok()) return options.status();

  return absl::WrapUnique(new CorsHandler(
      std::move(inner), policy, *std::move(preflight), *std::move(options)));
}

CorsHandler::CorsHandler(std::unique_ptr<Handler> inner, const Policy& policy,
                         http::PreparedResponse preflight,
                         http::PreparedResponse options)
    : inner_(std::move(inner)),
      route_methods_(policy.route_methods),
      credentials_(policy.credentials),
      allows_any_origin_(policy.origins.front() == kAnyOrigin),
      origins_(policy.origins.begin(), policy.origins.end()),
      exposed_fields_(absl::StrJoin(policy.exposed_fields, ", ")),
      preflight_(std::move(preflight)),
      options_(std::move(options)) {}

bool CorsHandler::Allows(const Request& request) const {
  return allows_any_origin_ ||
         (!request.head().fields.HasSeveral(http::FieldName::kOrigin) &&
          origins_.contains(request.field(http::FieldName::kOrigin)));
}

void CorsHandler::Handle(const Request& request, Responder responder) {
  // A cache may keep the answer for one origin, or for none, and must not give
  // it to another; so this is said to everybody.
  if (!allows_any_origin_) responder.AddField("Vary", "Origin");
  const bool is_preflight = IsPreflight(request);
  if (Allows(request)) {
    responder.AddField("Access-Control-Allow-Origin",
                       allows_any_origin_
                           ? kAnyOrigin
                           : request.field(http::FieldName::kOrigin));
    if (credentials_ == Credentials::kAllowed) {
      responder.AddField("Access-Control-Allow-Credentials", "true");
    }
    if (!exposed_fields_.empty() && !is_preflight) {
      responder.AddField("Access-Control-Expose-Headers", exposed_fields_);
    }
  } else if (is_preflight) {
    return std::move(responder).SendStatus(403);
  }
  if (is_preflight) return std::move(responder).Send(preflight_);
  if (request.method() == http::Method::kOptions &&
      !route_methods_.Contains(http::Method::kOptions)) {
    return std::move(responder).Send(options_);
  }
  inner_->Handle(request, std::move(responder));
}

}  // namespace pollux
