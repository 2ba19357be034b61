#include "httpd/handlers/basic_auth.h"

#include <algorithm>
#include <optional>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "httpd/handlers/realm.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/owned_request.h"

namespace pollux {
namespace {

struct Credentials {
  std::string name;
  std::string password;
};

bool IsBase64Character(unsigned char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("+/=", c);
}

// What an Authorization field says; nothing if that is not Basic and well
// formed (RFC 7617 §2), or no password.
std::optional<Credentials> ParseBasic(absl::string_view value) {
  constexpr absl::string_view kScheme = "Basic ";
  if (!absl::StartsWithIgnoreCase(value, kScheme)) return std::nullopt;
  value.remove_prefix(kScheme.size());
  value = absl::StripLeadingAsciiWhitespace(value);
  std::string text;
  if (!std::all_of(value.begin(), value.end(), IsBase64Character) ||
      !absl::Base64Unescape(value, &text) ||
      std::any_of(text.begin(), text.end(), absl::ascii_iscntrl)) {
    return std::nullopt;
  }
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  Credentials credentials = {.name = text.substr(0, colon),
                             .password = text.substr(colon + 1)};
  if (credentials.password.size() > CredentialCheck::kMaxPasswordBytes) {
    return std::nullopt;
  }
  return credentials;
}

std::optional<Credentials> CredentialsOf(const Request& request) {
  // One that says it twice may mean either.
  if (request.head().fields.HasSeveral(http::FieldName::kAuthorization)) {
    return std::nullopt;
  }
  return ParseBasic(request.field(http::FieldName::kAuthorization));
}

}  // namespace

struct BasicAuthHandler::Waiting {
  Waiting(const Request& request, Responder responder)
      : request(request), responder(std::move(responder)) {}

  OwnedRequest request;
  Responder responder;
};

absl::StatusOr<std::unique_ptr<BasicAuthHandler>> BasicAuthHandler::Create(
    std::unique_ptr<Handler> inner, absl::string_view realm,
    std::unique_ptr<CredentialCheck> check) {
  if (!IsRealm(realm)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "realm \"", absl::CEscape(realm), "\" is not printable ASCII"));
  }
  const std::string challenge =
      absl::StrCat("Basic realm=\"",
                   absl::StrReplaceAll(realm, {{"\\", "\\\\"}, {"\"", "\\\""}}),
                   "\", charset=\"UTF-8\"");
  return absl::WrapUnique(
      new BasicAuthHandler(std::move(inner), challenge, std::move(check)));
}

BasicAuthHandler::BasicAuthHandler(std::unique_ptr<Handler> inner,
                                   absl::string_view challenge,
                                   std::unique_ptr<CredentialCheck> check)
    : inner_(std::move(inner)),
      unauthorized_(401, "", {{"WWW-Authenticate", challenge}}),
      busy_(503, "", {{"Retry-After", "1"}}),
      check_(std::move(check)) {}

void BasicAuthHandler::Handle(const Request& request, Responder responder) {
  const std::optional<Credentials> credentials = CredentialsOf(request);
  if (!credentials.has_value()) {
    return std::move(responder).Send(
        unauthorized_.As(PreferredFormat(request.head())));
  }
  const auto& [name, password] = *credentials;
  if (check_->Remembers(name, password)) {
    responder.SetUser(name);
    return inner_->Handle(request, std::move(responder));
  }
  if (check_->is_full()) {
    return std::move(responder).Send(busy_.As(PreferredFormat(request.head())));
  }
  responder.PauseBody();
  auto waiting = std::make_unique<Waiting>(request, std::move(responder));
  waiting->responder.HoldBytes(waiting->request.held_bytes());
  check_->Ask(name, password,
              [this, waiting = std::move(waiting)](
                  CredentialCheck::Verdict verdict) mutable {
                OnVerdict(verdict, *waiting);
              });
}

void BasicAuthHandler::OnVerdict(CredentialCheck::Verdict verdict,
                                 Waiting& waiting) {
  // Nobody waits, and who asked is not there any more.
  if (waiting.responder.abandoned()) return;
  const Request request = waiting.request.request();
  waiting.responder.HoldBytes(0);
  if (verdict == CredentialCheck::Verdict::kRight) {
    waiting.responder.SetUser(CredentialsOf(request)->name);
    return std::move(waiting.responder).HandOn(*inner_, request);
  }
  std::move(waiting.responder)
      .Send(unauthorized_.As(PreferredFormat(request.head())));
}

}  // namespace pollux
